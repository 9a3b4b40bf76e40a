defmodule NativeGossip.Bench.Latency do
  @moduledoc """
  What `bin/bench latency` measures: the time from the sending of a packet until `{:gossip_peer, node}` is in the
  process that waits for it, beside the time until a packet is in a process that reads a socket of `gen_udp` in
  active mode, as the stock strategy does.

  Both are of one VM with two schedulers, and take turns packet by packet: first while nothing else happens, then
  with a process on each scheduler that never waits. The process that sends is the one that waits. Each packet is the
  first heartbeat of a node, since the BEAM hears of no other.
  """
  @behaviour NativeGossip.Bench

  alias NativeGossip.Bench.{Settled, Table}
  alias NativeGossip.Dev.{Beam, FreePort, Inside}
  alias NativeGossip.{Loop, Native, Options}

  @schedulers 2
  @host {127, 0, 0, 1}
  @warm_up 50
  @pause_ms 3
  @within_ms 10_000

  # With it each node is announced when it is heard; without it, half of them when they have not dialled first.
  @refresh_ms 3_600_000

  @ways [loop: "{:gossip_peer, node} of this strategy", gen_udp: "packet of gen_udp, active"]

  @impl true
  def about do
    %{
      name: "latency",
      text:
        "from a packet to a message in a process: PACKETS by the loop and by gen_udp, in turns",
      arguments: [packets: 1_000],
      examples: []
    }
  end

  @impl true
  def run(%{packets: packets}) do
    beam = Beam.start_link(args: ["+S", "#{@schedulers}:#{@schedulers}"])
    :ok = Beam.call(beam, Inside, :become, [:"latency@127.0.0.1"])

    rows =
      for {state, busy} <- [{"idle", 0}, {"all schedulers busy", @schedulers}],
          within = packets * 2 * @within_ms,
          times = Beam.call(beam, __MODULE__, :times, [packets, busy], within),
          {way, title} <- @ways do
        taken = times[way]

        %{
          state: state,
          way: title,
          median: Table.percentile(taken, 50) / 1.0,
          p99: Table.percentile(taken, 99) / 1.0,
          longest: Enum.max(taken) / 1.0
        }
      end

    Beam.stop(beam)

    %Table{
      name: "latency",
      title: "From a packet to a message in a process, µs; #{packets} packets each",
      columns: [
        state: "VM",
        way: "until",
        median: "median",
        p99: "99th percentile",
        longest: "longest"
      ],
      rows: rows
    }
  end

  @doc "The times in µs of both ways, inside the VM, beside this many processes that never wait."
  @spec times(pos_integer, non_neg_integer) :: %{atom => [pos_integer]}
  def times(packets, busy) do
    port = FreePort.udp()
    [lan: topology] = Settled.topologies(:ours, port, config: [max_peers: 100_000])
    native = topology[:config] |> Options.validate!(:lan) |> Native.open(@refresh_ms)
    about = %{topology: :lan, heartbeat_form: :plain, authentication: :compatible}
    {:ok, loop} = Loop.start_link(native, about)
    {:ok, socket} = :gen_udp.open(0, [:binary, ip: @host, active: true])
    {:ok, other_port} = :inet.port(socket)
    send_to = %{loop: {native, port}, gen_udp: other_port}
    spinning = for _ <- 1..busy//1, do: spawn_link(&spin/0)

    {_, taken} =
      Enum.split(for(n <- 1..(@warm_up + packets), do: turn(n, busy, send_to)), @warm_up)

    Enum.each([loop | spinning], &end_linked/1)
    :gen_udp.close(socket)
    %{loop: Enum.map(taken, & &1.loop), gen_udp: Enum.map(taken, & &1.gen_udp)}
  end

  # Both in the order of the turn: what one of them leaves behind does not fall on the same one each time.
  defp turn(number, busy, to) do
    ways = if rem(number, 2) == 0, do: [:loop, :gen_udp], else: [:gen_udp, :loop]
    name = :"peer#{number}-#{busy}@127.0.0.1"
    packet = "heartbeat::" <> :erlang.term_to_binary(%{node: name})
    {:ok, sender} = :gen_udp.open(0, [:binary, ip: @host, active: false])
    taken = Map.new(ways, &{&1, time(&1, sender, to, packet, name)})
    :gen_udp.close(sender)
    taken
  end

  defp time(way, sender, to, packet, name) do
    # The VM and the loop sleep when the packet comes.
    Process.sleep(@pause_ms)
    {port, native} = port(to[way])
    sent = System.monotonic_time()
    :ok = :gen_udp.send(sender, @host, port, packet)

    receive do
      {:gossip_peer, ^name} when native != nil -> :ok
      {:udp, _socket, _ip, _port, ^packet} when native == nil -> :ok
    after
      @within_ms -> raise "no packet came by #{way} within #{@within_ms} ms"
    end

    taken = System.monotonic_time() - sent
    if native, do: :ok = Native.report(native, name, :connected)
    System.convert_time_unit(taken, :native, :microsecond)
  end

  defp port({native, port}), do: {port, native}
  defp port(port), do: {port, nil}

  defp spin, do: spin()

  defp end_linked(pid) do
    Process.unlink(pid)
    monitor = Process.monitor(pid)
    Process.exit(pid, :kill)

    receive do
      {:DOWN, ^monitor, :process, ^pid, _} -> :ok
    end
  end
end
