defmodule NativeGossip.Network.AbsentInterfaceTest do
  use NativeGossip.Test.LanCase

  alias NativeGossip.Dev.{Await, Beam, Inside, Mesh}
  alias NativeGossip.Test.Lan
  alias NativeGossip.Test.Network.Interface

  test "a multicast_if that no interface has is reported once, and used when it appears",
       %{network: network} do
    host = Lan.host(network, 2, address: false)

    joins_when_the_network_allows(network, host, [multicast_if: host.address], fn line ->
      line =~ "multicast_if" and line =~ host.address and line =~ "no interface has this address"
    end)
  end

  test "a host without an address or a route reports it once, and joins when it has them",
       %{network: network} do
    host = Lan.host(network, 2, address: false)

    joins_when_the_network_allows(network, host, [], fn line ->
      line =~ "multicast_if" and line =~ "no interface but the loopback"
    end)
  end

  defp joins_when_the_network_allows(network, host, config, report?) do
    [well] = Lan.beams(network, [1])
    Lan.join(well, heartbeat_interval: 100)
    ill = Lan.beam(host)
    Lan.join(ill, config)

    Await.until("the cause is reported", fn -> warnings(ill) end, &Enum.any?(&1, report?))
    strategy = Beam.call(ill, Inside, :strategy, [:lan])

    # The time for several tries more, told by the other host's heartbeats.
    sent = Lan.counters(well).sent
    Await.until("time has passed", fn -> Lan.counters(well) end, &(&1.sent >= sent + 40))
    assert Mesh.seen([well]) == %{well.name => []}

    Interface.add_address(host)
    Mesh.await([well, ill])

    assert [_] = Enum.filter(warnings(ill), report?)
    assert Beam.call(ill, Inside, :strategy, [:lan]) == strategy
  end

  defp warnings(beam) do
    for {level, "[libcluster:lan]" <> _ = line} <- Beam.logs(beam),
        level in [:warning, :error],
        do: line
  end
end
