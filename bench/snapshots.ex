defmodule NativeGossip.Bench.Snapshots do
  @moduledoc """
  What `bin/bench snapshots` measures: what it costs to ask a loop for its status and for thousands of peers, and
  what packets and calls notice of it.

  All peers are connected and sign, and 200 heartbeats a second come from them, as in a cluster of that size. The
  times of a question are of its parts: the loop answers, terms are made of the answer, and structs of these. Then
  a packet is sent to the loop again and again while nobody asks, while somebody asks once a second, and while
  somebody asks without a pause: the times until it was judged.
  """
  @behaviour NativeGossip.Bench

  alias NativeGossip.Bench.{Probe, Sender, Settled, Table}
  alias NativeGossip.Dev.Beam
  alias NativeGossip.{Native, Peer, Topologies}

  @rate 200
  @questions 50

  @impl true
  def about do
    %{
      name: "snapshots",
      text:
        "`NativeGossip.status/1` and `NativeGossip.peers/1` of PEERS: what they take, and for SECONDS what packets " <>
          "and calls notice of them",
      arguments: [peers: 4096, seconds: 10],
      examples: ["heartbeats"]
    }
  end

  @impl true
  def run(%{peers: peers, seconds: seconds}) do
    # What it sends itself within any measurement is nobody's heartbeat.
    {beam, port} = Settled.start(:ours, peers, heartbeat_interval: 60_000)
    sender = Sender.start(:signed, port, [peers, @rate, 1, 4 * seconds + 60])
    tables = [questions(beam, peers), noticed(beam, port, peers, seconds)]
    :ok = Sender.stop(sender)
    Beam.stop(beam)
    tables
  end

  defp questions(beam, peers) do
    %Table{
      name: "questions",
      title:
        "What a question to a loop of #{peers} peers takes, ms: median and longest of #{@questions}",
      columns: [
        question: "question",
        asked: "loop answers",
        asked_longest: "longest",
        read: "terms are made",
        read_longest: "longest",
        made: "structs are made",
        made_longest: "longest",
        size: "kB of the result"
      ],
      rows:
        for question <- [:status, :peers] do
          beam
          |> Beam.call(__MODULE__, :times, [question], 60_000)
          |> Map.put(:question, Atom.to_string(question))
        end
    }
  end

  defp noticed(beam, port, peers, seconds) do
    %Table{
      name: "snapshots",
      title:
        "#{peers} peers, #{@rate} heartbeats a second: ms until a packet is judged, and of calls " <>
          "between two other processes, in #{seconds} s",
      columns: [
        asking: "asking for all peers",
        questions: "questions",
        packet: "packet p50",
        packet_p99: "p99",
        longest: "longest",
        call_p99: "call p99",
        memory: "MB more at most"
      ],
      rows:
        for {name, pause} <- [{"never", nil}, {"once a second", 1_000}, {"without a pause", 0}] do
          arguments = [port, pause, seconds * 1_000]

          beam
          |> Beam.call(__MODULE__, :notice, arguments, 30_000 + 2 * seconds * 1_000)
          |> Map.put(:asking, name)
        end
    }
  end

  @doc "What the parts of a question take."
  @spec times(:status | :peers) :: %{atom => number}
  def times(question) do
    {_topology, _strategy, loop} = Topologies.find!(:lan)

    rounds =
      for _ <- 1..@questions do
        {asked, snapshot} = :timer.tc(fn -> answer(loop, question) end)
        {read, fields} = :timer.tc(fn -> Native.read(snapshot) end)
        {made, result} = :timer.tc(fn -> structs(question, fields) end)
        Process.sleep(20)
        {[asked, read, made], :erts_debug.flat_size(result) * 8}
      end

    {times, [size | _]} = Enum.unzip(rounds)
    [asked, read, made] = Enum.zip_with(times, & &1)

    %{
      asked: Table.percentile(asked, 50) / 1_000,
      asked_longest: Enum.max(asked) / 1_000,
      read: Table.percentile(read, 50) / 1_000,
      read_longest: Enum.max(read) / 1_000,
      made: Table.percentile(made, 50) / 1_000,
      made_longest: Enum.max(made) / 1_000,
      size: div(size, 1_000)
    }
  end

  defp answer(loop, question) do
    true = Native.ask(loop, question)

    receive do
      {:gossip_snapshot, snapshot} -> snapshot
    end
  end

  defp structs(:status, fields), do: NativeGossip.Status.new(:lan, fields)
  defp structs(:peers, peers), do: Enum.map(peers, &Peer.new/1)

  @doc "What packets and calls notice while somebody asks with this pause, in ms, for this time."
  @spec notice(:inet.port_number(), nil | non_neg_integer, pos_integer) ::
          %{atom => number}
  def notice(port, pause, time) do
    {:ok, socket} = :gen_udp.open(0, [:binary])
    until = System.monotonic_time(:millisecond) + time
    :ok = Probe.start(:lan)
    asker = Task.async(fn -> ask(pause, until, 0) end)
    memory = Task.async(fn -> highest_memory(until) end)
    taken = packets(socket, port, until, [])
    %{p99_us: call} = Probe.stop()
    :gen_udp.close(socket)

    %{
      questions: Task.await(asker, :infinity),
      packet: Table.percentile(taken, 50) / 1_000,
      packet_p99: Table.percentile(taken, 99) / 1_000,
      longest: Enum.max(taken) / 1_000,
      call_p99: call / 1_000,
      memory: Task.await(memory) / 1_000_000
    }
  end

  defp ask(pause, until, count) do
    cond do
      System.monotonic_time(:millisecond) >= until ->
        count

      pause == nil ->
        Process.sleep(100)
        ask(pause, until, count)

      true ->
        _ = NativeGossip.peers(:lan)
        Process.sleep(pause)
        ask(pause, until, count + 1)
    end
  end

  # By how many bytes the VM grew at most: what Rust has is not among them.
  defp highest_memory(until) do
    Enum.each(Process.list(), &:erlang.garbage_collect/1)
    start = :erlang.memory(:total)
    highest_memory(until, start) - start
  end

  defp highest_memory(until, highest) do
    if System.monotonic_time(:millisecond) >= until do
      highest
    else
      Process.sleep(2)
      highest_memory(until, max(highest, :erlang.memory(:total)))
    end
  end

  # A packet is sent, and when it is counted another one.
  defp packets(socket, port, until, taken) do
    if System.monotonic_time(:millisecond) >= until do
      taken
    else
      before = NativeGossip.counters(:lan).undecryptable

      {time, :ok} =
        :timer.tc(fn ->
          :ok = :gen_udp.send(socket, {127, 0, 0, 1}, port, "noise")
          await_count(before)
        end)

      Process.sleep(2)
      packets(socket, port, until, [time | taken])
    end
  end

  defp await_count(before) do
    if NativeGossip.counters(:lan).undecryptable > before, do: :ok, else: await_count(before)
  end
end
