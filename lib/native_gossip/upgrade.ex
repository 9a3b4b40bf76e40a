defmodule NativeGossip.Upgrade do
  @moduledoc """
  What an upgrade of a release does before and after it loads another version of this application: the steps around the
  restart in `native_gossip.appup`.

  A library of NIFs is loaded only where the one before is gone, and whoever runs the code of before is killed. So each
  strategy ends in its supervisor, which keeps its specification, and starts again there. Connections between nodes are
  Erlang's, and stay.
  """

  alias NativeGossip.{Loop, Topologies}

  # This module is replaced in between, and another version of it reads what this one wrote: a list of supervisors, each
  # with the id of a child.
  @stopped __MODULE__

  # A loop ends within milliseconds of its strategy.
  @loops_timeout 5_000

  @doc """
  To be called before anything changes, so that an upgrade that cannot end well does not begin.

  Raises `ArgumentError` where a strategy could not be started again: because what started it is no `Supervisor`, or
  does not keep its specification.
  """
  @spec check_topologies() :: :ok
  def check_topologies do
    _children = children(Topologies.all())
    :ok
  end

  @doc "Ends the strategy of each topology that runs. What had ended already when it is called again is remembered."
  @spec stop_topologies() :: :ok
  def stop_topologies do
    running = Topologies.all()
    children = children(running)

    loops =
      for %{loop: loop} when is_pid(loop) <- Enum.map(running, &Topologies.processes/1),
          do: Process.monitor(loop)

    :persistent_term.put(@stopped, Enum.uniq(:persistent_term.get(@stopped, []) ++ children))
    for {supervisor, id} <- children, do: :ok = Supervisor.terminate_child(supervisor, id)
    Enum.each(loops, &await_end/1)
  end

  @doc """
  Starts those again that `stop_topologies/0` ended.

  Raises `RuntimeError` with those that do not start, after all were tried.
  """
  @spec start_topologies() :: :ok
  def start_topologies do
    failed =
      for {supervisor, id} <- :persistent_term.get(@stopped, []),
          {:error, reason} <- [restart(supervisor, id)],
          do: {id, reason}

    _existed? = :persistent_term.erase(@stopped)
    if failed != [], do: raise(refused(failed))
    :ok
  end

  # The supervisor has the options that it was started with, so a correction needs its restart.
  defp refused(failed) do
    reasons = for {id, reason} <- failed, do: "#{inspect(id)}: #{written(reason)}\n"

    "after an upgrade these topologies do not start again:\n#{reasons}" <>
      "Read the reason. Where an option is refused, correct it in config :libcluster, topologies: … and restart the " <>
      "node with it, before the upgrade"
  end

  # What a start raises in its supervisor, or its process. The arguments in a stack trace may be options.
  defp written({:EXIT, reason}), do: written(reason)

  defp written({reason, stack}) when is_list(stack),
    do: Exception.message(Exception.normalize(:error, reason, Loop.without_arguments(stack)))

  defp written(reason), do: Exception.format_exit(reason)

  defp restart(supervisor, id) do
    case Supervisor.restart_child(supervisor, id) do
      {:error, :running} -> :ok
      started_or_not -> started_or_not
    end
  catch
    # Whoever starts that supervisor starts its children.
    :exit, {:noproc, _} -> :ok
  end

  # A strategy that has ended meanwhile, or is started by a supervisor that has, is of no concern.
  defp children(running) do
    for {topology, strategy, _native} <- running,
        {:parent, parent} <- [Process.info(strategy, :parent)],
        do: child!(topology, strategy, parent)
  end

  defp child!(topology, strategy, parent) do
    with {:supervisor, _module, _arity} <- :proc_lib.translate_initial_call(parent),
         children = Supervisor.which_children(parent),
         {id, _, _, _} when id != :undefined <- List.keyfind(children, strategy, 1),
         {:ok, %{restart: restart}} when restart != :temporary <-
           :supervisor.get_childspec(parent, id) do
      {parent, id}
    else
      _other ->
        raise ArgumentError,
              "the strategy of topology #{inspect(topology)} has no Supervisor that could start it again after an " <>
                "upgrade: expected a permanent child of one, as of Cluster.Supervisor. Stop it before the upgrade."
    end
  end

  defp await_end(loop) do
    receive do
      {:DOWN, ^loop, :process, _pid, _reason} -> :ok
    after
      @loops_timeout -> :ok
    end
  end
end
