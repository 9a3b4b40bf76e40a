defmodule NativeGossip.ConnectorTest do
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog
  require Logger

  alias Cluster.Strategy.State
  alias NativeGossip.Connector
  alias NativeGossip.Test.Topology

  setup do
    # As the strategy does: the tasks are linked.
    Process.flag(:trap_exit, true)

    cluster = %State{
      topology: :lan,
      connect: {Topology, :ask, [self()]},
      list_nodes: {Topology, :list, [[:connected@host]]}
    }

    %{connector: Connector.new(cluster), cluster: cluster}
  end

  defp ended(connector) do
    receive do
      message ->
        with :not_ours <- Connector.ended(connector, message), do: ended(connector)
    end
  end

  defp start(connector, node) do
    {:ok, connector} = Connector.start(connector, node)
    connector
  end

  defp notice(connector, node, change) do
    {:unsettled, connector} = Connector.notice(connector, node, change)
    connector
  end

  defp tasks do
    {:links, links} = Process.info(self(), :links)
    Enum.filter(links, &is_pid/1)
  end

  @tag :capture_log
  test "what connect answers becomes the outcome", %{connector: connector} do
    for {answer, outcome} <- [{true, :connected}, {false, :unreachable}, {:ignored, :unreachable}],
        reduce: connector do
      connector ->
        connector = start(connector, :a@host)
        assert_receive {:connect, :a@host, task}
        send(task, {:answer, answer})
        assert {:a@host, ^outcome, connector} = ended(connector)
        connector
    end
  end

  @tag :capture_log
  test "an attempt that crashes is an unreachable node", %{connector: connector} do
    connector = start(connector, :a@host)
    assert_receive {:connect, :a@host, task}
    Process.exit(task, :kill)
    assert {:a@host, :unreachable, _} = ended(connector)
  end

  test "a node that goes down while an attempt is in flight is down", %{connector: connector} do
    connector = connector |> start(:a@host) |> notice(:a@host, :down)
    assert_receive {:connect, :a@host, task}
    send(task, {:answer, true})
    assert {:a@host, :down, connector} = ended(connector)

    assert Connector.notice(connector, :a@host, :down) == :settled
    connector = start(connector, :a@host)
    assert_receive {:connect, :a@host, task}
    send(task, {:answer, true})
    assert {:a@host, :connected, _} = ended(connector)
  end

  test "a node that list_nodes has already counts as connected", %{connector: connector} do
    connector = start(connector, :connected@host)
    assert {:connected@host, :connected, _} = ended(connector)
    refute_received {:connect, _, _}
  end

  test "attempts are in flight side by side, and each node once", %{connector: connector} do
    nodes = for n <- 1..16, do: :"n#{n}@host"
    connector = Enum.reduce(nodes ++ nodes, connector, &start(&2, &1))

    tasks =
      for node <- nodes do
        assert_receive {:connect, ^node, task}
        task
      end

    assert length(tasks()) == 16
    send(List.last(tasks), {:answer, true})
    assert {:n16@host, :connected, connector} = ended(connector)

    # Its attempt has ended, so there may be another one.
    start(connector, :n16@host)
    assert_receive {:connect, :n16@host, _}
  end

  # What became of a peer is logged when its state changes, which the Rust half knows.
  test "an attempt writes no line of its own, whatever becomes of it", %{connector: connector} do
    log =
      capture_log(fn ->
        for answer <- [true, false, :ignored], reduce: connector do
          connector ->
            connector = start(connector, :silent@host)
            assert_receive {:connect, :silent@host, task}
            send(task, {:answer, answer})
            {:silent@host, _, connector} = ended(connector)
            connector
        end
      end)

    refute log =~ "silent@host"
  end

  def connect_aloud(answer, node) do
    Logger.warning("connects to #{node}")
    if answer == :raise, do: raise("cannot connect to #{node}"), else: answer
  end

  def list_aloud do
    Logger.warning("lists the nodes")
    []
  end

  test "what connect and list_nodes of the topology log themselves is logged" do
    for answer <- [true, false, :raise, :nonsense] do
      connect = {__MODULE__, :connect_aloud, [answer]}
      list_nodes = {__MODULE__, :list_aloud, []}
      cluster = %State{topology: :lan, connect: connect, list_nodes: list_nodes}

      log =
        capture_log(fn ->
          connector = cluster |> Connector.new() |> start(:loud@host)
          assert {:loud@host, _, _} = ended(connector)
        end)

      assert log =~ "lists the nodes"
      assert log =~ "connects to loud@host"
      refute log =~ "connected to :loud@host"
      refute log =~ "unable to connect to :loud@host"
      # A crash is told, also where libcluster cannot make sense of the answer.
      if answer == :raise, do: assert(log =~ "cannot connect to loud@host")
      if answer == :nonsense, do: assert(log =~ ":nonsense")
    end
  end

  @tag :capture_log
  test "what came last counts: a node that was connected meanwhile is, whatever the attempt says",
       %{connector: connector} do
    for {answer, noticed, outcome} <- [
          {false, [:connected], :connected},
          {true, [:connected], :connected},
          {true, [:down, :connected], :connected},
          {true, [:connected, :down], :down},
          {false, [:connected, :down], :unreachable}
        ],
        reduce: connector do
      connector ->
        connector = start(connector, :a@host)
        assert_receive {:connect, :a@host, task}
        connector = Enum.reduce(noticed, connector, &notice(&2, :a@host, &1))
        send(task, {:answer, answer})
        assert {:a@host, ^outcome, connector} = ended(connector)
        connector
    end
  end

  test "an attempt that does not return is killed at its deadline, and the node is unreachable",
       %{cluster: cluster} do
    connector = cluster |> Connector.new(deadline: 500) |> start(:a@host)
    assert_receive {:connect, :a@host, task}
    monitor = Process.monitor(task)
    assert {:a@host, :unreachable, connector} = ended(connector)
    assert_receive {:DOWN, ^monitor, _, _, :killed}, 5_000
    assert Connector.in_flight(connector) == 0
    assert Connector.notice(connector, :a@host, :down) == :settled
  end

  test "an attempt that ends in time is not overdue later", %{cluster: cluster} do
    connector = cluster |> Connector.new(deadline: 500) |> start(:connected@host)
    assert {:connected@host, :connected, connector} = ended(connector)
    refute_receive {Connector, :overdue, _}, 600
    assert Connector.ended(connector, {Connector, :overdue, make_ref()}) == :not_ours
  end

  test "an attempt is not started beyond those that the Rust half has at once", %{
    connector: connector
  } do
    budget = File.read!("native/core/src/budget.rs")
    [_, most] = Regex.run(~r/ATTEMPTS_AT_ONCE: usize = (\d+);/, budget)
    most = String.to_integer(most)
    connector = for n <- 1..most, reduce: connector, do: (all -> start(all, :"n#{n}@host"))
    assert Connector.start(connector, :one_more@host) == {:error, :full}
    assert Connector.start(connector, :n1@host) == {:ok, connector}
    assert length(tasks()) == most
  end

  test "a message of nobody's task is not ours", %{connector: connector} do
    for message <- [:stray, {make_ref(), :ok}, {:DOWN, make_ref(), :process, self(), :normal}] do
      assert Connector.ended(connector, message) == :not_ours
    end
  end
end
