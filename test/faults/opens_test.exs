defmodule NativeGossip.Faults.OpensTest do
  @moduledoc """
  Strategies are started and stopped, and nothing of them stays.

  `OPENS` is how often (500; 10000 is the full count), `SEED` chooses which are stopped at once.
  """
  use ExUnit.Case, async: false

  alias NativeGossip.Strategy
  alias NativeGossip.Dev.{Await, Beam, FreePort, Inside, OsProcess}
  alias NativeGossip.Test.Amount
  alias NativeGossip.Test.Faults.{Holdings, Opens}

  @moduletag timeout: 1_800_000

  # What a leak of one loop would cost: its reports' channel alone takes a quarter of a megabyte.
  @megabytes 8

  setup do
    beam = Beam.start_link()
    :ok = Beam.call(beam, Inside, :become, [:"n@127.0.0.1"])
    %{beam: beam, port: FreePort.udp(), seed: Amount.seed()}
  end

  test "memory and descriptors are flat after many opens and closes",
       %{beam: beam, port: port, seed: seed} do
    times = Amount.from_env("OPENS", 500)
    topologies = [lan: [strategy: Strategy, config: config(port)]]
    :ok = Beam.call(beam, Opens, :run, [topologies, max(div(times, 10), 50), seed], :infinity)
    before = held(beam, port)

    :ok = Beam.call(beam, Opens, :run, [topologies, times, seed], :infinity)

    Await.until(
      "it holds what it held before",
      fn -> Holdings.of(beam, port) end,
      &(&1 == before.rest)
    )

    later = held(beam, port)

    IO.puts(
      "\n#{times} opens and closes, seed #{seed}: " <>
        "resident #{change(before, later, :resident)}, VM #{change(before, later, :memory)}"
    )

    for kind <- [:resident, :memory] do
      assert later[kind] - before[kind] < @megabytes * 1024 * 1024, "#{kind} grew"
    end
  end

  test "a loop that was never served is closed when it is collected, though its owner lives",
       %{beam: beam, port: port} do
    before = Holdings.of(beam, port)
    assert Beam.call(beam, Opens, :abandon, [config(port), 50]) == 50
    assert Holdings.of(beam, port) == before
  end

  test "a loop that was never served is closed with its owner, whoever has a reference", %{
    beam: beam,
    port: port
  } do
    before = Holdings.of(beam, port)
    assert %{received: 0} = Beam.call(beam, Opens, :orphan, [config(port)])
    assert Holdings.of(beam, port) == before
  end

  defp config(port), do: [port: port, multicast_if: "127.0.0.1"]

  defp held(beam, port) do
    memory = Beam.call(beam, Opens, :memory, [])
    %{resident: OsProcess.resident(beam.os_pid), memory: memory, rest: Holdings.of(beam, port)}
  end

  defp change(before, later, kind) do
    [before, later] = for held <- [before, later], do: Float.round(held[kind] / 1_048_576, 2)
    "#{before} -> #{later} MB"
  end
end
