defmodule NativeGossip.Faults.CrowdTest do
  @moduledoc """
  More topologies in one VM than it has dirty IO schedulers: it is said, with what to set, and
  everything goes on, files too. Their times are measured and printed.

  `FILES` is how many are written and read (8; 100 for figures).
  """
  use ExUnit.Case, async: false

  alias NativeGossip.Dev.{Await, Beam, FreePort, Inside, OsProcess}
  alias NativeGossip.Native
  alias NativeGossip.Test.{Amount, Topology, Traffic}
  alias NativeGossip.Test.Faults.Files

  @moduletag :tmp_dir
  @moduletag timeout: 180_000

  test "12 loops on 10 dirty IO schedulers all hear, and files go on", %{tmp_dir: folder} do
    assert crowd(folder, [], 12, 10) =~ "start it with +SDio 20"
  end

  test "6 loops on 4 do too, and with what the warning advises nothing is left to warn of",
       %{tmp_dir: folder} do
    [_, advised] = Regex.run(~r/\+SDio (\d+)/, crowd(folder, ["+SDio", "4"], 6, 4))

    beam = start(folder, ["+SDio", advised], 6)
    assert warnings(beam) == []
    assert_all_hear(beam, 6)
    measure_files(beam, folder, "6 loops on the advised #{advised}")
    assert_terminates(beam)
  end

  # Returns the last warning.
  defp crowd(folder, arguments, loops, schedulers) do
    beam = start(folder, arguments, loops)
    assert Beam.call(beam, :erlang, :system_info, [:dirty_io_schedulers]) == schedulers
    assert Beam.call(beam, Native, :loops, []) == loops

    # Each topology that leaves no scheduler to others says so.
    warnings = warnings(beam)
    assert length(warnings) == loops - schedulers + 1

    assert_all_hear(beam, loops)
    measure_files(beam, folder, "#{loops} loops on #{schedulers} dirty IO schedulers")
    assert_all_hear(beam, loops)
    assert_terminates(beam)
    List.last(warnings)
  end

  defp start(folder, arguments, loops) do
    beam = Beam.start_link(args: arguments, stderr: Path.join(folder, "stderr"))
    :ok = Beam.call(beam, Inside, :become, [:"n@127.0.0.1"])
    ports = for _ <- 1..loops, do: FreePort.udp()

    topologies =
      for {port, number} <- Enum.with_index(ports, 1) do
        {topology(number), Topology.spec(port, heartbeat_interval: 200)}
      end

    :ok = Beam.call(beam, Inside, :start_cluster, [topologies])
    {:ok, _} = Traffic.start_link(ports: ports)
    beam
  end

  defp topology(number), do: :"lan#{number}"

  defp assert_all_hear(beam, loops) do
    for number <- 1..loops do
      topology = topology(number)
      %{accepted: before} = Beam.call(beam, Inside, :counters, [topology])

      Await.until(
        "#{topology} hears and sends",
        fn -> Beam.call(beam, Inside, :counters, [topology]) end,
        &(&1.accepted > before and &1.sent > 0)
      )
    end
  end

  defp measure_files(beam, folder, what) do
    times = Beam.call(beam, Files, :measure, [folder, Amount.from_env("FILES", 8)], :infinity)
    [median, worst] = for us <- [Amount.median(times), Enum.max(times)], do: us / 1_000
    IO.puts("\n#{what}: a file written and read in #{median} ms in the median, #{worst} at worst")
  end

  defp assert_terminates(beam) do
    # On its way down it has lines to log and nobody left to write them, of which OTP complains.
    {:ok, nobody} = StringIO.open("")
    Process.group_leader(beam.peer, nobody)
    :ok = OsProcess.terminate(beam.os_pid)
    Await.until("the VM has ended", fn -> OsProcess.alive?(beam.os_pid) end, &(not &1))
  end

  defp warnings(beam) do
    for {:warning, line} <- Beam.logs(beam), line =~ "dirty IO", do: line
  end
end
