defmodule Neighbour do
  @moduledoc """
  A project that uses native_gossip as its users do: as a dependency, in a release, with topologies
  from `config/runtime.exs`. `test/release_test.exs` builds it and starts it.

  With `NAME_LATER` it gets that name after its start, as a program does that learns its address from elsewhere.
  """
  use Application

  @impl true
  def start(_type, _args) do
    topologies = Application.fetch_env!(:libcluster, :topologies)
    children = [{Cluster.Supervisor, [topologies]}] ++ later(System.get_env("NAME_LATER"))
    Supervisor.start_link(children, strategy: :one_for_one)
  end

  defp later(nil), do: []

  defp later(name) do
    [{Task, fn -> {:ok, _} = :net_kernel.start([String.to_atom(name), :longnames]) end}]
  end
end
