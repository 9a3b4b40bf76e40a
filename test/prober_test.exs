defmodule NativeGossip.ProberTest do
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog

  alias NativeGossip.Dev.Await
  alias NativeGossip.Probe.{Facts, Result}
  alias NativeGossip.Prober

  @b :"b@10.0.0.6"

  # A prober whose probes ask this test, and whose clock stands until it is set.
  setup do
    test = self()
    clock = :counters.new(1, [])

    probe = fn node, options ->
      send(test, {:probe, node, options, self()})

      receive do
        {:found, cause} -> %Result{node: node, cause: cause, facts: facts()}
      end
    end

    {:ok, prober} =
      Prober.start_link(:probed,
        strategy: test,
        source: fn ^test, _node -> {10, 0, 0, 6} end,
        probe: probe,
        now: fn -> :counters.get(clock, 1) end,
        nodes: fn -> 0 end
      )

    %{prober: prober, clock: clock, probe: probe}
  end

  defp facts do
    %Facts{at: ~U[2026-01-01 00:00:00Z], address: {10, 0, 0, 6}, epmd_port: 4369, port: 40_001}
  end

  defp pass(clock, ms), do: :counters.add(clock, 1, ms)

  # Two casts and calls of one process come in their order.
  defp settle(prober), do: :sys.get_state(prober)

  defp fail(prober, node, times \\ 1) do
    for _ <- 1..times, do: :ok = Prober.failed(prober, node)
    settle(prober)
  end

  # Answers the probe that was asked for, and waits until it is known to have ended.
  defp answer(prober, cause) do
    assert_receive {:probe, _node, _options, pid}
    monitor = Process.monitor(pid)
    send(pid, {:found, cause})
    assert_receive {:DOWN, ^monitor, _, _, _}
    settle(prober)
  end

  # Other tests log meanwhile.
  defp log(fun) do
    lines = fun |> capture_log() |> String.split("\n")
    for line <- lines, line =~ "[libcluster:probed]", into: "", do: line <> "\n"
  end

  test "the second failure has a node probed, as one that was heard and to which an attempt failed",
       %{
         prober: prober
       } do
    fail(prober, @b)
    refute_received {:probe, _, _, _}
    fail(prober, @b)
    assert_receive {:probe, @b, options, _}
    assert Enum.sort(options) == [connect: :failed, heard_from: {10, 0, 0, 6}]
  end

  test "a failure before a connection does not count", %{prober: prober} do
    fail(prober, @b)
    :ok = Prober.connected(prober, @b)
    fail(prober, @b)
    refute_received {:probe, _, _, _}
  end

  test "the cause is told, with what to do, and kept until the node is connected", %{
    prober: prober
  } do
    fail(prober, @b, 2)
    log = log(fn -> answer(prober, :epmd_filtered) end)

    assert log =~
             ~s|[warning] [libcluster:probed] no connection to :"b@10.0.0.6" (epmd_filtered): nothing comes | <>
               "back from 10.0.0.6:4369, where its epmd should be. Let TCP to this port through"

    assert Prober.causes(prober) == %{"b@10.0.0.6" => :epmd_filtered}
    :ok = Prober.connected(prober, @b)
    assert Prober.causes(prober) == %{}
  end

  test "a cause is told again when it has changed, and not before", %{
    prober: prober,
    clock: clock
  } do
    fail(prober, @b, 2)

    lines =
      for cause <- [:epmd_refused, :epmd_refused, :epmd_silent, :epmd_silent, :epmd_refused] do
        log =
          log(fn ->
            answer(prober, cause)
            pass(clock, 2_000_000)
            fail(prober, @b)
          end)

        length(String.split(log, "no connection to")) - 1
      end

    assert lines == [1, 0, 1, 0, 1]
  end

  # Attempts come every 30 s. Probes come in pauses, and take the cause that is next.
  defp day(prober, clock, causes, at_each \\ fn -> :ok end) do
    log(fn ->
      for _ <- 1..2880, reduce: causes do
        [cause | others] = causes ->
          pass(clock, 30_000)
          at_each.()
          fail(prober, @b)

          if :sys.get_state(prober).running do
            answer(prober, cause)
            others ++ [cause]
          else
            causes
          end
      end
    end)
  end

  defp lines(log), do: length(String.split(log, "no connection to")) - 1

  test "of a day there is one line about a node whose cause stays, and 12 at most if it changes at each probe",
       %{
         prober: prober,
         clock: clock
       } do
    assert lines(day(prober, clock, [:epmd_silent])) == 1
    changing = day(prober, clock, [:epmd_refused, :epmd_silent])
    assert lines(changing) in 8..12
  end

  test "a node that is connected and cut off all day has 12 lines at most", %{
    prober: prober,
    clock: clock
  } do
    # Two failures have it probed.
    cut_off = fn ->
      :ok = Prober.connected(prober, @b)
      fail(prober, @b)
    end

    assert lines(day(prober, clock, [:epmd_silent], cut_off)) in 5..12
  end

  test "the same cause after a connection is told again after half an hour", %{
    prober: prober,
    clock: clock
  } do
    fail(prober, @b, 2)
    assert log(fn -> answer(prober, :epmd_silent) end) =~ "(epmd_silent)"

    for {pause, told?} <- [{1_700_000, false}, {1_900_000, true}, {1_000_000, false}] do
      :ok = Prober.connected(prober, @b)
      pass(clock, pause)
      fail(prober, @b, 2)
      assert log(fn -> answer(prober, :epmd_silent) end) =~ "(epmd_silent)" == told?
    end
  end

  test "nothing is told of a node that was connected meanwhile, or where two probes met", %{
    prober: prober,
    clock: clock
  } do
    fail(prober, @b, 2)
    assert log(fn -> answer(prober, :busy) end) == ""
    pass(clock, 2_000_000)
    fail(prober, @b)
    assert log(fn -> answer(prober, :connected) end) == ""
    pass(clock, 2_000_000)
    fail(prober, @b)
    assert log(fn -> answer(prober, :not_alive) end) == ""
    pass(clock, 2_000_000)
    fail(prober, @b)
    assert_receive {:probe, @b, _, pid}
    :ok = Prober.connected(prober, @b)
    send(self(), {:probe, @b, [], pid})
    assert log(fn -> answer(prober, :epmd_silent) end) == ""
    assert Prober.causes(prober) == %{}
  end

  test "another cookie is told when the attempt after the probe has failed too", %{prober: prober} do
    fail(prober, @b, 2)
    assert log(fn -> answer(prober, :cookie) end) == ""
    assert Prober.causes(prober) == %{}
    assert log(fn -> fail(prober, @b) end) =~ "(cookie)"
    assert Prober.causes(prober) == %{"b@10.0.0.6" => :cookie}
    assert log(fn -> fail(prober, @b) end) == ""
  end

  test "a node that is connected by the attempt after the probe has no other cookie", %{
    prober: prober
  } do
    fail(prober, @b, 2)
    assert log(fn -> answer(prober, :cookie) end) == ""
    :ok = Prober.connected(prober, @b)
    assert log(fn -> fail(prober, @b) end) == ""
    assert Prober.causes(prober) == %{}
  end

  defp disconnect(prober, node) do
    :ok = Prober.disconnected(prober, node)
    settle(prober)
  end

  test "a node that this one disconnects again soon after it was connected is kept apart", %{
    prober: prober,
    clock: clock
  } do
    disconnect(prober, @b)
    refute_received {:probe, _, _, _}
    :ok = Prober.connected(prober, @b)
    pass(clock, 299_999)
    disconnect(prober, @b)
    assert_receive {:probe, @b, options, pid}
    assert Enum.sort(options) == [disconnected_by: :global, heard_from: {10, 0, 0, 6}]
    send(self(), {:probe, @b, options, pid})
    assert log(fn -> answer(prober, :kept_apart) end) =~ "(kept_apart)"

    # Also between two times, for as long as another one may come.
    assert Prober.causes(prober) == %{"b@10.0.0.6" => :kept_apart}
    :ok = Prober.connected(prober, @b)
    assert Prober.causes(prober) == %{"b@10.0.0.6" => :kept_apart}
    pass(clock, 300_000)
    assert Prober.causes(prober) == %{}
  end

  test "a node that the topology has not heard may be disconnected as often as anybody likes", %{
    probe: probe
  } do
    options = [strategy: self(), source: fn _strategy, _node -> nil end, probe: probe]
    {:ok, prober} = Prober.start_link(:probed, options)
    for _ <- 1..3, do: disconnect(prober, @b)
    Await.until("no probe runs", fn -> :sys.get_state(prober).running end, &(&1 == nil))
    refute_received {:probe, _, _, _}
    assert Prober.causes(prober) == %{}
  end

  test "a node that this one disconnects now and then is not kept apart", %{
    prober: prober,
    clock: clock
  } do
    for _ <- 1..3 do
      disconnect(prober, @b)
      :ok = Prober.connected(prober, @b)
      pass(clock, 300_000)
    end

    refute_received {:probe, _, _, _}
  end

  test "one probe at a time", %{prober: prober} do
    for node <- [@b, :"c@10.0.0.7"], do: fail(prober, node, 2)
    assert_receive {:probe, @b, _, _}
    refute_received {:probe, _, _, _}
  end

  test "the pauses between the probes of a node double, to a quarter of an hour", %{
    prober: prober,
    clock: clock
  } do
    fail(prober, @b, 2)
    pauses = for _ <- 1..8, do: pause_after(prober, clock)

    for {pause, most} <- Enum.zip(pauses, [60, 120, 240, 480, 900, 900, 900, 900]) do
      assert pause in div(most, 2)..div(3 * most, 2)//1
    end
  end

  # Seconds until the next probe begins, of a node that fails each second.
  defp pause_after(prober, clock) do
    log(fn -> answer(prober, :epmd_silent) end)

    Enum.find(1..2_000, fn _second ->
      pass(clock, 1_000)
      fail(prober, @b)

      receive do
        {:probe, _, _, _} = asked -> send(self(), asked)
      after
        0 -> nil
      end
    end)
  end

  test "ten probes a minute, however many nodes fail", %{prober: prober, clock: clock} do
    probes =
      for minute <- 1..3 do
        begun =
          for n <- 1..60, reduce: 0 do
            begun ->
              pass(clock, 999)
              fail(prober, :"n#{minute}_#{n}@h", 2)
              begun + answered(prober)
          end

        pass(clock, 60)
        begun
      end

    assert probes == [10, 10, 10]
  end

  defp answered(prober) do
    receive do
      {:probe, _, _, pid} = asked ->
        send(self(), asked)
        log(fn -> answer(prober, :epmd_silent) end)
        if is_pid(pid), do: 1
    after
      0 -> 0
    end
  end

  test "256 nodes are kept in mind; one of which nothing is heard makes room", %{
    prober: prober,
    clock: clock
  } do
    # The one probe that runs goes on.
    fail(prober, :first@h, 2)
    for n <- 2..256, do: fail(prober, :"n#{n}@h")
    fail(prober, @b, 2)
    assert map_size(:sys.get_state(prober).peers) == 256
    refute is_map_key(:sys.get_state(prober).peers, @b)
    pass(clock, 120_000)
    fail(prober, @b)
    assert is_map_key(:sys.get_state(prober).peers, @b)
    assert map_size(:sys.get_state(prober).peers) == 256
  end

  test "the first probes of a cluster are spread, by 20 ms for each node", %{probe: probe} do
    {:ok, prober} =
      Prober.start_link(:probed, probe: probe, now: fn -> 0 end, nodes: fn -> 10_000 end)

    for n <- 1..200, do: fail(prober, :"n#{n}@h")
    due = for {_, peer} <- :sys.get_state(prober).peers, do: peer.due
    assert Enum.all?(due, &(&1 in 0..200_000))
    assert Enum.max(due) - Enum.min(due) > 100_000
  end

  test "a probe that is killed or crashes ends nothing, and the next one comes", %{
    prober: prober,
    clock: clock
  } do
    fail(prober, @b, 2)
    assert_receive {:probe, @b, _, pid}
    Process.exit(pid, :kill)
    pass(clock, 2_000_000)

    NativeGossip.Dev.Await.until(
      "another probe begins",
      fn ->
        fail(prober, @b)
        :sys.get_state(prober).running
      end,
      &match?({other, _failures} when other != pid, &1)
    )

    assert_receive {:probe, @b, _, _}
  end

  test "what is strange to it ends it not, and its owner's end does", %{prober: prober} do
    for stray <- [:stray, {self(), :stray}, {:EXIT, spawn(fn -> :ok end), :kill}],
        do: send(prober, stray)

    GenServer.cast(prober, :stray)
    assert GenServer.call(prober, :stray) == {:error, :unknown_call}
    assert Process.alive?(prober)

    test = self()
    owner = spawn(fn -> send(test, Prober.start_link(:probed)) && Process.sleep(100) end)
    assert_receive {:ok, other}
    monitor = Process.monitor(other)
    Process.monitor(owner)
    assert_receive {:DOWN, ^monitor, _, _, _}, 5_000
  end
end
