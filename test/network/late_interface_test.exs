defmodule NativeGossip.Network.LateInterfaceTest do
  @moduledoc """
  Proves what the simulation cannot: what the system lists, routes and joins follows a link and
  an address that come.
  """
  use NativeGossip.Test.LanCase, async: false

  alias NativeGossip.Dev.{Await, Beam, Inside, Mesh}
  alias NativeGossip.Test.{Elapsed, Lan}
  alias NativeGossip.Test.Network.Interface

  @interval 5_000
  @within_ms 5_000

  @of_any %{config: [], told: ["no interface but the loopback"]}

  test "started before its interface is up, it is connected within 5 s of the link and the address",
       %{network: network} do
    host = Lan.host(network, 2, up: false, address: false)

    connects("interface up and addressed after the start", network, host, @of_any, fn ->
      Interface.up(host)
      Interface.add_address(host)
    end)
  end

  test "an address in multicast_if that no interface has is told once, and used when it is there",
       %{network: network} do
    host = Lan.host(network, 2, address: false)
    told = ["no interface has this address", host.address]
    of_one = %{config: [multicast_if: host.address], told: told}

    connects("address of multicast_if after the start", network, host, of_one, fn ->
      Interface.add_address(host)
    end)
  end

  test "started with an address but without a link or a route, it is connected within 5 s of both",
       %{network: network} do
    host = Lan.host(network, 2, up: false)
    connects("interface up after the start", network, host, @of_any, fn -> Interface.up(host) end)
  end

  defp connects(what, network, host, %{config: config, told: told}, bring_up) do
    [well] = Lan.beams(network, [1])
    Lan.join(well, heartbeat_interval: @interval)
    late = Lan.beam(host)
    Lan.join(late, [heartbeat_interval: @interval] ++ config)

    reports = fn ->
      for line <- Lan.lines(late, :warning), Enum.all?(told, &(line =~ &1)), do: line
    end

    Await.until("it is said that no group can be joined", reports, &(&1 != []))
    strategy = Beam.call(late, Inside, :strategy, [:lan])

    # Its first burst is over: what connects is another one, or a heartbeat in its turn.
    Await.until("the other host's burst is over", fn -> Lan.counters(well) end, &(&1.sent >= 4))
    assert Mesh.seen([well]) == %{well.name => []}

    Elapsed.told("#{what}: connected", fn ->
      bring_up.()
      Mesh.await([well, late], within: @within_ms)
    end)

    # Whoever reads the log learns which interface it is.
    Await.until(
      "it is said where the group is joined",
      fn -> Lan.lines(late, :info) end,
      fn lines -> Enum.any?(lines, &(&1 =~ ~r/joined .* eth0 .*#{host.address}/)) end
    )

    assert [_] = reports.()
    assert Beam.call(late, Inside, :strategy, [:lan]) == strategy
  end
end
