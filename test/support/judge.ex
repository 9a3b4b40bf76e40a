defmodule NativeGossip.Test.Judge do
  @moduledoc """
  The frame of a test of one strategy in this BEAM, with a secret, on the loopback, and of packets that are sent
  to it alone.

      use NativeGossip.Test.Judge

  Each test is given `%{port: port, socket: socket}`. The heartbeats are made by
  `NativeGossip.Test.SignedHeartbeat`, which knows nothing of the code under test. A connection attempt tells
  the test, `{:connect, node}`.
  """

  alias NativeGossip.Dev.{Await, Inside}
  alias NativeGossip.Test.{Bits, ReferencePeer, SignedHeartbeat, Topology}

  @secret "a secret of these tests"
  @friend "friend@10.0.0.7"

  # As many packets as fit into the smallest receive buffer that a kernel gives.
  @batch 32

  @typedoc "What a test is given."
  @type context :: %{
          :port => :inet.port_number(),
          :socket => :gen_udp.socket(),
          optional(atom) => term
        }

  defmacro __using__(_options) do
    quote do
      use ExUnit.Case, async: false

      import NativeGossip.Test.Judge

      @moduletag :capture_log

      setup_all do
        :ok = NativeGossip.Dev.Inside.become(:"ours@127.0.0.1")
        on_exit(&:net_kernel.stop/0)
      end

      setup do
        {:ok, socket} = :gen_udp.open(0, [:binary])
        %{port: NativeGossip.Dev.FreePort.udp(), socket: socket}
      end

      # Starts the strategy with these options, and waits until it hears. A secret of nil is none.
      def start(port, options \\ []) do
        start_supervised!({Cluster.Supervisor, topologies(port, options, self())})
        hearing()
      end

      # The same, beside a peer that tells the test of each packet; returns our incarnation as well.
      def start_and_read(port, options) do
        {:ok, _} = NativeGossip.Test.ReferencePeer.start_link(port: port, raw: true)
        strategy = start(port, options)
        assert_receive {:packet, packet}, 5_000
        {strategy, incarnation(packet)}
      end

      def stop, do: stop_supervised!(Cluster.Supervisor)

      # Does it twice, and the second time without an atom: at first what is loaded and logged may need some.
      def without_atoms(do_it) do
        do_it.()
        Logger.flush()
        atoms = :erlang.system_info(:atom_count)
        do_it.()
        assert :erlang.system_info(:atom_count) == atoms
      end

      # Nothing of what was sent before was taken, and this is.
      def assert_alone_taken(context, strategy, packet) do
        refute_received {:connect, _}
        assert %{announced: 0} = NativeGossip.counters(strategy)
        assert judged(context, strategy, [packet]) == %{accepted: 1}
        assert_receive {:connect, :"friend@10.0.0.7"}, 5_000
      end
    end
  end

  @doc "The secret that the strategy has where a test gives it no other."
  @spec secret :: String.t()
  def secret, do: @secret

  @doc "What `Cluster.Supervisor` is started with."
  @spec topologies(:inet.port_number(), keyword, pid) :: [keyword]
  def topologies(port, options, test) do
    options = Keyword.merge([secret: @secret, heartbeat_interval: 200], options)
    options = if options[:secret], do: options, else: Keyword.delete(options, :secret)
    spec = Topology.spec(port, options, connect: {Topology, :tell, [test, true]})
    [[lan: spec], [name: Inside]]
  end

  @doc "The strategy, once it hears."
  @spec hearing :: pid
  def hearing do
    strategy = Inside.strategy(:lan)
    counters = fn -> NativeGossip.counters(strategy) end
    %{} = Await.until("it hears", counters, &(&1.echoed > 0))
    strategy
  end

  @doc "Whose incarnation signed a packet."
  @spec incarnation(binary) :: non_neg_integer
  def incarnation(packet) do
    {:ok, %{incarnation: incarnation}, 0, _form} = SignedHeartbeat.read(packet, [@secret], nil)
    incarnation
  end

  @doc "Has the packets judged, in their order: returns what was counted of them, by cause or kind."
  @spec judged(context, pid, [binary]) :: %{atom => pos_integer}
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

  @doc "Sends a packet to the strategy alone."
  @spec send_packet(context, binary) :: :ok
  def send_packet(context, packet) do
    :ok = :gen_udp.send(context.socket, {127, 0, 0, 1}, context.port, packet)
  end

  # Its own heartbeats come when they come.
  defp counted(strategy) do
    strategy |> NativeGossip.counters() |> Map.drop([:sent, :received, :echoed, :announced])
  end

  defp total(strategy) do
    %{received: received, echoed: echoed} = NativeGossip.counters(strategy)
    received - echoed
  end

  @doc "A heartbeat of friend@10.0.0.7, with these fields."
  @spec heartbeat(keyword) :: SignedHeartbeat.t()
  def heartbeat(changes \\ []), do: struct!(%SignedHeartbeat{name: @friend}, changes)

  @doc "It signed; options as of `NativeGossip.Test.SignedHeartbeat.encode/3`, and `:secret`."
  @spec signed(keyword, keyword) :: binary
  def signed(changes \\ [], options \\ []),
    do: SignedHeartbeat.encode(heartbeat(changes), options[:secret] || @secret, options)

  @doc "It with these fields and the MAC of one without."
  @spec forged(keyword, seal? :: boolean) :: binary
  def forged(changes, seal?) do
    body = without_mac(signed(changes, seal: false)) <> mac(signed([], seal: false))
    if seal?, do: ReferencePeer.seal(body, @secret), else: body
  end

  defp without_mac(packet), do: binary_part(packet, 0, byte_size(packet) - 16)
  defp mac(packet), do: binary_part(packet, byte_size(packet), -16)

  @doc "The packet with each of its bits flipped."
  @spec flipped(binary) :: [binary]
  def flipped(packet) do
    for bit <- 0..(bit_size(packet) - 1), do: Bits.flip(packet, bit)
  end

  @doc "The packet cut off at each place."
  @spec truncated(binary) :: [binary]
  def truncated(packet),
    do: for(length <- 0..(byte_size(packet) - 1), do: binary_part(packet, 0, length))

  @doc "The wall clock, in ms."
  @spec now :: integer
  def now, do: System.os_time(:millisecond)
end
