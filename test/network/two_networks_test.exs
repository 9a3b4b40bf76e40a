defmodule NativeGossip.Network.TwoNetworksTest do
  @moduledoc """
  Proves what the simulation cannot: each heartbeat leaves by the interface that it is meant
  for, and tells which one it came by.
  """
  use NativeGossip.Test.LanCase

  alias NativeGossip.Dev.{Await, Mesh}
  alias NativeGossip.Test.{Elapsed, Lan, Requirement}
  alias NativeGossip.Test.Network.Interface

  # n1 is on both LANs, n2 on the first and n3 on the second.
  setup %{network: network} = context do
    hub = Lan.host(network, 1, lans: context[:lans] || [0, 1])

    beams = [
      Lan.beam(hub) | for(lan <- 0..1, do: Lan.beam(Lan.host(network, 2 + lan, lans: [lan])))
    ]

    [_, n2, n3] = beams
    # No answer of theirs reaches its name from the second LAN: it is n1 that has to connect.
    Enum.each([n2, n3], &Lan.join(&1, []))
    {:ok, hub: hub, beams: beams}
  end

  for {form, multicast_if} <- [
        "every interface": :all,
        "the names and addresses in a list": ["eth0", "10.78.0.1"]
      ] do
    test "a host joins on #{form}: the nodes of both its networks", %{beams: [n1, n2, n3] = beams} do
      Lan.join(n1, multicast_if: unquote(multicast_if))

      Elapsed.told("#{inspect(unquote(multicast_if))}: nodes of both networks connected", fn ->
        await(beams, %{n1.name => [n2.name, n3.name], n2.name => [n1.name], n3.name => [n1.name]})
      end)

      for beam <- [n2, n3] do
        Await.until("n1 is heard too", fn -> Lan.counters(beam) end, &(&1.accepted >= 5))
      end
    end
  end

  test "a host joins on the interface that is named, and on no other",
       %{beams: [n1, n2, n3] = beams} do
    Lan.join(n1, multicast_if: "eth1")

    Elapsed.told("\"eth1\": the node of that network connected", fn ->
      await(beams, %{n1.name => [n3.name], n2.name => [], n3.name => [n1.name]})
    end)

    # The time for many heartbeats on either network.
    for beam <- [n1, n2] do
      Await.until("#{beam.name} has sent", fn -> Lan.counters(beam) end, &(&1.sent >= 30))
    end

    assert %{accepted: 0, name: 0} = Lan.counters(n2)
    assert Mesh.seen([n1, n2]) == %{n1.name => [n3.name], n2.name => []}
  end

  @tag skip: Requirement.netns() || Requirement.groups_apart()
  test "two VMs of one host, each on an interface of its own, hear each only its network",
       %{hub: hub, beams: [n1, n2, n3]} do
    other = Lan.beam(hub, name: "other")
    Lan.join(n1, multicast_if: "eth0")
    Lan.join(other, multicast_if: "eth1")

    await([n1, other, n2, n3], %{
      n1.name => [n2.name],
      other.name => [n3.name],
      n2.name => [n1.name],
      n3.name => [other.name]
    })

    # Neither is connected because the other side called it: it hears what it joined.
    for beam <- [n1, other] do
      heard = fn -> Lan.counters(beam) end
      Await.until("#{beam.name} has heard its network", heard, &(&1.accepted >= 20))
    end
  end

  @tag lans: [0]
  test "an interface that is named and not there is reported once, and used when it appears",
       %{hub: hub, beams: [n1, n2, n3] = beams} do
    Lan.join(n1, multicast_if: "eth1")
    reports = fn -> Enum.filter(Lan.lines(n1, :warning), &(&1 =~ "multicast_if")) end
    [report] = Await.until("it is reported", reports, &(&1 != []))
    assert report =~ "eth1"

    # The time for several looks at the interfaces.
    Await.until("n2 has sent", fn -> Lan.counters(n2) end, &(&1.sent >= 60))
    assert Mesh.seen([n1]) == %{n1.name => []}

    Elapsed.told("\"eth1\" plugged in after the start: connected", fn ->
      Interface.plug(hub, 1)

      await(beams, %{n1.name => [n3.name], n2.name => [], n3.name => [n1.name]}, within: 5_000)
    end)

    assert [^report] = reports.()
  end

  defp await(beams, expected, options \\ []) do
    Await.until(
      "each is connected to whom it can hear",
      fn -> Mesh.seen(beams) end,
      &(&1 == expected),
      options
    )
  end
end
