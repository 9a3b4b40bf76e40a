defmodule NativeGossip.Bench.Snapshots do
  @moduledoc """
  What `bin/bench snapshots` measures: what it costs to ask a loop for its status and for thousands of peers, and
  what packets and calls notice of it.

  All peers are connected and sign, and 200 heartbeats a second come from them, as in a cluster of that size. The
  times of a question are of its parts: the loop answers, terms are made of the answer, and structs of these. Then
  a packet is sent to the loop again and again while nobody asks, while somebody asks once a second, and while
  somebody asks without a pause: the times until it was judged.
  """
  import NativeGossip.Bench.Receiver

  alias NativeGossip.Bench.Probe
  alias NativeGossip.Dev.Beam
  alias NativeGossip.{Native, Peer, Topologies}

  @rate 200
  @questions 50

  @doc "Prints a row for each question to a loop with `peers`, and one for each way of asking, measured for `seconds`."
  @spec main(peers: pos_integer, seconds: pos_integer) :: :ok
  def main(peers: peers, seconds: seconds) do
    {beam, port} = start(max_peers: peers)
    # Every peer is heard and connected, and goes on to send.
    lasting = div(peers, @rate) + 4 * seconds + 60
    sender = Task.async(fn -> send_heartbeats(:signed, port, [peers, @rate, 1, lasting]) end)
    await_connected(beam, peers)

    IO.puts(
      "#{peers} peers, #{@rate} heartbeats a second; ms, median and longest of #{@questions}\n"
    )

    row(["question", "loop answers", "terms are made", "structs are made", "kB of the result"])
    row(List.duplicate("---", 5))

    for question <- [:status, :peers] do
      row([question | Beam.call(beam, __MODULE__, :times, [question], 60_000)])
    end

    IO.puts("\nms until a packet is judged, and of calls between two other processes\n")

    row([
      "asking for all peers",
      "questions",
      "packet p50",
      "p99",
      "longest",
      "call p99",
      "MB more at most"
    ])

    row(List.duplicate("---", 7))

    for {name, pause} <- [{"never", nil}, {"once a second", 1_000}, {"without a pause", 0}] do
      cells = Beam.call(beam, __MODULE__, :notice, [port, pause, seconds * 1_000], 120_000)
      row([name | cells])
    end

    _ = Task.shutdown(sender, :brutal_kill)
    Beam.stop(beam)
    :ok
  end

  @doc "What the parts of a question take."
  @spec times(:status | :peers) :: [String.t()]
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
    columns = Enum.zip_with(times, & &1)

    for(column <- columns, do: "#{ms(at(column, 50))} (#{ms(Enum.max(column))})") ++
      [div(size, 1_000)]
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
  @spec notice(:inet.port_number(), nil | non_neg_integer, pos_integer) :: [term]
  def notice(port, pause, time) do
    {:ok, socket} = :gen_udp.open(0, [:binary])
    until = System.monotonic_time(:millisecond) + time
    :ok = Probe.start(:lan)
    asker = Task.async(fn -> ask(pause, until, 0) end)
    memory = Task.async(fn -> highest_memory(until) end)
    taken = packets(socket, port, until, [])
    %{p99_us: call} = Probe.stop()
    :gen_udp.close(socket)

    [Task.await(asker, :infinity), ms(at(taken, 50)), ms(at(taken, 99)), ms(Enum.max(taken))] ++
      [ms(call), Float.round(Task.await(memory) / 1_000_000, 1)]
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

  defp at(values, percent),
    do: values |> Enum.sort() |> Enum.at(div((length(values) - 1) * percent, 100))

  defp ms(us), do: :erlang.float_to_binary(us / 1_000, decimals: 2)
end
