defmodule NativeGossip.Network.IPv6Test do
  @moduledoc """
  Proves what the simulation cannot: the system's IPv6 joins by index, its hop limits and link-
  local sources work, and Erlang connects by them.
  """
  use NativeGossip.Test.LanCase

  alias NativeGossip.Dev.{Await, Mesh, OsProcess}
  alias NativeGossip.Test.{Elapsed, Lan}

  @group {0xFF02, 0, 0, 0, 0, 0, 1, 0x32}

  for {form, config} <- [plain: [], sealed: [secret: "a secret"]] do
    test "hosts that have only IPv6 become a full mesh, #{form}", %{network: network} do
      beams = for n <- 1..3, do: Lan.beam(Lan.host(network, n, family: :inet6))

      Elapsed.told("IPv6, #{unquote(form)}: full mesh", fn ->
        config = [if_addr: "::", multicast_addr: "ff02::1:32"] ++ unquote(config)
        Enum.each(beams, &Lan.join(&1, config))
        Mesh.await(beams)
      end)

      assert Enum.all?(beams, &OsProcess.joined?(&1.os_pid, @group))
    end
  end

  # The system gives them, and searches for duplicates of them first, which takes a second or two.
  test "hosts that have nothing but link-local addresses hear each other", %{network: network} do
    beams = for n <- 1..2, do: Lan.beam(Lan.host(network, n, family: :inet6, address: false))

    Elapsed.told("IPv6, link-local addresses alone: both heard", fn ->
      Enum.each(beams, &Lan.join(&1, multicast_addr: "ff02::1:32", heartbeat_interval: 5_000))
      heard = fn -> Enum.map(beams, &Lan.counters(&1).accepted) end
      Await.until("both hear the other one", heard, &Enum.all?(&1, fn n -> n > 0 end))
    end)

    for beam <- beams do
      assert Enum.any?(Lan.lines(beam, :info), &(&1 =~ "joined ff02::1:32 on eth0 (fe80::"))
    end
  end
end
