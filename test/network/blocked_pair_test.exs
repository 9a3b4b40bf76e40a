defmodule NativeGossip.Network.BlockedPairTest do
  @moduledoc """
  Proves what the simulation cannot: OTP's `global`, which ends the connections of third nodes where two
  cannot reach each other, and the strategy, which makes them again, do not go on like that at any pace.
  """
  use NativeGossip.Test.LanCase

  alias NativeGossip.Dev.{Beam, Encounters, Mesh}
  alias NativeGossip.Test.{Amount, Lan}
  alias NativeGossip.Test.Network.Filter

  # In seconds: a node that cannot be reached is given up a little later.
  @ticktime 4

  # `global` ends a connection whenever one is made that makes partitions overlap; each end doubles the
  # pause. Without pauses a healthy node lost 30 to 60 connections in this time.
  @most_lost 24

  @tag timeout: 300_000
  test "where two of five nodes hear each other and cannot connect, a third one keeps its peace",
       %{network: network} do
    hosts = [one, other | _] = Enum.map(1..5, &Lan.host(network, &1))
    arguments = ["-kernel", "net_ticktime", "#{@ticktime}"]
    beams = Enum.map(hosts, &Lan.beam(&1, args: arguments, connect_all: true))
    Enum.each(beams, &Lan.join(&1, heartbeat_interval: 5_000))
    Mesh.await(beams, within: 60_000)

    # As in a cluster that has been there for a while: its connections have lasted.
    Process.sleep(:timer.seconds(31))
    third = List.last(beams)
    :ok = Beam.call(third, Encounters, :start, [])
    :ok = Filter.block_tcp(one, other)

    seconds = Amount.from_env("BLOCKED_SECONDS", 90)
    # What is measured is that little happens, for which there is nothing to wait.
    Process.sleep(:timer.seconds(seconds))
    notes = Beam.call(third, Encounters, :stop, [])
    lost = for {:lost, name, at} <- notes, do: {name, at}
    began = notes |> Enum.map(&elem(&1, 2)) |> Enum.min(fn -> 0 end)
    times = Enum.map_join(lost, ", ", fn {_, at} -> "#{div(at - began, 1000)}" end)

    IO.puts(
      "\nlost by a healthy node in #{seconds} s: #{length(lost)} connections, at s #{times}"
    )

    assert length(lost) <= @most_lost
  end
end
