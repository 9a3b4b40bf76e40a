defmodule Cluster.Strategy.State do
  @moduledoc "A stand-in for what libcluster hands to a strategy; see `Cluster.Strategy`."

  defstruct [:topology, :connect, :disconnect, :list_nodes, :meta, config: []]

  @type t :: %__MODULE__{}
end
