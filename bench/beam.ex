defmodule NativeGossip.Bench.Beam do
  @moduledoc """
  What `bin/bench beam` measures: what the BEAM notices of a settled cluster. 200 heartbeats a second come, as in
  any cluster of 500 nodes or more.

  Messages are counted by tracing, at the process of the strategy and at its loop's; then, without tracing, the
  garbage collections of the VM and how often its schedulers woke up, while VMs with and without a strategy run
  side by side.
  """
  @behaviour NativeGossip.Bench

  alias NativeGossip.Bench.{Sender, Settled, Table}
  alias NativeGossip.Dev
  alias NativeGossip.Dev.{Inside, OsProcess}
  alias NativeGossip.Topologies

  @rounds 3
  @rate 200

  # Erlang has called them by both names.
  defp normal, do: ~r/\A(erts_sched|\d+_scheduler)/
  defp dirty_io, do: ~r/\A(erts_dios|\d+_dirty_io)/

  @impl true
  def about do
    %{
      name: "beam",
      text:
        "a settled cluster of PEERS, each round for SECONDS: messages to the BEAM, garbage collections, wake-ups",
      arguments: [peers: 1_000, seconds: 10],
      examples: ["heartbeats"]
    }
  end

  @impl true
  def run(%{peers: peers, seconds: seconds}) do
    started = for way <- Settled.ways(), do: {way, Settled.start(way, peers)}
    messages = for {way, settled} <- started, do: {way, messages(way, settled, peers, seconds)}
    rounds = for _ <- 1..@rounds, do: side_by_side(started, peers, seconds)
    for {_way, {beam, _port}} <- started, do: Dev.Beam.stop(beam)

    %Table{
      name: "beam",
      title: "What the BEAM notices of #{peers} peers that send #{@rate} heartbeats a second",
      note: "A second, median of #{@rounds} rounds of #{seconds} s; side by side.",
      columns: [
        way: "VM with",
        messages: "messages a heartbeat",
        other: "other messages in #{seconds} s",
        collections: "garbage collections",
        normal: "wake-ups of schedulers",
        dirty_io: "of dirty IO schedulers"
      ],
      rows:
        for {way, _} <- started do
          of_way = Enum.map(rounds, & &1[way])

          columns =
            for key <- [:collections, :normal, :dirty_io], do: {key, %{runs: pick(of_way, key)}}

          Map.merge(Map.new(columns), messages[way]) |> Map.put(:way, Settled.title(way))
        end
    }
  end

  defp pick(rounds, key), do: Enum.map(rounds, & &1[key])

  defp messages(:none, _settled, _peers, _seconds), do: %{messages: nil, other: nil}

  defp messages(way, {beam, port}, peers, seconds) do
    :ok = Dev.Beam.call(beam, __MODULE__, :trace, [way])
    sent = Sender.run(:signed, port, [peers, @rate, 1, seconds])
    kinds = Dev.Beam.call(beam, __MODULE__, :traced, [])
    {of_heartbeats, other} = split(kinds)
    %{messages: of_heartbeats / sent, other: other}
  end

  @doc """
  How many of these messages, counted by their kinds, heartbeats led to, and how many came for other reasons.

      iex> NativeGossip.Bench.Beam.split(%{udp: 200, gossip_peer: 1, heartbeat: 3, nodeup: 2})
      {201, 5}
  """
  @spec split(%{atom => non_neg_integer}) :: {non_neg_integer, non_neg_integer}
  def split(kinds) do
    {of_heartbeats, other} = Map.split(kinds, [:udp, :gossip_peer])
    {of_heartbeats |> Map.values() |> Enum.sum(), other |> Map.values() |> Enum.sum()}
  end

  defp side_by_side(started, peers, seconds) do
    senders =
      for {way, {_beam, port}} <- started, way != :none do
        Sender.start(:signed, port, [peers, @rate, 1, seconds + 2])
      end

    before = Map.new(started, fn {way, {beam, _}} -> {way, noted(beam)} end)
    Process.sleep(seconds * 1_000)
    later = Map.new(started, fn {way, {beam, _}} -> {way, noted(beam)} end)
    Enum.each(senders, &Sender.stop/1)

    Map.new(before, fn {way, noted} ->
      {way, Map.merge(noted, later[way], fn _, old, new -> (new - old) / seconds end)}
    end)
  end

  defp noted(beam) do
    {collections, _, _} = Dev.Beam.call(beam, :erlang, :statistics, [:garbage_collection])

    %{
      collections: collections,
      normal: OsProcess.context_switches(beam.os_pid, normal()),
      dirty_io: OsProcess.context_switches(beam.os_pid, dirty_io())
    }
  end

  @doc "Begins to count, inside a VM, the messages that reach the processes of its strategy."
  @spec trace(Settled.way()) :: :ok
  def trace(way) do
    processes = processes(way, Inside.strategy(:lan))
    caller = self()

    counter =
      spawn(fn ->
        for pid <- processes, do: 1 = :erlang.trace(pid, true, [:receive])
        send(caller, :traced)
        count(%{})
      end)

    true = Process.register(counter, __MODULE__)

    receive do
      :traced -> :ok
    end
  end

  defp processes(:stock, strategy), do: [strategy]

  defp processes(:ours, strategy) do
    {_topology, ^strategy, _loop} = entry = Topologies.find!(:lan)
    [strategy, Topologies.processes(entry).loop]
  end

  defp count(kinds) do
    receive do
      {:trace, _pid, :receive, message} -> count(Map.update(kinds, kind(message), 1, &(&1 + 1)))
      {:count, from} -> send(from, {:counted, kinds})
    end
  end

  defp kind(message) when is_tuple(message) and is_atom(elem(message, 0)), do: elem(message, 0)
  defp kind(message) when is_atom(message), do: message
  defp kind(_message), do: :other

  @doc "What was counted, by kind, after a packet of no meaning that must be among it: else nothing would be."
  @spec traced :: %{atom => non_neg_integer}
  def traced do
    strategy = Inside.strategy(:lan)
    send(strategy, {:udp, nil, {127, 0, 0, 1}, 0, ""})
    %{} = :sys.get_state(strategy)
    delivered = :erlang.trace_delivered(:all)

    receive do
      {:trace_delivered, :all, ^delivered} -> :ok
    end

    send(__MODULE__, {:count, self()})

    receive do
      {:counted, %{udp: packets, system: 1} = kinds} ->
        Map.delete(%{kinds | udp: packets - 1}, :system)
    end
  end
end
