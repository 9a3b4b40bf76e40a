defmodule NativeGossip.Network.SharedPortTest do
  @moduledoc """
  Proves what the simulation cannot: sockets of several VMs on one port are all given what they
  joined.
  """
  use NativeGossip.Test.LanCase

  alias NativeGossip.Dev.{Await, Beam, Inside, Mesh, OsProcess}
  alias NativeGossip.Test.{Lan, Requirement}

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

  @tag skip: Requirement.netns() || Requirement.groups_apart()
  test "two VMs on one host and port, each in a group of its own, hear each their group",
       %{network: network} do
    host = Lan.host(network, 1)
    groups = ["233.252.1.32", "239.1.2.3"]
    [a, b] = hosted = for name <- ["a", "b"], do: Lan.beam(host, name: name)
    [n2, n3, n4, n5] = others = Lan.beams(network, 2..5)

    for {beams, group} <- Enum.zip([[a, n2, n3], [b, n4, n5]], groups), beam <- beams do
      Lan.join(beam, port: @port, multicast_addr: group)
    end

    expected = %{
      a.name => [n2.name, n3.name],
      b.name => [n4.name, n5.name],
      n2.name => [a.name, n3.name],
      n3.name => [a.name, n2.name],
      n4.name => [b.name, n5.name],
      n5.name => [b.name, n4.name]
    }

    Await.until("each is found", fn -> Mesh.seen(hosted ++ others) end, &(&1 == expected))

    # Nobody is connected only because it was heard: it hears the two others.
    sent = fn -> Enum.map([n2, n3, n4, n5], &Lan.counters(&1).sent) end
    %{accepted: before_a} = Lan.counters(a)
    %{accepted: before_b} = Lan.counters(b)
    before = sent.()

    later? = fn now ->
      Enum.all?(Enum.zip(now, before), fn {now, before} -> now > before + 10 end)
    end

    Await.until("all have sent", sent, later?)
    assert Lan.counters(a).accepted - before_a >= 20
    assert Lan.counters(b).accepted - before_b >= 20
  end

  defp topology(config) do
    [strategy: NativeGossip.Strategy, config: [heartbeat_interval: 200] ++ config]
  end

  defp start(beam, topologies), do: Beam.call(beam, Inside, :start_cluster, [topologies])
end
