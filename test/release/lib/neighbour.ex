defmodule Neighbour do
  @moduledoc """
  A project that uses native_gossip as its users do: as a dependency, in a release, with topologies
  from `config/runtime.exs`. `test/release_test.exs` builds it and starts it twice.
  """
  use Application

  @impl true
  def start(_type, _args) do
    topologies = Application.fetch_env!(:libcluster, :topologies)
    Supervisor.start_link([{Cluster.Supervisor, [topologies]}], strategy: :one_for_one)
  end
end
