defmodule NativeGossip.Faults.KillsTest do
  @moduledoc """
  The processes of a topology are ended at random moments, under traffic.

  `KILLS` is how often (200; 1000 is the full count), `SEED` chooses whom, how and when.
  """
  use ExUnit.Case, async: false

  alias NativeGossip.Dev.{Await, Beam, FreePort, Inside}
  alias NativeGossip.Test.{Amount, Topology, Traffic}
  alias NativeGossip.Test.Faults.{Files, Holdings, Kills}

  @moduletag :tmp_dir
  @moduletag timeout: 1_800_000

  setup do
    %{port: FreePort.udp(), seed: Amount.seed()}
  end

  test "whatever is ended, it hears again within a second and holds what it held before",
       %{port: port, seed: seed, tmp_dir: folder} do
    times = Amount.from_env("KILLS", 200)
    beam = Beam.start_link()
    :ok = Beam.call(beam, Inside, :become, [:"n@127.0.0.1"])
    :ok = Beam.call(beam, Inside, :start_lasting_cluster, [topologies(port)])
    {:ok, _} = Traffic.start_link(ports: [port])

    # The first blows load what is loaded once.
    Beam.call(beam, Kills, :run, [:lan, 20, seed])
    before = %{sockets: 1, loops: 1} = Holdings.of(beam, port)
    blows = Beam.call(beam, Kills, :run, [:lan, times, seed], :infinity)
    IO.puts(report(blows, seed))

    Await.until(
      "it holds what it held before, #{inspect(before)}, after #{times} kills, seed #{seed}",
      fn -> Holdings.of(beam, port) end,
      &(&1 == before)
    )

    assert_schedulers_are_free(beam, folder)
  end

  # All but the one that the loop holds and the one that a file needs are held at once, and then the
  # loop goes on and a file can be written and read.
  defp assert_schedulers_are_free(beam, folder) do
    fifo = Path.join(folder, "fifo")
    {_, 0} = System.cmd("mkfifo", [fifo])
    others = Beam.call(beam, :erlang, :system_info, [:dirty_io_schedulers]) - 2
    %{accepted: before} = Beam.call(beam, Inside, :counters, [:lan])

    assert [_] = Beam.call(beam, Files, :hold, [fifo, others, Files, :measure, [folder, 1]])

    Await.until(
      "it has gone on hearing",
      fn -> Beam.call(beam, Inside, :counters, [:lan]) end,
      &(&1.accepted > before)
    )
  end

  defp report(blows, seed) do
    kinds = Enum.frequencies_by(blows, fn {target, way, _} -> {way, target} end)
    deaf = Enum.map(blows, &elem(&1, 2))
    counts = Enum.map_join(kinds, ", ", fn {{way, target}, n} -> "#{way} #{target} #{n}" end)

    "\n#{length(blows)} kills, seed #{seed} (#{counts}): heard again after " <>
      "#{Amount.median(deaf)} ms in the median, #{Enum.max(deaf)} ms at worst"
  end

  defp topologies(port), do: [lan: Topology.spec(port, heartbeat_interval: 50)]
end
