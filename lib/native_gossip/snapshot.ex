defmodule NativeGossip.Snapshot do
  @moduledoc """
  Asks a loop how it is, and waits for the answer.

  The question goes into the loop's queue, and the loop answers between two batches of packets: nobody holds a lock that a
  heartbeat waits for. A process of its own waits, so that no message is left to the caller, also where the answer
  comes too late. What it gets stands for data in Rust; the caller makes terms of it, on a dirty CPU scheduler.
  """

  alias NativeGossip.{Native, Topologies}

  # In ms. A loop that has its scheduler answers within a few.
  @timeout 5_000

  @type question :: :status | :peers
  @type failure :: :stopped | :busy | :no_answer | :own_loop

  @doc """
  The answer of a topology, or of the process of a strategy, with the name of the topology.

  Raises `ArgumentError` where it does not run, `RuntimeError` where it does not answer.
  """
  @spec take!(topology :: term | pid, question) :: {topology :: term, map | [map]}
  def take!(asked, question) do
    {topology, _strategy, _loop} = entry = Topologies.find!(asked)

    case take(entry, question) do
      {:ok, answer} -> {topology, answer}
      {:error, failure} -> raise exception(topology, failure)
    end
  end

  @doc "The answers of all topologies that run, but of those that stop meanwhile."
  @spec take_all(question) :: [{topology :: term, map | [map]}]
  def take_all(question) do
    Enum.flat_map(Topologies.all(), fn {topology, _strategy, _loop} = entry ->
      case take(entry, question) do
        {:ok, answer} -> [{topology, answer}]
        {:error, :stopped} -> []
        {:error, failure} -> raise exception(topology, failure)
      end
    end)
  end

  @doc """
  The address from which the process of a strategy heard a node last; nil where it did not, or does not answer.
  """
  @spec source(strategy :: pid, node) :: :inet.ip_address() | nil
  def source(strategy, node) do
    name = Atom.to_string(node)
    {_topology, peers} = take!(strategy, :peers)
    Enum.find_value(peers, fn peer -> if peer.name == name, do: peer.address end)
  rescue
    _ in [ArgumentError, RuntimeError] -> nil
  end

  @spec take(Topologies.entry(), question) :: {:ok, map | [map]} | {:error, failure}
  defp take(entry, question) do
    if Topologies.processes(entry).loop == self(),
      do: {:error, :own_loop},
      else: wait(entry, question)
  end

  defp wait({_topology, strategy, loop}, question) do
    {_pid, ref} = spawn_monitor(__MODULE__, :ask, [strategy, loop, question, @timeout])

    receive do
      {:DOWN, ^ref, :process, _pid, {:shutdown, {__MODULE__, {:ok, snapshot}}}} ->
        {:ok, Native.read(snapshot)}

      {:DOWN, ^ref, :process, _pid, {:shutdown, {__MODULE__, failure}}} ->
        failure

      # Somebody has killed it.
      {:DOWN, ^ref, :process, _pid, _reason} ->
        {:error, :no_answer}
    end
  end

  @doc false
  @spec ask(strategy :: pid, Native.t(), question, timeout) :: no_return
  def ask(strategy, loop, question, timeout) do
    monitor = Process.monitor(strategy)
    exit({:shutdown, {__MODULE__, answer(Native.ask(loop, question), monitor, timeout)}})
  end

  defp answer(false, _monitor, _timeout), do: {:error, :busy}

  defp answer(true, monitor, timeout) do
    receive do
      {:gossip_snapshot, snapshot} -> {:ok, snapshot}
      {:DOWN, ^monitor, :process, _pid, _reason} -> {:error, :stopped}
    after
      timeout -> {:error, :no_answer}
    end
  end

  defp exception(topology, :stopped) do
    ArgumentError.exception(
      "topology #{inspect(topology)} stopped while it was asked. NativeGossip.topologies/0 has those that run"
    )
  end

  defp exception(topology, :own_loop) do
    RuntimeError.exception(
      "topology #{inspect(topology)} was asked by its own loop, in a handler of telemetry, and would send no " <>
        "heartbeats while it waits for itself. Have the handler send a message, and ask in the process that gets it"
    )
  end

  defp exception(topology, :busy) do
    RuntimeError.exception(
      "topology #{inspect(topology)} was not asked: 64 questions wait for it already. Ask again, and less often"
    )
  end

  defp exception(topology, :no_answer) do
    RuntimeError.exception(
      "topology #{inspect(topology)} did not answer within #{div(@timeout, 1_000)} s: its loop waits for a dirty " <>
        "IO scheduler, or this host is overloaded. Ask again; if it stays so, start the VM with more of them " <>
        "(+SDio 16)"
    )
  end
end
