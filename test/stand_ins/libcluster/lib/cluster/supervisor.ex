defmodule Cluster.Supervisor do
  @moduledoc """
  A stand-in for libcluster's supervisor, one child for each topology; see `Cluster.Strategy`.
  """
  use Supervisor

  alias Cluster.Strategy.State

  def start_link([topologies]), do: start_link([topologies, []])

  def start_link([topologies, options]) do
    Supervisor.start_link(__MODULE__, {topologies, options}, options)
  end

  @impl true
  def init({topologies, options}) do
    topologies
    |> Enum.map(&child/1)
    |> Supervisor.init(Keyword.put(options, :strategy, :one_for_one))
  end

  defp child({topology, spec}) do
    state = %State{
      topology: topology,
      connect: Keyword.get(spec, :connect, {:net_kernel, :connect_node, []}),
      disconnect: Keyword.get(spec, :disconnect, {:erlang, :disconnect_node, []}),
      list_nodes: Keyword.get(spec, :list_nodes, {:erlang, :nodes, [:connected]}),
      config: Keyword.get(spec, :config, [])
    }

    %{id: topology, start: {Keyword.fetch!(spec, :strategy), :start_link, [[state]]}}
  end
end
