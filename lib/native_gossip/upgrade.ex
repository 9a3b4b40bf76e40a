defmodule NativeGossip.Upgrade do
  @moduledoc """
  What an upgrade of a release does before and after it loads another version of this application: the two steps around
  the restart in `native_gossip.appup`.

  A library of NIFs is loaded only where the one before is gone, so no loop may run meanwhile. Each strategy ends in its
  supervisor, which keeps its specification, and starts again there. Connections between nodes are Erlang's, and stay.
  """

  alias NativeGossip.Topologies

  # The code of this module goes in between.
  @stopped __MODULE__

  @doc """
  Ends the strategy of each topology that runs, within a second or two each.

  Raises `ArgumentError`, before any has ended, where one was started by something other than a `Supervisor`, as
  `Cluster.Supervisor` is: nobody could start it again.
  """
  @spec stop_topologies() :: :ok
  def stop_topologies do
    children = for {topology, strategy, _loop} <- Topologies.all(), do: child!(topology, strategy)
    for {supervisor, id} <- children, do: :ok = Supervisor.terminate_child(supervisor, id)
    :persistent_term.put(@stopped, children)
  end

  @doc "Starts those again that `stop_topologies/0` ended."
  @spec start_topologies() :: :ok
  def start_topologies do
    children = :persistent_term.get(@stopped, [])
    for {supervisor, id} <- children, do: {:ok, _} = Supervisor.restart_child(supervisor, id)
    :persistent_term.erase(@stopped)
    :ok
  end

  defp child!(topology, strategy) do
    {:dictionary, dictionary} = Process.info(strategy, :dictionary)
    [parent | _] = Keyword.fetch!(dictionary, :"$ancestors")
    supervisor = if is_atom(parent), do: Process.whereis(parent), else: parent

    # What is no supervisor must not be called.
    children =
      case :proc_lib.translate_initial_call(supervisor) do
        {:supervisor, _module, _arity} -> Supervisor.which_children(supervisor)
        _other -> []
      end

    case List.keyfind(children, strategy, 1) do
      {id, ^strategy, _type, _modules} ->
        {supervisor, id}

      nil ->
        raise ArgumentError,
              "the strategy of topology #{inspect(topology)} was not started by a Supervisor, so that an upgrade could " <>
                "not start it again. Stop it before, or have Cluster.Supervisor start it."
    end
  end
end
