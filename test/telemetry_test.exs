defmodule NativeGossip.TelemetryTest do
  @moduledoc """
  What a strategy that runs does is seen by whoever attaches, with what is documented of it. That this is so of each
  event, as it is told to `NativeGossip.Events`, stands in `NativeGossip.EventsTest`.
  """
  use NativeGossip.Test.Judge

  alias NativeGossip.{Events, Telemetry}
  alias NativeGossip.Dev.LogLines
  alias NativeGossip.Events.Fields
  alias NativeGossip.Test.{Documented, ReferencePeer, Topology}

  @log "native_gossip.log"

  def forward(event, measurements, metadata, test),
    do: send(test, {:event, event, measurements, metadata})

  def fail(_event, _measurements, _metadata, :raise), do: raise("a handler that fails")
  def fail(_event, _measurements, _metadata, :throw), do: throw(:a_handler_that_fails)
  def fail(_event, _measurements, _metadata, :exit), do: exit(:a_handler_that_fails)

  defp see_all do
    :ok = :telemetry.attach_many(self(), Telemetry.events(), &__MODULE__.forward/4, self())
    test = self()
    on_exit(fn -> :telemetry.detach(test) end)
  end

  # The fields of the next event of this name.
  defp await_event(name) do
    event = Events.telemetry(name)
    assert_receive {:event, ^event, measurements, metadata}, 10_000
    assert Documented.faults(name, measurements, metadata) == []
    assert %{count: 1} = measurements
    assert %{topology: :lan} = metadata
    Map.merge(measurements, metadata)
  end

  defp lines do
    :ok = LogLines.attach(self(), prefix: "[libcluster:lan] ")
    on_exit(&LogLines.detach/0)
  end

  defp logged?, do: Enum.any?(:telemetry.list_handlers([:native_gossip]), &(&1.id == @log))

  test "every event is documented once, and so is each measurement and each word of metadata" do
    assert Documented.events() == Telemetry.events()
    explained = Keyword.keys(Fields.measurements() ++ Fields.metadata())
    used = Enum.flat_map(Events.names(), &(&1 |> Events.fields() |> Tuple.to_list()))
    assert Enum.sort(explained) == used |> Enum.concat() |> Enum.uniq() |> Enum.sort()
    # Those are told of each event, whatever its fields.
    for word <- [:count, :topology], do: refute(word in explained)
  end

  test "who joins, whose packet is refused, who cannot be connected to and who leaves is seen",
       %{port: port} do
    see_all()
    {:ok, peer} = ReferencePeer.start_link(port: port)
    start(port, secret: nil)

    assert %{group: {233, 252, 1, 32}, heartbeat_form: :plain} =
             joined = await_event(:group_joined)

    assert %{interface: %{name: "lo", index: _, address: {127, 0, 0, 1}}} = joined

    ReferencePeer.send_packet(peer, "heartbeat::garbage")
    assert %{cause: :malformed, packets: 1} = refused = await_event(:packets_refused)
    assert %{source: {{127, 0, 0, 1}, port}} = refused
    assert is_integer(port)

    ReferencePeer.heartbeat(peer, :"friend@10.0.0.7")
    assert %{node: "friend@10.0.0.7"} = await_event(:peer_connected)
    assert NativeGossip.drain(:lan) == :ok
    assert %{} = await_event(:node_drained)
    stop()
  end

  test "a node that cannot be connected to, a wrong clock and a secret that is known are seen",
       %{port: port, socket: _} = context do
    see_all()
    connect = {Topology, :tell, [self(), false]}

    spec =
      Topology.spec(port, [secret: "somepassword", heartbeat_interval: 200], connect: connect)

    start_supervised!({Cluster.Supervisor, [[lan: spec], [name: NativeGossip.Dev.Inside]]})
    _ = hearing()
    assert %{warning: :secret_documented} = await_event(:option_warning)
    assert %{heartbeat_form: :sealed} = await_event(:group_joined)

    :ok = send_packet(context, signed([stamp: now() - 7_200_000], secret: "somepassword"))
    assert %{node: "friend@10.0.0.7", off_ms: off} = await_event(:unproven)
    assert_in_delta off, -7_200_000, 60_000
    assert %{node: "friend@10.0.0.7"} = await_event(:peer_unreachable)
  end

  test "an interface that is not there is seen, and a broadcast", %{port: port} do
    see_all()
    options = [multicast_if: "no_such_if0", secret: nil]
    start_supervised!({Cluster.Supervisor, topologies(port, options, self())})
    assert %{fault: :interface_missing, reason: :no_such_name} = await_event(:fault_raised)
    stop()

    start(port, broadcast_only: true, multicast_addr: "127.255.255.255", secret: nil)
    assert %{target: {{127, 255, 255, 255}, ^port}} = await_event(:broadcast_chosen)
  end

  test "heartbeats are seen with the debug flag alone", %{port: port} do
    see_all()
    {:ok, peer} = ReferencePeer.start_link(port: port)
    start(port, secret: nil)
    ReferencePeer.heartbeat(peer, :"friend@10.0.0.7")
    assert %{node: "friend@10.0.0.7"} = await_event(:peer_connected)
    refute_received {:event, [:native_gossip, :heartbeat, _], _, _}

    Application.put_env(:libcluster, :debug, true)
    on_exit(fn -> Application.delete_env(:libcluster, :debug) end)
    assert %{} = await_event(:heartbeat_sent)
    ReferencePeer.heartbeat(peer, :"friend@10.0.0.7")
    received = await_event(:heartbeat_received)
    assert %{node: "friend@10.0.0.7", source: {{127, 0, 0, 1}, _port}} = received
  end

  test "a handler that fails ends neither the strategy nor the log", %{port: port} do
    lines()

    for how <- [:raise, :throw, :exit] do
      :ok = :telemetry.attach_many(how, Telemetry.events(), &__MODULE__.fail/4, how)
      on_exit(fn -> :telemetry.detach(how) end)
      strategy = start(port, secret: nil)
      assert_receive {:line, :info, "joined 233.252.1.32 on lo " <> _}
      assert Process.alive?(strategy)
      refute Enum.any?(:telemetry.list_handlers([]), &(&1.id == how))
      stop()
    end
  end

  test "the log is a handler that can be detached, attached again, and is not attached twice" do
    lines()
    assert logged?()
    assert Telemetry.attach_log() == :ok
    Events.emit(:lan, {:node_drained, %{}})
    assert_received {:line, :info, "this node leaves" <> _}
    refute_received {:line, :info, _}

    on_exit(&Telemetry.attach_log/0)
    for _ <- 1..2, do: assert(Telemetry.detach_log() == :ok)
    refute logged?()
    Events.emit(:lan, {:node_drained, %{}})
    refute_received {:line, :info, _}

    assert Telemetry.attach_log() == :ok
    assert logged?()
  end

  test "an event for which there are no words is logged as it is, and the log goes on" do
    lines()

    for fields <- [%{cause: :unheard_of, packets: 3}, %{}, %{cause: "x", packets: make_ref()}] do
      Events.emit(:lan, {:packets_refused, fields})
      assert_received {:line, :warning, "packets_refused: %{" <> _ = line}
      if fields[:packets] == 3, do: assert(line =~ "cause: :unheard_of")
    end

    # A topology that cannot be written, and a term that telemetry never has.
    Events.emit({:a, :tuple}, {:node_drained, %{}})
    :telemetry.execute([:native_gossip, :node, :drained], %{}, %{})
    assert logged?()
    Events.emit(:lan, {:node_drained, %{}})
    assert_received {:line, :info, "this node leaves" <> _}
  end
end
