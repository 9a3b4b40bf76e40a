defmodule NativeGossip.ConnectsTest do
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog

  alias Cluster.Strategy.State
  alias NativeGossip.Connects
  alias NativeGossip.Test.Topology

  setup do
    # As the strategy does: the tasks are linked.
    Process.flag(:trap_exit, true)

    cluster = %State{
      topology: :lan,
      connect: {Topology, :ask, [self()]},
      list_nodes: {Topology, :list, [[:connected@host]]}
    }

    %{connects: Connects.new(cluster)}
  end

  defp ended(connects) do
    receive do
      message ->
        with :not_ours <- Connects.ended(connects, message), do: ended(connects)
    end
  end

  defp tasks do
    {:links, links} = Process.info(self(), :links)
    Enum.filter(links, &is_pid/1)
  end

  @tag :capture_log
  test "what connect answers becomes the outcome", %{connects: connects} do
    for {answer, outcome} <- [{true, :connected}, {false, :unreachable}, {:ignored, :unreachable}],
        reduce: connects do
      connects ->
        connects = Connects.start(connects, :a@host)
        assert_receive {:connect, :a@host, task}
        send(task, {:answer, answer})
        assert {:a@host, ^outcome, connects} = ended(connects)
        connects
    end
  end

  @tag :capture_log
  test "a connect that crashes is an unreachable node", %{connects: connects} do
    connects = Connects.start(connects, :a@host)
    assert_receive {:connect, :a@host, task}
    Process.exit(task, :kill)
    assert {:a@host, :unreachable, _} = ended(connects)
  end

  test "a node that goes down while its connect is under way is down", %{connects: connects} do
    {:unsettled, connects} = connects |> Connects.start(:a@host) |> Connects.down(:a@host)
    assert_receive {:connect, :a@host, task}
    send(task, {:answer, true})
    assert {:a@host, :down, connects} = ended(connects)

    assert Connects.down(connects, :a@host) == :settled
    connects = Connects.start(connects, :a@host)
    assert_receive {:connect, :a@host, task}
    send(task, {:answer, true})
    assert {:a@host, :connected, _} = ended(connects)
  end

  test "a node that list_nodes has already counts as connected", %{connects: connects} do
    connects = Connects.start(connects, :connected@host)
    assert {:connected@host, :connected, _} = ended(connects)
    refute_received {:connect, _, _}
  end

  test "connects are under way side by side, and each node once", %{connects: connects} do
    nodes = for n <- 1..16, do: :"n#{n}@host"
    connects = Enum.reduce(nodes ++ nodes, connects, &Connects.start(&2, &1))

    tasks =
      for node <- nodes do
        assert_receive {:connect, ^node, task}
        task
      end

    assert length(tasks()) == 16
    send(List.last(tasks), {:answer, true})
    assert {:n16@host, :connected, connects} = ended(connects)

    # Its connect has ended, so it may be connected anew.
    Connects.start(connects, :n16@host)
    assert_receive {:connect, :n16@host, _}
  end

  test "only a peer's change of state is logged", %{connects: connects} do
    answer = fn answer, connects ->
      connects = Connects.start(connects, :changing@host)
      assert_receive {:connect, :changing@host, task}
      send(task, {:answer, answer})
      {:changing@host, _, connects} = ended(connects)
      connects
    end

    log =
      capture_log(fn ->
        Enum.reduce([false, false, :ignored, true, true, false, false], connects, answer)
      end)

    lines = for line <- String.split(log, "\n"), line =~ "changing@host", do: line
    assert [first, second, third, fourth] = lines
    assert first =~ "unable to connect to"
    assert second =~ "connected to :changing@host"
    assert third =~ "connected to :changing@host"
    assert fourth =~ "unable to connect to"
  end

  test "of many peers that cannot be reached ten a minute are logged", %{connects: connects} do
    log =
      capture_log(fn ->
        for n <- 1..40, reduce: connects do
          connects ->
            connects = Connects.start(connects, :"gone#{n}@host")
            assert_receive {:connect, _, task}
            send(task, {:answer, false})
            {_, :unreachable, connects} = ended(connects)
            connects
        end
      end)

    assert length(Regex.scan(~r/unable to connect to :?"?gone/, log)) == 10
  end

  test "a connect beyond sixteen is not started", %{connects: connects} do
    for n <- 1..17, reduce: connects, do: (all -> Connects.start(all, :"n#{n}@host"))

    assert length(tasks()) == 16
  end

  test "a message of nobody's task is not ours", %{connects: connects} do
    for message <- [:stray, {make_ref(), :ok}, {:DOWN, make_ref(), :process, self(), :normal}] do
      assert Connects.ended(connects, message) == :not_ours
    end
  end
end
