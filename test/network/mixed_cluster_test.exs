defmodule NativeGossip.Network.MixedClusterTest do
  @moduledoc """
  Proves what the simulation cannot: the real stock strategy reads our packets, and we read its.
  """
  use NativeGossip.Test.LanCase, skip: NativeGossip.Test.Requirement.real_libcluster()

  alias NativeGossip.Dev.{Await, Mesh}
  alias NativeGossip.Test.Lan

  @moduletag :real_libcluster

  for {form, config} <- [plain: [], sealed: [secret: "a secret"]] do
    test "stock nodes and ours are one full mesh and read each other, #{form}",
         %{network: network} do
      beams = Lan.beams(network, 1..4)
      {stock, ours} = Enum.split(beams, 2)

      Enum.each(beams, &Lan.debug/1)
      Enum.each(stock, &Lan.join(&1, unquote(config), Lan.stock()))
      Enum.each(ours, &Lan.join(&1, unquote(config)))

      Mesh.await(beams)

      for hearer <- beams, sender <- beams, hearer != sender do
        Await.until(
          "#{hearer.name} has read a heartbeat of #{sender.name}",
          fn -> Lan.logged(hearer, sender.name) end,
          &(&1 > 0)
        )
      end
    end
  end
end
