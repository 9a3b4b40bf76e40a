defmodule NativeGossip.Network.MixedClusterTest do
  use NativeGossip.Test.LanCase, skip: NativeGossip.Test.Requirement.real_libcluster()

  alias NativeGossip.Test.{Await, Beam, Lan, Mesh}

  @moduletag :real_libcluster

  # A module of libcluster's that the stand-in does not have.
  @stock Module.concat([Cluster, Strategy, Gossip])

  for {form, config} <- [plain: [], sealed: [secret: "a secret"]] do
    test "stock nodes and ours are one full mesh and read each other, #{form}",
         %{network: network} do
      beams = Lan.beams(network, 1..4)
      {stock, ours} = Enum.split(beams, 2)

      for beam <- beams, do: Beam.call(beam, Application, :put_env, [:libcluster, :debug, true])
      Enum.each(stock, &Lan.join(&1, unquote(config), @stock))
      Enum.each(ours, &Lan.join(&1, unquote(config)))

      Mesh.await(beams)

      for hearer <- beams, sender <- beams, hearer != sender do
        # What follows it is ours to choose; without it the line is the stock strategy's.
        line = "[libcluster:lan] received heartbeat from #{sender.name}"

        Await.until(
          "#{hearer.name} has read a heartbeat of #{sender.name}",
          fn -> for {:debug, text} <- Beam.logs(hearer), do: text end,
          fn texts -> Enum.any?(texts, &(&1 == line or String.starts_with?(&1, line <> " "))) end
        )
      end
    end
  end
end
