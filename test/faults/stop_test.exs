defmodule NativeGossip.Faults.StopTest do
  @moduledoc """
  A VM is stopped in every way while the loop is inside its NIF, and one without the strategy beside
  it: both end, with the same exit status.

  `STOP_RUNS` is how often each (1), in turns. Where it is set, the times are printed, and the same
  is done with a release: `STOP_RUNS=20 mix test test/faults/stop_test.exs`.
  """
  use ExUnit.Case, async: false

  alias NativeGossip.Dev.{Await, Beam, Epmd, FreePort, OsProcess}
  alias NativeGossip.Test.{Amount, Release}
  alias NativeGossip.Test.Faults.Stopping

  @moduletag :tmp_dir
  @moduletag timeout: 1_800_000

  @ends_within_ms 30_000

  for {way, status} <- [
        {"System.stop", 7},
        {":init.stop", 0},
        {"SIGTERM", 0},
        {"System.halt", 7}
      ] do
    test "#{way} ends the VM with status #{status}, with the strategy as without it" do
      measure(unquote(way), fn gossip_port ->
        environment = if gossip_port, do: [{"GOSSIP_PORT", to_string(gossip_port)}], else: []
        vm = Beam.open(Stopping, env: environment)
        assert_receive {^vm, {:data, "ready\n"}}, @ends_within_ms
        {:os_pid, os_pid} = Port.info(vm, :os_pid)
        # One that does not end when it is told to is what this test is for.
        on_exit(fn -> OsProcess.kill(os_pid) end)

        took(vm, unquote(status), fn ->
          Port.command(vm, unquote(way) <> "\n")
          if unquote(way) == "SIGTERM", do: OsProcess.terminate(os_pid)
        end)
      end)
    end
  end

  @tag skip:
         unless(System.get_env("STOP_RUNS"), do: "set STOP_RUNS to build and stop a release too")
  test "bin/neighbour stop ends a release, with the strategy as without it", %{tmp_dir: folder} do
    epmd = Epmd.start_link(address: "127.0.0.1")
    with_strategy = Release.make(folder)
    without = without_topologies(with_strategy, folder)

    measure("bin/neighbour stop", fn gossip_port ->
      release = if gossip_port, do: with_strategy, else: without
      environment = Release.environment(epmd, "one@127.0.0.1", gossip_port)
      vm = Release.start(release, environment)
      {:os_pid, os_pid} = Port.info(vm, :os_pid)
      on_exit(fn -> OsProcess.terminate(os_pid) end)
      await_answer(release, if(gossip_port, do: 1, else: 0), environment)
      took(vm, 0, fn -> Release.stop(release, environment) end)
    end)
  end

  # In turns, so that whatever else the machine does slows both alike.
  defp measure(way, stop) do
    runs = for run <- 1..Amount.from_env("STOP_RUNS", 1), do: pair(stop, rem(run, 2))
    {with_strategy, without} = Enum.unzip(runs)

    if System.get_env("STOP_RUNS") do
      slower = Enum.count(runs, fn {with_strategy, without} -> with_strategy > without end)

      IO.puts(
        "\n#{way}: with the strategy #{told(with_strategy)}, without #{told(without)}; " <>
          "it was slower in #{slower} of #{length(runs)} pairs"
      )
    end
  end

  defp pair(stop, 0), do: {stop.(FreePort.udp()), stop.(nil)}

  defp pair(stop, 1) do
    without = stop.(nil)
    {stop.(FreePort.udp()), without}
  end

  defp told(times) do
    "#{Amount.median(times)} ms in the median (#{Enum.min(times)} to #{Enum.max(times)})"
  end

  defp took(vm, status, stop) do
    started = System.monotonic_time(:microsecond)
    stop.()
    assert_receive {^vm, {:exit_status, ended_with}}, @ends_within_ms
    assert ended_with == status
    (System.monotonic_time(:microsecond) - started) / 1_000
  end

  defp without_topologies(release, folder) do
    copy = Path.join(folder, "without")
    {_, 0} = System.cmd("cp", ["-a", release, copy])
    [runtime] = Path.wildcard(Path.join(copy, "releases/*/runtime.exs"))
    File.write!(runtime, "import Config\nconfig :libcluster, topologies: []\n")
    copy
  end

  defp await_answer(release, loops, environment) do
    Await.until(
      "the release answers, with #{loops} loops",
      fn -> Release.rpc(release, "NativeGossip.Native.loops()", environment) end,
      &(&1 == {to_string(loops), 0}),
      within: @ends_within_ms
    )
  end
end
