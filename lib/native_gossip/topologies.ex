defmodule NativeGossip.Topologies do
  @moduledoc """
  Which topologies run on this node, each with the process of its strategy, its loop, and the processes of both.

  A `Registry` with duplicate keys: two supervisors may run topologies of one name. An entry goes with
  the process that made it. Whoever asks reads the loop here, and calls no process: there is none that a
  wrong argument could harm, or whose answer would have to be waited for.
  """

  alias NativeGossip.Native

  @typedoc "Who serves the loop, and who has failed connections probed."
  @type processes :: %{loop: pid | nil, prober: pid | nil}

  @type entry :: {topology :: term, strategy :: pid, Native.t()}

  @doc false
  def child_spec(_), do: Registry.child_spec(keys: :duplicate, name: __MODULE__)

  @doc """
  Enters the topology of the calling process, which is linked to the process returned. Where the
  application `native_gossip` is not started there is none: the strategy works, and cannot be found.
  """
  @spec register(topology :: term, Native.t(), processes) :: pid | nil
  def register(topology, loop, processes) do
    if Process.whereis(__MODULE__) do
      {:ok, registry} = Registry.register(__MODULE__, topology, {loop, processes})
      registry
    end
  end

  @doc """
  All topologies that run, in the order of their names.
  """
  @spec all() :: [entry]
  def all do
    if Process.whereis(__MODULE__) do
      entries =
        Registry.select(__MODULE__, [{{:"$1", :"$2", {:"$3", :_}}, [], [{{:"$1", :"$2", :"$3"}}]}])

      # A process that has ended keeps its entry for a moment.
      Enum.sort(for {_, strategy, _} = entry <- entries, Process.alive?(strategy), do: entry)
    else
      []
    end
  end

  @doc "The processes of a topology; nil for those that it has not, or has no more."
  @spec processes(entry) :: processes
  def processes({topology, strategy, _loop}) do
    case Registry.values(__MODULE__, topology, strategy) do
      [{_loop, processes}] -> processes
      [] -> %{loop: nil, prober: nil}
    end
  end

  @doc """
  The one entry of a topology, or of a strategy's process.

  Raises `ArgumentError` where there is none, or more than one.
  """
  @spec find!(topology :: term | pid) :: entry
  def find!(asked) do
    entries = all()

    case for {topology, strategy, _} = entry <- entries, asked in [topology, strategy], do: entry do
      [entry] -> entry
      [] -> raise ArgumentError, unknown(asked, entries)
      several -> raise ArgumentError, ambiguous(asked, several)
    end
  end

  defp unknown(asked, entries) do
    what =
      if is_pid(asked),
        do: "is not the process of a strategy",
        else: "is not a topology that runs"

    "#{inspect(asked)} #{what} with NativeGossip.Strategy on this node. " <> there_are(entries)
  end

  defp there_are([]) do
    started =
      if Process.whereis(__MODULE__),
        do: "Start Cluster.Supervisor with a topology whose strategy is NativeGossip.Strategy.",
        else: "Start the application :native_gossip before Cluster.Supervisor."

    "None runs. " <> started
  end

  defp there_are(entries) do
    names = entries |> Enum.map(fn {topology, _, _} -> inspect(topology) end) |> Enum.uniq()
    "Those that run are: #{Enum.join(names, ", ")}."
  end

  defp ambiguous(topology, entries) do
    pids = Enum.map_join(entries, ", ", fn {_, strategy, _} -> inspect(strategy) end)

    "topology #{inspect(topology)} runs #{length(entries)} times on this node. " <>
      "Give the pid of one of its strategies instead of the name: #{pids}."
  end
end
