defmodule NativeGossip.Network.IPv6Test do
  use NativeGossip.Test.LanCase

  alias NativeGossip.Test.{Elapsed, Lan, Mesh, OsProcess}

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
end
