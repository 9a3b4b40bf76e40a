defmodule NativeGossip.Network.MixedClusterTest do
  @moduledoc """
  Proves what the simulation cannot: the real stock strategy reads our packets, and we read its.
  """
  use NativeGossip.Test.LanCase,
    async: false,
    skip: NativeGossip.Test.Requirement.real_libcluster()

  alias NativeGossip.Dev.{Await, Mesh}
  alias NativeGossip.Test.{Amount, Lan, Meetings}

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

    @tag timeout: 3_600_000
    test "a mixed cluster forms, and the time is told beside that of stock nodes alone, #{form}",
         %{network: network} do
      beams = Lan.beams(network, 1..4)

      # The names in both orders: who of two dials may depend on it.
      clusters = [
        {"4 stock", [:stock, :stock, :stock, :stock]},
        {"2 stock, 2 ours", [:stock, :stock, :ours, :ours]},
        {"2 ours, 2 stock", [:ours, :ours, :stock, :stock]},
        {"4 ours", [:ours, :ours, :ours, :ours]}
      ]

      times =
        for _run <- 1..Amount.from_env("MIXED_RUNS", 1), {name, strategies} <- clusters do
          members = for {beam, which} <- Enum.zip(beams, strategies), do: {beam, strategy(which)}
          ms = Meetings.formation_ms(members, unquote(config))
          Meetings.part(beams)
          {name, ms}
        end

      for {name, _} <- clusters do
        Meetings.tell("#{name}, #{unquote(form)}: full mesh", for({^name, ms} <- times, do: ms))
      end
    end
  end

  defp strategy(:stock), do: Lan.stock()
  defp strategy(:ours), do: NativeGossip.Strategy
end
