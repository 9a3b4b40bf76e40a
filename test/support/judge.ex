defmodule NativeGossip.Test.Judge do
  @moduledoc """
  One strategy in this BEAM with a secret, on the loopback, and packets that are sent to it alone.

  Each test that uses it is given `%{port: port, socket: socket}`. The heartbeats are made by
  `NativeGossip.Test.SignedHeartbeat`, which knows nothing of the code under test. A connection attempt tells
  the test, `{:connect, node}`.
  """
  use ExUnit.CaseTemplate

  alias NativeGossip.Dev.{Await, FreePort, Inside}
  alias NativeGossip.Test.{ReferencePeer, SignedHeartbeat, Topology}

  @secret "a secret of these tests"
  @friend "friend@10.0.0.7"

  # As many packets as fit into the smallest receive buffer that a kernel gives.
  @batch 32

  using do
    quote do
      import NativeGossip.Test.Judge

      @moduletag :capture_log
    end
  end

  setup_all do
    :ok = Inside.become(:"ours@127.0.0.1")
    on_exit(&:net_kernel.stop/0)
  end

  setup do
    {:ok, socket} = :gen_udp.open(0, [:binary])
    %{port: FreePort.udp(), socket: socket}
  end

  @doc "The secret that the strategy has where a test gives it no other."
  def secret, do: @secret

  @doc "Starts the strategy with these options, and waits until it hears. A secret of nil is none."
  def start(port, options \\ []) do
    options = Keyword.merge([secret: @secret, heartbeat_interval: 200], options)
    options = if options[:secret], do: options, else: Keyword.delete(options, :secret)
    spec = Topology.spec(port, options, connect: {Topology, :tell, [self(), true]})
    start_supervised!({Cluster.Supervisor, [[lan: spec], [name: Inside]]})
    strategy = Inside.strategy(:lan)
    Await.until("it hears", fn -> NativeGossip.counters(strategy) end, &(&1.echoed > 0))
    strategy
  end

  @doc "The same, beside a peer that tells the test of each packet; returns the incarnation as well."
  def start_and_read(port, options) do
    {:ok, _} = ReferencePeer.start_link(port: port, raw: true)
    strategy = start(port, options)
    assert_receive {:packet, packet}, 5_000

    {:ok, %{incarnation: us}, 0, _form} =
      SignedHeartbeat.read(packet, [@secret], options[:cluster])

    {strategy, us}
  end

  def stop, do: stop_supervised!(Cluster.Supervisor)

  @doc "Has the packets judged, in their order: returns what was counted of them, by cause or kind."
  def judged(context, strategy, packets) do
    before = counted(strategy)

    for batch <- Enum.chunk_every(packets, @batch) do
      total = total(strategy) + length(batch)
      for packet <- batch, do: :ok = send_packet(context, packet)
      Await.until("all are counted", fn -> total(strategy) end, &(&1 >= total))
    end

    for {kind, count} <- counted(strategy), count > before[kind], into: %{} do
      {kind, count - before[kind]}
    end
  end

  def send_packet(context, packet),
    do: :gen_udp.send(context.socket, {127, 0, 0, 1}, context.port, packet)

  # Its own heartbeats come when they come.
  defp counted(strategy) do
    strategy |> NativeGossip.counters() |> Map.drop([:sent, :received, :echoed, :announced])
  end

  defp total(strategy) do
    %{received: received, echoed: echoed} = NativeGossip.counters(strategy)
    received - echoed
  end

  @doc "A heartbeat of friend@10.0.0.7, with these fields."
  def heartbeat(changes \\ []), do: struct!(%SignedHeartbeat{name: @friend}, changes)

  @doc "It signed; options as of `NativeGossip.Test.SignedHeartbeat.encode/3`, and `:secret`."
  def signed(changes \\ [], options \\ []),
    do: SignedHeartbeat.encode(heartbeat(changes), options[:secret] || @secret, options)

  @doc "It with these fields and the MAC of one without."
  def forged(changes, seal?) do
    mac = binary_part(signed([], seal: false), byte_size(signed([], seal: false)) - 16, 16)
    body = signed(changes, seal: false)
    body = binary_part(body, 0, byte_size(body) - 16) <> mac
    if seal?, do: ReferencePeer.seal(body, @secret), else: body
  end

  @doc "The packet with each of its bits flipped."
  def flipped(packet) do
    for place <- 0..(byte_size(packet) - 1), bit <- 0..7 do
      <<before::binary-size(place), byte, rest::binary>> = packet
      before <> <<Bitwise.bxor(byte, Bitwise.bsl(1, bit))>> <> rest
    end
  end

  @doc "The packet cut off at each place."
  def truncated(packet),
    do: for(length <- 0..(byte_size(packet) - 1), do: binary_part(packet, 0, length))

  @doc "The wall clock, in ms."
  def now, do: System.os_time(:millisecond)

  @doc "Does it twice, and the second time without an atom: at first what is loaded and logged may need some."
  def without_atoms(do_it) do
    do_it.()
    Logger.flush()
    atoms = :erlang.system_info(:atom_count)
    do_it.()
    assert :erlang.system_info(:atom_count) == atoms
  end

  @doc "Asserts that nothing of what was sent before was taken, and that this is."
  def assert_alone_taken(context, strategy, packet) do
    refute_received {:connect, _}
    assert %{announced: 0} = NativeGossip.counters(strategy)
    assert judged(context, strategy, [packet]) == %{accepted: 1}
    assert_receive {:connect, :"friend@10.0.0.7"}, 5_000
  end
end
