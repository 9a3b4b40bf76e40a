defmodule NativeGossip.Faults.SilentPeerTest do
  @moduledoc """
  A host accepts on the epmd port and never answers, which holds a connect to a node there for seven
  seconds. What the others feel of it is measured in one run, without it and with it, and printed.

  `SILENT` is how many nodes it says it has (100, which is more than may be connected to at once).
  """
  use NativeGossip.Test.LanCase, async: false

  alias NativeGossip.Dev.{Await, Beam, Encounters, Inside}
  alias NativeGossip.Test.{Amount, Lan, Network}
  alias NativeGossip.Test.Faults.SilentHost

  @port 45892

  # Of 256 connects under way one host gets a quarter.
  @held_max 64

  # Half of the time for which one connect to the silent host is held.
  @soon_ms 3_500

  @tag timeout: 120_000
  test "peers connect, heartbeats go on and calls are answered while connects to it are held",
       %{network: network} do
    [watched | others] = Lan.beams(network, 1..4)
    silent = Network.add_host(network, 9)
    {:ok, address} = :inet.parse_ipv4_address(to_charlist(silent.address))
    silent_beam = Lan.beam(silent, name: nil)
    :ok = Beam.call(watched, Encounters, :start, [])
    :ok = Lan.join(watched, port: @port)

    # The first time it loads what it needs.
    _ = measure(watched, others, 0)
    without = measure(watched, others, 1)

    count = Amount.from_env("SILENT", 100)
    names = for n <- 1..count, do: :"silent#{n}@#{silent.address}"
    :ok = Beam.call(silent_beam, SilentHost, :start, [address, @port, names])
    waiting = fn -> Beam.call(silent_beam, SilentHost, :waiting, []) end
    held = min(count, @held_max)
    Await.until("#{held} connects to the silent host are held", waiting, &(&1 >= held))

    with_silent = measure(watched, others, 2)
    assert waiting.() > 0, "they were not held for as long as it was measured"

    IO.puts("\nwithout a silent host: #{told(without)}\nwith one: #{told(with_silent)}")

    for {what, ms} <- with_silent.connected ++ with_silent.called do
      assert ms < @soon_ms, "#{what} took #{ms} ms"
    end
  end

  # The others only send: so it is the watched node that connects.
  defp measure(watched, others, round) do
    %{sent: sent} = Lan.counters(watched)

    connected =
      for {other, place} <- Enum.with_index(others) do
        joined_at = Encounters.now()
        start_sender(other)
        index = 2 * length(others) * round + place
        {:found, name, at} = Beam.call(watched, Encounters, :fetch, [index])
        assert name == other.name
        {name, at - joined_at}
      end

    called =
      for n <- 1..50 do
        {us, %{}} = :timer.tc(Lan, :counters, [watched])
        {"call #{n}", us / 1_000}
      end

    Await.until("heartbeats go on", fn -> Lan.counters(watched) end, &(&1.sent >= sent + 10))
    for other <- others, do: leave(watched, other)

    for place <- 0..(length(others) - 1) do
      index = 2 * length(others) * round + length(others) + place
      {:lost, _, _} = Beam.call(watched, Encounters, :fetch, [index])
    end

    %{connected: connected, called: called}
  end

  defp start_sender(beam) do
    config = [port: @port, heartbeat_interval: 200]
    taken_for_connected = {Kernel, :is_atom, []}
    lan = [strategy: NativeGossip.Strategy, config: config, connect: taken_for_connected]
    :ok = Beam.call(beam, Inside, :start_cluster, [[lan: lan]])
  end

  defp leave(watched, other) do
    :ok = Beam.call(other, Inside, :stop_cluster, [])
    true = Beam.call(watched, Node, :disconnect, [other.name])
  end

  defp told(%{connected: connected, called: called}) do
    calls = Enum.map(called, &elem(&1, 1))
    times = Enum.map_join(connected, ", ", fn {_, ms} -> "#{ms} ms" end)
    "peers connected after #{times}; the slowest of #{length(calls)} calls #{Enum.max(calls)} ms"
  end
end
