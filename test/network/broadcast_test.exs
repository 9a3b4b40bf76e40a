defmodule NativeGossip.Network.BroadcastTest do
  @moduledoc """
  Proves what the simulation cannot: a broadcast address of one network reaches the sockets of
  other hosts, and no group is joined.
  """
  use NativeGossip.Test.LanCase

  alias NativeGossip.Dev.{Mesh, OsProcess}
  alias NativeGossip.Test.Lan

  test "with broadcast_only hosts become a full mesh and join no group", %{network: network} do
    hosts = Enum.map(1..3, &Lan.host(network, &1))
    beams = Enum.map(hosts, &Lan.beam/1)
    {:ok, broadcast} = hosts |> hd() |> Map.fetch!(:broadcast) |> parse()

    for {beam, form} <- Enum.zip(beams, [hd(hosts).broadcast, broadcast, broadcast]) do
      Lan.join(beam, broadcast_only: true, multicast_addr: form)
    end

    Mesh.await(beams)
    refute Enum.any?(beams, &OsProcess.joined?(&1.os_pid, {233, 252, 1, 32}))
    refute Enum.any?(beams, &OsProcess.joined?(&1.os_pid, broadcast))
  end

  defp parse(address), do: address |> to_charlist() |> :inet.parse_ipv4_address()
end
