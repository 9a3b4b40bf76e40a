defmodule NativeGossipTest do
  @moduledoc """
  The facade: topologies of this BEAM are found by name, and whatever else is given harms nothing.
  """
  use ExUnit.Case

  alias NativeGossip.Dev.{Await, FreePort, LogLines}
  alias NativeGossip.Test.Topology

  @moduletag :capture_log

  defp start(topologies, name \\ nil) do
    topologies =
      for name <- topologies, do: {name, Topology.spec(FreePort.udp(), secret: "hunter2")}

    options = if name, do: [name: name], else: []
    child = {Cluster.Supervisor, [topologies, options]}
    start_supervised!(Supervisor.child_spec(child, id: make_ref()))
  end

  defp refusal(asked) do
    assert_raise(ArgumentError, fn -> NativeGossip.counters(asked) end).message
  end

  test "a topology is found by its name, and by the pid of its strategy" do
    start([:wan, :lan])
    assert [lan: lan, wan: wan] = NativeGossip.topologies()
    assert %{sent: 0, received: _} = NativeGossip.counters(:lan)

    for pid <- [lan, wan], do: assert(%{sent: 0} = NativeGossip.counters(pid))
  end

  test "before anybody is heard no name signs and none does not, with a count for each secret" do
    for {secret, signed} <- [{nil, []}, {"hunter2", [0]}, {["hunter2", "hunter3"], [0, 0]}] do
      spec = Topology.spec(FreePort.udp(), secret: secret)
      start_supervised!({Cluster.Supervisor, [[lan: spec]]}, id: secret)
      read = fn -> NativeGossip.readiness(:lan) end
      Await.until("the loop has said it", read, &(&1 == %{unsigned: 0, signed: signed}))
      stop_supervised!(secret)
    end
  end

  test "a topology that does not run is neither drained nor asked who signs" do
    start([:lan])

    for asked <- [:lann, self()], call <- [&NativeGossip.drain/1, &NativeGossip.readiness/1] do
      assert_raise ArgumentError, ~r/Those that run are: :lan\./, fn -> call.(asked) end
    end
  end

  test "a topology that does not run is refused with those that do" do
    start([:lan, :wan])

    for unknown <- [:lann, "lan", nil, 1, {:lan, node()}] do
      message = refusal(unknown)
      assert message =~ "#{inspect(unknown)} is not a topology that runs"
      assert message =~ "Those that run are: :lan, :wan."
    end
  end

  test "where no topology runs the refusal says how to start one" do
    message = refusal(:lan)
    assert message =~ "None runs."
    assert message =~ "Start Cluster.Supervisor with a topology"
    assert NativeGossip.topologies() == []
  end

  test "two topologies of one name run side by side, and are told apart by their pids" do
    supervisors = for _ <- 1..2, do: start([:lan])
    assert [lan: one, lan: other] = NativeGossip.topologies()
    assert Enum.sort([one, other]) == supervisors |> Enum.map(&strategy/1) |> Enum.sort()

    message = refusal(:lan)
    assert message =~ "topology :lan runs 2 times"
    for pid <- [one, other], do: assert(message =~ inspect(pid))
    for pid <- [one, other], do: assert(%{sent: 0} = NativeGossip.counters(pid))

    GenServer.stop(one, :shutdown)
    Await.until("another one runs", &NativeGossip.topologies/0, &(length(&1) == 2))
    refute {:lan, one} in NativeGossip.topologies()
    assert {:lan, other} in NativeGossip.topologies()
  end

  test "a strategy that dies takes its entry along" do
    supervisor = start([:lan])
    strategy = strategy(supervisor)
    Supervisor.terminate_child(supervisor, :lan)
    assert refusal(:lan) =~ "None runs."
    assert refusal(strategy) =~ "is not the process of a strategy"
    entries = fn -> Registry.keys(NativeGossip.Topologies, strategy) end
    Await.until("the entry is gone", entries, &(&1 == []))
  end

  test "the supervisor's name or pid, given by mistake, harms nobody" do
    name = __MODULE__.Supervisor
    supervisor = start([:lan], name)
    strategy = strategy(supervisor)

    log =
      ExUnit.CaptureLog.capture_log(fn ->
        for _ <- 1..5 do
          assert refusal(name) =~ "is not a topology that runs"
          assert refusal(supervisor) =~ "is not the process of a strategy"
          assert refusal(self()) =~ "Those that run are: :lan."
        end
      end)

    refute log =~ "hunter2"
    assert Process.whereis(name) == supervisor
    assert strategy(supervisor) == strategy
    assert Process.alive?(strategy)
  end

  test "a strategy works where the application is not started, and the refusal says so" do
    :ok = Application.stop(:native_gossip)
    :ok = NativeGossip.Telemetry.detach_log()
    on_exit(fn -> Application.ensure_all_started(:native_gossip) end)
    :ok = LogLines.attach(self(), prefix: "[libcluster:lan] ")
    on_exit(&LogLines.detach/0)
    supervisor = start([:lan])
    assert Process.alive?(strategy(supervisor))
    # It is logged nevertheless.
    assert_receive {:line, :info, "joined " <> _}, 5_000
    assert NativeGossip.topologies() == []
    assert refusal(:lan) =~ "Start the application :native_gossip before Cluster.Supervisor."
  end

  test "a strategy ends with the registry that lost its entry, and is found again" do
    supervisor = start([:lan])
    strategy = strategy(supervisor)
    [{_, registry, _, _}] = Supervisor.which_children(NativeGossip.Topologies)
    Process.exit(registry, :kill)

    Await.until(
      "another strategy runs",
      &NativeGossip.topologies/0,
      &match?([lan: pid] when pid != strategy, &1)
    )
  end

  defp strategy(supervisor) do
    [{:lan, strategy, :worker, _}] = Supervisor.which_children(supervisor)
    strategy
  end
end
