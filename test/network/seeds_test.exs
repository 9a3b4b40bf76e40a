defmodule NativeGossip.Network.SeedsTest do
  @moduledoc """
  Proves what the simulation cannot: unicast arrives where multicast does not, and the system's
  resolver follows a name.
  """
  use NativeGossip.Test.LanCase

  alias NativeGossip.Dev.{Await, Mesh}
  alias NativeGossip.Test.{Elapsed, Lan}
  alias NativeGossip.Test.Network.{Filter, Host}

  # A name is looked up each 30 s, and the heartbeat after that may take its time.
  @followed_ms 45_000

  setup %{network: network} do
    hosts = Enum.map(1..3, &Lan.host(network, &1))
    Enum.each(hosts, &Filter.drop_multicast/1)
    {:ok, hosts: hosts}
  end

  test "without any multicast, seeds that one node has make a cluster of all", %{hosts: hosts} do
    beams = [first | others] = beams(hosts)
    deaf(others)

    Elapsed.told("no multicast, two seeds at one node: full mesh", fn ->
      Lan.join(first, seeds: ["10.77.0.2", "10.77.0.3"])
      Mesh.await(beams)
    end)
  end

  @tag :tmp_dir
  test "a seed's name is followed to another address", %{hosts: [host | rest], tmp_dir: folder} do
    file = Path.join(folder, "hosts")
    lead(file, "10.77.0.2")
    beams = [first, second, third] = beams([Host.with_hosts_file(host, file) | rest])
    deaf([second, third])

    Elapsed.told("no multicast, a seed by its name: connected", fn ->
      Lan.join(first, seeds: ["app.test"])
      Mesh.await([first, second])
    end)

    assert Mesh.seen([third]) == %{third.name => []}

    Elapsed.told("the seed's name has another address: connected", fn ->
      lead(file, "10.77.0.3")
      Mesh.await(beams, within: @followed_ms)
    end)
  end

  # As users' nodes do, they connect to whom their neighbours know.
  defp beams(hosts), do: Enum.map(hosts, &Lan.beam(&1, connect_all: true))

  defp deaf(beams) do
    Enum.each(beams, &Lan.join(&1, []))

    for beam <- beams do
      Await.until("#{beam.name} has sent", fn -> Lan.counters(beam) end, &(&1.sent >= 10))
    end

    assert Enum.map(beams, &Lan.counters(&1).accepted) == Enum.map(beams, fn _ -> 0 end)
  end

  # Written into the same file: another one in its place would not be seen.
  defp lead(file, address), do: File.write!(file, "127.0.0.1 localhost\n#{address} app.test\n")
end
