defmodule NativeGossip.Network.RouteTest do
  @moduledoc """
  Proves what the simulation cannot: where the system says that it routes a group, and on how many
  interfaces it lets a socket join.
  """
  use NativeGossip.Test.LanCase

  alias NativeGossip.Dev.{Await, Mesh, Namespace}
  alias NativeGossip.Test.{Elapsed, Lan}
  alias NativeGossip.Test.Network.Interface

  setup %{network: network} do
    hosts = [host | _] = Enum.map(1..2, &Lan.host(network, &1))
    {:ok, host: host, beams: Enum.map(hosts, &Lan.beam/1)}
  end

  test "a VPN that takes the default route takes no node off its network, and its end neither",
       %{host: host, beams: [travelling | _] = beams} do
    Namespace.ip(host.enter, ["route del 224.0.0.0/4", "route add default dev eth0 metric 100"])
    Enum.each(beams, &Lan.join(&1, []))
    Mesh.await(beams)
    Await.until("eth0 alone is joined", fn -> memberships(travelling) end, &(&1 == ["eth0"]))

    Namespace.ip(host.enter, [
      "link add tun0 type veth peer name far",
      "address add 10.8.0.6/24 dev tun0",
      "link set tun0 up",
      "link set far up",
      "route add default dev tun0 metric 50"
    ])

    Await.until("tun0 is joined", fn -> memberships(travelling) end, &(&1 == ["eth0", "tun0"]))
    meet_again(beams, "a VPN has taken the default route")
    assert Lan.lines(travelling, :warning) == []

    Namespace.ip(host.enter, ["link del tun0"])
    Await.until("tun0 is left", fn -> memberships(travelling) end, &(&1 == ["eth0"]))
    meet_again(beams, "the VPN has ended")
    refute Enum.any?(Lan.lines(travelling, :info), &(&1 =~ "left 233.252.1.32 on eth0"))
  end

  # The kernel lists interfaces by their index, and counts the memberships of a socket.
  test "where there are more interfaces than memberships, that of the route is joined, and one line tells",
       %{host: host, beams: [crowded | _] = beams} do
    Interface.unplug(host)
    bridges = for n <- 1..24, do: "br#{n}"

    Namespace.ip(
      host.enter,
      for {bridge, n} <- Enum.with_index(bridges),
          command <- [
            "link add #{bridge} type veth peer name far#{n}",
            "address add 172.17.#{n}.1/24 dev #{bridge}",
            "link set #{bridge} up",
            "link set far#{n} up"
          ] do
        command
      end
    )

    Interface.plug(host)
    Lan.join(crowded, multicast_if: :all)
    Lan.join(List.last(beams), [])

    Elapsed.told("25 interfaces, 20 memberships, that of the route last: full mesh", fn ->
      Mesh.await(beams)
    end)

    assert memberships(crowded) == ["eth0" | Enum.take(bridges, 19)]
    [warning] = Lan.lines(crowded, :warning)
    assert warning =~ "cannot join 233.252.1.32 on 5 of 25 interfaces, as br20 (172.17.19.1), "
    assert warning =~ "igmp_max_memberships"
  end

  defp meet_again(beams, what) do
    Lan.disconnect(beams)
    Elapsed.told("#{what}: connected again", fn -> Mesh.await(beams) end)
    heard = fn -> Enum.map(beams, &Lan.counters(&1).accepted) end
    before = heard.()

    Await.until("each hears the other", heard, fn now ->
      Enum.zip(before, now) |> Enum.all?(fn {before, now} -> now >= before + 5 end)
    end)
  end

  # As the log has them, in its order.
  defp memberships(beam) do
    Enum.reduce(Lan.lines(beam, :info), [], fn line, joined ->
      case Regex.run(~r/^(joined|left) [\d.]+ on (\w+) /, line) do
        [_, "joined", name] -> joined ++ [name]
        [_, "left", name] -> joined -- [name]
        nil -> joined
      end
    end)
  end
end
