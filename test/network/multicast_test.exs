defmodule NativeGossip.Network.MulticastTest do
  @moduledoc """
  Proves what the simulation cannot: the kernel delivers the groups that were joined and no
  others, whatever else is joined on the host.
  """
  use NativeGossip.Test.LanCase

  alias NativeGossip.Dev.{Await, Mesh, OsProcess}
  alias NativeGossip.Test.{Lan, Requirement}

  @group {233, 252, 1, 32}

  test "hosts in one group become a full mesh", %{network: network} do
    beams = Lan.beams(network, 1..3)
    Enum.each(beams, &Lan.join(&1, []))

    Mesh.await(beams)
    assert Enum.all?(beams, &OsProcess.joined?(&1.os_pid, @group))
  end

  test "hosts that share a secret become a full mesh, and one without it reads nothing",
       %{network: network} do
    [stranger | beams] = Lan.beams(network, 1..4)
    Lan.join(stranger, [])
    Enum.each(beams, &Lan.join(&1, secret: "a secret"))

    Mesh.await(beams)

    heard =
      Await.until(
        "the stranger has heard all of them",
        fn -> Lan.counters(stranger) end,
        &(&1.malformed >= 10)
      )

    assert %{accepted: 0, announced: 0} = heard

    for beam <- beams do
      Await.until(
        "#{beam.name} refuses the stranger's plain packets",
        fn -> Lan.counters(beam) end,
        &(&1.unsealed > 0)
      )
    end

    assert Mesh.seen([stranger]) == %{stranger.name => []}
  end

  @tag skip: Requirement.netns() || Requirement.groups_apart()
  test "a node hears only the group it joined, whatever others on its host have joined",
       %{network: network} do
    host = Lan.host(network, 1)
    alone = Lan.beam(host, name: "alone")
    neighbour = Lan.beam(host, name: "neighbour")
    [far] = Lan.beams(network, [2])
    Lan.join(alone, [])
    Enum.each([neighbour, far], &Lan.join(&1, multicast_addr: "233.252.1.33"))
    Mesh.await([neighbour, far])

    # Both groups are on one port, and the other one's packets reach this host.
    Await.until(
      "the neighbour has heard the other host",
      fn -> Lan.counters(neighbour) end,
      &(&1.accepted >= 20)
    )

    assert %{received: echo, echoed: echo, accepted: 0} = Lan.counters(alone)
    assert Mesh.seen([alone]) == %{alone.name => []}
  end
end
