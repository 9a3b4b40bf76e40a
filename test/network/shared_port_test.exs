defmodule NativeGossip.Network.SharedPortTest do
  use NativeGossip.Test.LanCase

  alias NativeGossip.Test.{Await, Beam, Inside, Lan, Mesh, OsProcess}

  @port 45892

  test "two VMs on one host and port are found by each other and by a third on another host",
       %{network: network} do
    host = Lan.host(network, 1)
    beams = [Lan.beam(host, name: "a"), Lan.beam(host, name: "b") | Lan.beams(network, [2])]
    Enum.each(beams, &Lan.join(&1, port: @port))

    Mesh.await(beams)
    assert Enum.map(beams, &OsProcess.udp_sockets(&1.os_pid, @port)) == [1, 1, 1]
  end

  test "topologies in one VM find each their own nodes, on a shared port or one of their own",
       %{network: network} do
    beams = [hub, open, sealed, other] = Lan.beams(network, 1..4)

    topologies = [
      open: topology(port: @port),
      sealed: topology(port: @port, secret: "a secret"),
      other: topology(port: @port + 1)
    ]

    start(hub, topologies)
    start(open, Keyword.take(topologies, [:open]))
    start(sealed, Keyword.take(topologies, [:sealed]))
    start(other, Keyword.take(topologies, [:other]))

    expected = %{
      hub.name => [open.name, sealed.name, other.name],
      open.name => [hub.name],
      sealed.name => [hub.name],
      other.name => [hub.name]
    }

    Await.until("each is found", fn -> Mesh.seen(beams) end, &(&1 == expected))
    assert OsProcess.udp_sockets(hub.os_pid, @port) == 2
    assert OsProcess.udp_sockets(hub.os_pid, @port + 1) == 1
  end

  defp topology(config) do
    [strategy: NativeGossip.Strategy, config: [heartbeat_interval: 200] ++ config]
  end

  defp start(beam, topologies), do: Beam.call(beam, Inside, :start_cluster, [topologies])
end
