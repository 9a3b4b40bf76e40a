defmodule NativeGossip.StrategyTest do
  @moduledoc """
  One strategy in this BEAM, and reference peers beside it, over multicast on the loopback.
  """
  use ExUnit.Case

  alias NativeGossip.{Events, Native, Seeds, Strategy}
  alias NativeGossip.Dev.{Await, FreePort, Inside, LogLines}
  alias NativeGossip.Test.{ReferencePeer, Topology}

  @moduletag :capture_log

  @ours :"ours@127.0.0.1"

  # What is counted beside the refusals.
  @no_refusals [:sent, :received, :accepted, :accepted_unsigned, :copied, :announced, :echoed]

  setup_all do
    :ok = Inside.become(@ours)
    on_exit(&:net_kernel.stop/0)
  end

  setup do
    %{port: FreePort.udp()}
  end

  defp start(port, options \\ [], spec \\ []) do
    options = Keyword.put_new(options, :heartbeat_interval, 200)
    spec = Keyword.put_new(spec, :connect, {Topology, :tell, [self(), true]})
    topologies = [lan: Topology.spec(port, options, spec)]
    start_supervised!({Cluster.Supervisor, [topologies, [name: Inside]]})
    Inside.strategy(:lan)
  end

  defp await_counter(strategy, counter, at_least \\ 1) do
    Await.until(
      "#{counter} is #{at_least}",
      fn -> NativeGossip.counters(strategy) end,
      &(&1[counter] >= at_least)
    )
  end

  for {what, secret} <- [plain: nil, sealed: "s3cret", sealed_with_a_newline: "s3cret\n"] do
    test "a reference peer and the strategy hear each other, #{what}", %{port: port} do
      secret = unquote(secret)
      {:ok, peer} = ReferencePeer.start_link(port: port, secret: secret)
      strategy = start(port, secret: secret)
      assert_receive {:heard, @ours}, 5_000

      ReferencePeer.heartbeat(peer, :"friend@10.0.0.7")
      assert_receive {:connect, :"friend@10.0.0.7"}, 5_000
      assert %{accepted: 1, announced: 1} = await_counter(strategy, :echoed)
    end
  end

  test "a name of the host's own letters reaches connect as the atom it is", %{port: port} do
    {:ok, peer} = ReferencePeer.start_link(port: port)
    strategy = start(port)
    await_counter(strategy, :echoed)
    ReferencePeer.heartbeat(peer, :"a@hößt.de")
    assert_receive {:connect, :"a@hößt.de"}, 5_000
  end

  test "every secret of a list opens, and the first one seals", %{port: port} do
    {:ok, old} = ReferencePeer.start_link(port: port, secret: "old")
    {:ok, new} = ReferencePeer.start_link(port: port, secret: "new")
    strategy = start(port, secret: ["new", "old"])
    await_counter(strategy, :echoed)

    for {peer, node} <- [{old, :"old@10.0.0.1"}, {new, :"new@10.0.0.2"}] do
      ReferencePeer.heartbeat(peer, node)
      assert_receive {:connect, ^node}, 5_000
    end

    # Two peers hear each heartbeat, and one of them cannot open it.
    assert_received {:heard, @ours}
    assert_received {:refused, _}
  end

  test "a connected peer costs the strategy nothing more", %{port: port} do
    {:ok, peer} = ReferencePeer.start_link(port: port)
    strategy = start(port)
    await_counter(strategy, :echoed)
    for _ <- 1..20, do: ReferencePeer.heartbeat(peer, :"friend@10.0.0.7")
    assert %{announced: 1} = await_counter(strategy, :accepted, 20)
    assert_receive {:connect, :"friend@10.0.0.7"}, 5_000
    refute_received {:connect, _}
  end

  test "a peer that cannot be reached is tried again after a pause", %{port: port} do
    {:ok, peer} = ReferencePeer.start_link(port: port)
    strategy = start(port, [], connect: {Topology, :tell, [self(), false]})
    await_counter(strategy, :echoed)
    ReferencePeer.heartbeat(peer, :"foe@10.0.0.7")
    assert_receive {:connect, :"foe@10.0.0.7"}, 5_000

    heard = fn ->
      ReferencePeer.heartbeat(peer, :"foe@10.0.0.7")
      NativeGossip.counters(strategy)
    end

    %{accepted: accepted} = Await.until("it is announced again", heard, &(&1.announced == 2))
    assert accepted > 10
    assert_receive {:connect, :"foe@10.0.0.7"}, 5_000
  end

  test "of a peer that is announced again and again a line is logged when its state changes", %{
    port: port
  } do
    :ok = LogLines.attach(self(), prefix: "[libcluster:lan] ")
    on_exit(&LogLines.detach/0)
    {:ok, peer} = ReferencePeer.start_link(port: port)
    strategy = start(port, [], connect: {Topology, :ask, [self()]})
    await_counter(strategy, :echoed)

    for answer <- [false, false, true] do
      Await.until(
        "it is announced",
        fn -> ReferencePeer.heartbeat(peer, :"moody@10.0.0.7") && asked() end,
        &(&1 != nil)
      )
      |> send({:answer, answer})
    end

    assert_receive {:line, :info, "connected to :\"moody@10.0.0.7\""}, 5_000
    assert_received {:line, :warning, "unable to connect to :\"moody@10.0.0.7\"" <> _}
    refute_received {:line, _, "unable to connect to " <> _}

    send(strategy, {:nodedown, :"moody@10.0.0.7", []})

    heard = fn -> ReferencePeer.heartbeat(peer, :"moody@10.0.0.7") && asked() end
    "it is announced" |> Await.until(heard, &(&1 != nil)) |> send({:answer, true})
    assert_receive {:line, :info, "connected to :\"moody@10.0.0.7\""}, 5_000
  end

  # The task in which a connect waits for its answer.
  defp asked do
    receive do
      {:connect, _node, task} -> task
    after
      0 -> nil
    end
  end

  test "a node that went down is connected when it is heard again", %{port: port} do
    {:ok, peer} = ReferencePeer.start_link(port: port)
    strategy = start(port)
    await_counter(strategy, :echoed)
    ReferencePeer.heartbeat(peer, :"friend@10.0.0.7")
    assert_receive {:connect, :"friend@10.0.0.7"}, 5_000

    send(strategy, {:nodedown, :"friend@10.0.0.7", []})

    heard = fn ->
      ReferencePeer.heartbeat(peer, :"friend@10.0.0.7") && NativeGossip.counters(strategy)
    end

    Await.until("it is announced again", heard, &(&1.announced == 2))
    assert_receive {:connect, :"friend@10.0.0.7"}, 5_000
  end

  test "connects that do not return keep nobody waiting", %{port: port} do
    {:ok, peer} = ReferencePeer.start_link(port: port)
    strategy = start(port, [], connect: {Topology, :ask, [self()]})
    await_counter(strategy, :echoed)
    nodes = for n <- 1..40, do: :"n#{n}@10.0.0.7"
    Enum.each(nodes, &ReferencePeer.heartbeat(peer, &1))
    # All of them came from one address, spoke once, and none is answered.
    for node <- nodes, do: assert_receive({:connect, ^node, _task}, 5_000)
    assert %{over_limit: 0} = NativeGossip.counters(strategy)
  end

  test "a node that nodeup tells of is connected to no more, where list_nodes is the default", %{
    port: port
  } do
    :ok = LogLines.attach(self(), prefix: "[libcluster:lan] ")
    on_exit(&LogLines.detach/0)
    {:ok, peer} = ReferencePeer.start_link(port: port)
    default = {:erlang, :nodes, [:connected]}
    connect = {Topology, :tell, [self(), false]}
    strategy = start(port, [], connect: connect, list_nodes: default)
    await_counter(strategy, :echoed)
    ReferencePeer.heartbeat(peer, :"friend@10.0.0.7")
    assert_receive {:line, :warning, "unable to connect to :\"friend@10.0.0.7\"" <> _}, 5_000

    send(strategy, {:nodeup, :"friend@10.0.0.7", []})
    assert_receive {:line, :info, "connected to :\"friend@10.0.0.7\""}, 5_000

    # The third attempt at a node that fails comes after two pauses, of which the friend's was one.
    heard = fn ->
      ReferencePeer.heartbeat(peer, :"friend@10.0.0.7")
      ReferencePeer.heartbeat(peer, :"stranger@10.0.0.8")
      NativeGossip.counters(strategy)
    end

    Await.until("a stranger is announced three times", heard, &(&1.announced == 4))
    for _ <- 1..3, do: assert_receive({:connect, :"stranger@10.0.0.8"}, 5_000)
    assert_receive {:connect, :"friend@10.0.0.7"}, 5_000
    refute_received {:connect, :"friend@10.0.0.7"}
  end

  test "where connect is the user's own, a node of which it said that it is connected is asked for again",
       %{port: port} do
    {:ok, peer} = ReferencePeer.start_link(port: port)
    strategy = start(port, [], list_nodes: {:erlang, :nodes, [:connected]})
    await_counter(strategy, :echoed)

    heard = fn ->
      ReferencePeer.heartbeat(peer, :"friend@10.0.0.7") && NativeGossip.counters(strategy)
    end

    Await.until("it is announced again", heard, &(&1.announced == 2))
    for _ <- 1..2, do: assert_receive({:connect, :"friend@10.0.0.7"}, 5_000)
  end

  test "a list_nodes of the user's own is asked again after 5 s, and nodeup is not its word", %{
    port: port
  } do
    {:ok, peer} = ReferencePeer.start_link(port: port)
    strategy = start(port)
    await_counter(strategy, :echoed)
    started = System.monotonic_time(:millisecond)

    heard = fn ->
      send(strategy, {:nodeup, :"friend@10.0.0.7", []})
      ReferencePeer.heartbeat(peer, :"friend@10.0.0.7") && NativeGossip.counters(strategy)
    end

    Await.until("it is announced again", heard, &(&1.announced == 2))
    assert System.monotonic_time(:millisecond) - started >= 5_000
    for _ <- 1..2, do: assert_receive({:connect, :"friend@10.0.0.7"}, 5_000)
  end

  test "a node that list_nodes has is not connected", %{port: port} do
    {:ok, peer} = ReferencePeer.start_link(port: port)
    list = {Topology, :list, [[:"friend@10.0.0.7"]]}
    strategy = start(port, [], list_nodes: list)
    await_counter(strategy, :echoed)
    ReferencePeer.heartbeat(peer, :"friend@10.0.0.7")
    ReferencePeer.heartbeat(peer, :"stranger@10.0.0.8")
    assert_receive {:connect, :"stranger@10.0.0.8"}, 5_000
    refute_received {:connect, :"friend@10.0.0.7"}
  end

  test "every refusal that is counted has a sentence in the log", %{port: port} do
    strategy = start(port)
    refusals = Map.drop(NativeGossip.counters(strategy), @no_refusals)
    assert Enum.sort(Map.keys(refusals)) == Enum.sort(Events.refusals())
  end

  test "each packet that is refused is counted under its cause", %{port: port} do
    {:ok, peer} = ReferencePeer.start_link(port: port)
    plain = start(port)
    await_counter(plain, :echoed)
    ReferencePeer.send_packet(peer, "heartbeat::garbage")
    ReferencePeer.heartbeat(peer, :nonode@nohost)
    ReferencePeer.send_packet(peer, :binary.copy(<<0>>, 1501))
    await_counter(plain, :malformed)
    await_counter(plain, :name)
    await_counter(plain, :over_limit)
    refute_received {:connect, _}
    stop_supervised!(Cluster.Supervisor)

    sealed = start(port, secret: "s3cret")
    await_counter(sealed, :echoed)
    ReferencePeer.heartbeat(peer, :"friend@10.0.0.7")
    ReferencePeer.send_packet(peer, ReferencePeer.encode(:"friend@10.0.0.7", "other"))
    await_counter(sealed, :unsealed)
    await_counter(sealed, :undecryptable)
    refute_received {:connect, _}
  end

  test "each start says whether heartbeats are sealed, signed or plain", %{port: port} do
    :ok = LogLines.attach(self(), prefix: "[libcluster:lan] ")
    on_exit(&LogLines.detach/0)
    joined = "joined 233.252.1.32 on lo (127.0.0.1), heartbeats "
    broadcast = [broadcast_only: true, multicast_addr: "127.255.255.255"]

    for {options, said} <- [
          {[], joined <> "plain"},
          {[secret: "s3cret"], joined <> "sealed and signed"},
          {[secret: "s3cret", seal: false], joined <> "signed"},
          {broadcast, "sending to 127.255.255.255:#{port} by broadcast, heartbeats plain"},
          {[secret: "s3cret"] ++ broadcast,
           "sending to 127.255.255.255:#{port} by broadcast, heartbeats sealed and signed"}
        ] do
      start(port, options)
      assert_receive {:line, :info, ^said}, 5_000
      stop_supervised!(Cluster.Supervisor)
      refute_received {:line, :info, _}
    end
  end

  test "with the debug flag, set at any time, the stock strategy's lines are logged", %{
    port: port
  } do
    :ok = LogLines.attach(self(), prefix: "[libcluster:lan] ")
    on_exit(&LogLines.detach/0)
    {:ok, peer} = ReferencePeer.start_link(port: port)
    strategy = start(port)
    await_counter(strategy, :sent, 3)
    refute_received {:line, :debug, "heartbeat"}

    Application.put_env(:libcluster, :debug, true)
    on_exit(fn -> Application.delete_env(:libcluster, :debug) end)
    assert_receive {:line, :debug, "heartbeat"}, 5_000
    ReferencePeer.heartbeat(peer, :"friend@10.0.0.7")
    # What follows is ours: the interface that it came by.
    assert_receive {:line, :debug, "received heartbeat from friend@10.0.0.7" <> _}, 5_000
  end

  defp resolvers(strategy) do
    {:links, links} = Process.info(strategy, :links)
    for pid <- links, :proc_lib.translate_initial_call(pid) == {Seeds, :init, 1}, do: pid
  end

  test "only with seeds is there a process that resolves them, and it ends with the strategy", %{
    port: port
  } do
    assert resolvers(start(port)) == []
    stop_supervised!(Cluster.Supervisor)

    strategy = start(port, seeds: ["127.0.0.1", "localhost"])
    assert [resolver] = resolvers(strategy)
    await_counter(strategy, :echoed)
    assert %Seeds{} = :sys.get_state(resolver)
    monitor = Process.monitor(resolver)
    stop_supervised!(Cluster.Supervisor)
    assert_receive {:DOWN, ^monitor, _, _, _}, 5_000
  end

  test "a wrong option stops the start with an ArgumentError", %{port: port} do
    assert_raise ArgumentError, ~r/option :multicast_ttl/, fn ->
      config = [port: port, multicast_ttl: 256]
      Strategy.start_link([%Cluster.Strategy.State{topology: :lan, config: config}])
    end
  end

  test "a stray message does not end the strategy", %{port: port} do
    strategy = start(port)

    for stray <- [
          :stray,
          {make_ref(), :ok},
          {:nodeup, :a@b, []},
          {:nodedown, :a@hōst, []},
          {:nodedown, :a@h, 1}
        ],
        do: send(strategy, stray)

    assert %{} = NativeGossip.counters(strategy)
    assert Process.alive?(strategy)
  end

  test "a stopped strategy has closed its loop", %{port: port} do
    Await.until("the loops of other tests are closed", &Native.loops/0, &(&1 == 0))
    start(port)
    assert Native.loops() == 1
    stop_supervised!(Cluster.Supervisor)
    Await.until("the loop is closed", &Native.loops/0, &(&1 == 0))
  end
end
