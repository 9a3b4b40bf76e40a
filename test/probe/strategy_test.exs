defmodule NativeGossip.Probe.StrategyTest do
  @moduledoc """
  A strategy tells of the attempts that failed, and only where it should.
  """
  use ExUnit.Case

  alias NativeGossip.Dev.{Await, FreePort, Inside}
  alias NativeGossip.Prober
  alias NativeGossip.Test.{ReferencePeer, Topology}

  @moduletag :capture_log

  @erlang [
    connect: {:net_kernel, :connect_node, []},
    list_nodes: {:erlang, :nodes, [:connected]}
  ]

  setup_all do
    :ok = Inside.become(:"ours@127.0.0.1")
    on_exit(&:net_kernel.stop/0)
  end

  setup do
    %{port: FreePort.udp()}
  end

  defp start(port, options, spec) do
    options = Keyword.put_new(options, :heartbeat_interval, 200)
    topologies = [lan: Topology.spec(port, options, spec)]
    start_supervised!({Cluster.Supervisor, [topologies, [name: Inside]]})
    Inside.strategy(:lan)
  end

  defp await_counter(strategy, counter) do
    Await.until(
      "#{counter} is counted",
      fn -> NativeGossip.counters(strategy) end,
      &(&1[counter] > 0)
    )
  end

  defp probers(strategy) do
    {:links, links} = Process.info(strategy, :links)
    for pid <- links, :proc_lib.translate_initial_call(pid) == {Prober, :init, 1}, do: pid
  end

  test "where Erlang connects there is a process that has failures probed, unless it is switched off",
       %{port: port} do
    for {options, spec, count} <- [{[], @erlang, 1}, {[probe: false], @erlang, 0}, {[], [], 0}] do
      strategy = start(port, options, spec)
      probers = probers(strategy)
      assert length(probers) == count
      monitors = Enum.map(probers, &Process.monitor/1)
      stop_supervised!(Cluster.Supervisor)
      for monitor <- monitors, do: assert_receive({:DOWN, ^monitor, _, _, _}, 5_000)
    end
  end

  test "a strategy goes on without the process that has them probed", %{port: port} do
    strategy = start(port, [], @erlang)
    [prober] = probers(strategy)
    monitor = Process.monitor(prober)
    Process.exit(prober, :kill)
    assert_receive {:DOWN, ^monitor, _, _, _}, 5_000
    before = await_counter(strategy, :sent).sent
    Await.until("it sends", fn -> NativeGossip.counters(strategy).sent end, &(&1 > before))
    assert Inside.strategy(:lan) == strategy
    assert NativeGossip.peers(strategy) == []
  end

  test "failures and connections are told to the process that has them probed", %{port: port} do
    {:ok, peer} = ReferencePeer.start_link(port: port)

    strategy = start(port, [], @erlang)
    await_counter(strategy, :echoed)
    [prober] = probers(strategy)
    # Nobody's address: the attempt fails at once.
    node = :"foe@127.0.0.9"
    ReferencePeer.heartbeat(peer, node)
    failures = fn -> get_in(:sys.get_state(prober).peers, [node, :failures]) end
    Await.until("a failure is told", failures, &(&1 == 1))
    send(strategy, {:nodeup, node, []})
    Await.until("the connection is told", failures, &(&1 == 0))
  end

  test "the cause stands at the peer, and knows from where it was heard", %{port: port} do
    {:ok, peer} = ReferencePeer.start_link(port: port)
    strategy = start(port, [], @erlang)
    await_counter(strategy, :echoed)
    node = :"foe@127.0.0.9"

    cause = fn ->
      ReferencePeer.heartbeat(peer, node)
      for %{name: "foe@127.0.0.9"} = peer <- NativeGossip.peers(strategy), do: peer.cause
    end

    assert [cause] = Await.until("the cause is known", cause, &(&1 not in [[], [nil]]))
    [prober] = probers(strategy)
    assert Prober.causes(prober) == %{"foe@127.0.0.9" => cause}
    assert :sys.get_state(prober).peers[node].last.facts.heard_from == {127, 0, 0, 1}
  end
end
