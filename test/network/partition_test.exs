defmodule NativeGossip.Network.PartitionTest do
  @moduledoc """
  Proves what the simulation cannot: real connections break and are made again; OTP's `global`
  has its say. The stock strategy is measured beside it.
  """
  use NativeGossip.Test.LanCase, async: false

  alias NativeGossip.Dev.{Await, Mesh}
  alias NativeGossip.Test.{Amount, Elapsed, Lan, Meetings, Network}

  # In seconds: a node that cannot be reached is given up a little later.
  @ticktime 4

  @tag timeout: 3_600_000
  test "two halves of six nodes, kept apart for a time, are one cluster again",
       %{network: network} do
    hosts = Enum.map(1..6, &Lan.host(network, &1))
    arguments = ["-kernel", "net_ticktime", "#{@ticktime}"]
    beams = Enum.map(hosts, &Lan.beam(&1, args: arguments))
    {_, far} = Enum.split(hosts, 3)
    strategies = Lan.strategies()

    # In turns, so that what else the machine does falls on all of them.
    times =
      for _run <- 1..Amount.from_env("PARTITION_RUNS", 1), {name, strategy} <- strategies do
        {name, healed_ms(network, far, beams, {name, strategy})}
      end

    for {name, _strategy} <- strategies do
      Meetings.tell("partition healed, #{name}", for({^name, ms} <- times, do: ms))
    end
  end

  defp healed_ms(network, far, beams, {name, strategy}) do
    Meetings.formation_ms(Enum.map(beams, &{&1, strategy}), heartbeat_interval: 5_000)
    Network.split(network, far)
    halves = Enum.chunk_every(beams, 3)

    Elapsed.told("partition: two clusters of #{name}", fn ->
      Await.until(
        "each half is a cluster of its own",
        fn -> Enum.map(halves, &Mesh.seen/1) end,
        fn meshes -> Enum.all?(meshes, &Mesh.full?/1) end,
        within: 60_000
      )
    end)

    # Each has to find the three of the other half.
    ms = Meetings.full_mesh_ms(beams, 3, fn -> Network.heal(network, far) end)
    Meetings.part(beams)
    ms
  end
end
