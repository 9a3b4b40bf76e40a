defmodule NativeGossip.Network.ReplacedInterfaceTest do
  @moduledoc """
  Proves what the simulation cannot: the kernel forgets memberships with an interface, and sends
  by the one that is made in its place.
  """
  use NativeGossip.Test.LanCase, async: false

  alias NativeGossip.Dev.{Await, Mesh, OsProcess}
  alias NativeGossip.Test.{Elapsed, Lan, Requirement}
  alias NativeGossip.Test.Network.Interface

  @group {233, 252, 1, 32}
  @within_ms 5_000
  @deaf_ms 15_000

  for {what, address, away} <- [
        {"its address", true, 10},
        {"its address, at once", true, 0},
        {"another address", "10.77.0.22", 10}
      ] do
    test "removed and made again with #{what}, an interface is heard and hears within 5 s",
         %{network: network} do
      {host, [witness, struck] = beams} = pair(network)
      # The witness sends often: what is measured is not its turn.
      Lan.join(witness, heartbeat_interval: 500)
      Lan.join(struck, heartbeat_interval: 5_000)
      Mesh.await(beams)

      Interface.unplug(host)
      Lan.disconnect(beams)
      %{sent: sent} = Lan.counters(witness)
      away = sent + unquote(away)
      Await.until("it has been away", fn -> Lan.counters(witness) end, &(&1.sent >= away))
      before = accepted(beams)

      started = Elapsed.now()
      Interface.plug(host, 0, address: unquote(address))

      for {milestone, reached?} <- [
            {"heard", fn -> hd(accepted(beams)) > hd(before) end},
            {"connected", fn -> beams |> Mesh.seen() |> Mesh.full?() end},
            {"hears", fn -> List.last(accepted(beams)) > List.last(before) end}
          ] do
        what = "interface made again with #{unquote(what)}: #{milestone}"
        # One deadline for all: each has what the others left of it.
        left = max(started + @within_ms - Elapsed.now(), 0)
        Await.until(what, reached?, & &1, within: left)
        Elapsed.tell(what, Elapsed.now() - started)
      end
    end
  end

  @tag :real_libcluster
  @tag skip: Requirement.netns() || Requirement.real_libcluster()
  test "the stock strategy is still deaf 15 s after its interface was made again",
       %{network: network} do
    {host, [witness, struck] = beams} = pair(network)
    Lan.debug(struck)
    Lan.join(witness, [])
    Lan.join(struck, [], Lan.stock())
    Mesh.await(beams)

    Await.until(
      "the stock node hears",
      fn -> Lan.logged(struck, witness.name) end,
      &(&1 > 0)
    )

    Interface.unplug(host)
    Interface.plug(host)
    %{accepted: accepted} = Lan.counters(witness)
    deaf_since = Elapsed.now()
    heard = Lan.logged(struck, witness.name)
    refute OsProcess.joined?(struck.os_pid, @group)

    Await.until(
      "15 s have passed",
      fn -> Elapsed.now() - deaf_since end,
      &(&1 >= @deaf_ms),
      within: 2 * @deaf_ms
    )

    # It sends, so that its user sees a node that takes part.
    assert Lan.counters(witness).accepted > accepted
    assert Lan.logged(struck, witness.name) == heard
    refute OsProcess.joined?(struck.os_pid, @group)

    Elapsed.tell(
      "interface made again: the stock strategy is still deaf",
      Elapsed.now() - deaf_since
    )
  end

  # The second one is called by an address that is not that of its interface.
  defp pair(network) do
    [near, far] = Enum.map(1..2, &Lan.host(network, &1))
    far = Interface.with_steady_address(far, [near])
    {far, [Lan.beam(near), Lan.beam(far)]}
  end

  defp accepted(beams), do: Enum.map(beams, &Lan.counters(&1).accepted)
end
