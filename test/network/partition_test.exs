defmodule NativeGossip.Network.PartitionTest do
  @moduledoc """
  Proves what the simulation cannot: real connections break and are made again; OTP's `global`
  has its say.
  """
  use NativeGossip.Test.LanCase

  alias NativeGossip.Dev.{Await, Beam, Inside, Mesh}
  alias NativeGossip.Test.{Elapsed, Lan, Network}

  # In seconds: a node that cannot be reached is given up a little later.
  @ticktime 4

  test "two halves of six nodes, kept apart for a time, are one cluster again",
       %{network: network} do
    hosts = Enum.map(1..6, &Lan.host(network, &1))
    arguments = ["-kernel", "net_ticktime", "#{@ticktime}"]
    beams = Enum.map(hosts, &Lan.beam(&1, args: arguments))

    for {name, strategy} <- Lan.strategies() do
      Enum.each(beams, &Lan.join(&1, [heartbeat_interval: 5_000], strategy))
      Mesh.await(beams, within: 60_000)

      {_, far} = Enum.split(hosts, 3)
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

      Elapsed.told("partition healed: one cluster of #{name} again", fn ->
        Network.heal(network, far)
        Mesh.await(beams, within: 60_000)
      end)

      for beam <- beams, do: Beam.call(beam, Inside, :stop_cluster, [])
      Lan.disconnect(beams)
    end
  end
end
