defmodule NativeGossip.Network.LostMembershipTest do
  @moduledoc """
  Proves what the simulation cannot: the kernel ends memberships silently, and a bridge that
  snoops forgets, as the simulation says they do.
  """
  use NativeGossip.Test.LanCase

  alias NativeGossip.Dev.{Await, Beam, Mesh, OsProcess}
  alias NativeGossip.Test.{Elapsed, Lan, Requirement}
  alias NativeGossip.Test.Faults.Membership
  alias NativeGossip.Test.Network.{Filter, Interface}

  @port 45892
  @group {233, 252, 1, 32}
  @mended_ms 15_000

  setup %{network: network} do
    {:ok, hosts: Enum.map(1..2, &Lan.host(network, &1))}
  end

  test "a membership that somebody else ended is missed by the echo and mended within 15 s",
       %{hosts: hosts} do
    [_witness, struck] = beams = joined(hosts)

    mended("membership ended by somebody else", beams, fn ->
      assert Beam.call(struck, Membership, :leave, [@port, @group]) > 0
      refute OsProcess.joined?(struck.os_pid, @group)
    end)
  end

  test "a membership that went with an interface made again at once is mended within 15 s",
       %{hosts: [_, host] = hosts} do
    [_witness, struck] = joined(hosts)
    Interface.replug(host)

    # The system says that it was removed. Where it does not, a scan may see it gone, or only the echo misses it.
    joined_and_heard("interface made again with its index", struck, Elapsed.now())

    told = fn -> Lan.lines(struck, :info) ++ Lan.lines(struck, :warning) end
    word = if Requirement.groups_apart(), do: ~r/left|hear/, else: ~r/left/
    Await.until("it is told", told, fn lines -> Enum.any?(lines, &(&1 =~ word)) end)
  end

  test "a membership that a switch forgot is missed by the silence of others and told again",
       %{hosts: [_, host] = hosts} do
    Filter.snoop(host)
    beams = joined(hosts)
    group = @group |> :inet.ntoa() |> to_string()
    Await.until("the switch knows it", fn -> Filter.snooped?(host, group) end, & &1)

    # Only who was heard can be missed.
    heard = fn -> Lan.counters(Enum.at(beams, 1)).accepted end
    Await.until("it has heard the other host", heard, &(&1 > 0))

    # By then it has been forgotten for a while, which counts.
    started = Elapsed.now()
    Filter.forget(host, group)
    assert OsProcess.joined?(Enum.at(beams, 1).os_pid, @group)
    before = Lan.counters(Enum.at(beams, 1))

    Elapsed.told("membership forgotten by a switch: told again", fn ->
      Await.until("told", fn -> Filter.snooped?(host, group) end, & &1, within: @mended_ms)
    end)

    hears(Enum.at(beams, 1), before, started, "membership forgotten by a switch")
  end

  # All at the default interval: at a shorter one an echo would be missed sooner.
  defp joined(hosts) do
    beams = Enum.map(hosts, &Lan.beam/1)
    Enum.each(beams, &Lan.join(&1, port: @port, heartbeat_interval: 5_000))
    Mesh.await(beams)

    # The other node may have connected before this one has told of its own group.
    for beam <- beams do
      told = fn -> Lan.lines(beam, :info) end
      Await.until("it told that it joined", told, &Enum.any?(&1, fn l -> l =~ "joined" end))
    end

    beams
  end

  defp mended(what, [_witness, struck], lose) do
    [warned, informed] = for level <- [:warning, :info], do: length(Lan.lines(struck, level))
    lose.()
    joined_and_heard(what, struck, Elapsed.now())

    # Said once, and once that it is over. A heartbeat may have been due while the interface was away.
    warnings = Enum.drop(Lan.lines(struck, :warning), warned)
    {unsent, [warning]} = Enum.split_with(warnings, &(&1 =~ "cannot send"))
    assert length(unsent) <= 1
    assert warning =~ "eth0"

    expected = fn line ->
      line =~ "now able to send" or String.starts_with?(line, "connected to ")
    end

    news = fn -> Enum.reject(Enum.drop(Lan.lines(struck, :info), informed), expected) end
    [over] = Await.until("it is said to be over", news, &match?([_], &1))
    assert over =~ "hear"
  end

  defp joined_and_heard(what, struck, started) do
    Elapsed.told("#{what}: joined again", fn ->
      joined? = fn -> OsProcess.joined?(struck.os_pid, @group) end
      Await.until("the group is joined again", joined?, & &1, within: @mended_ms)
    end)

    hears(struck, Lan.counters(struck), started, what)
  end

  defp hears(struck, before, started, what) do
    Await.until(
      "it hears the other host",
      fn -> Lan.counters(struck) end,
      &(&1.accepted > before.accepted)
    )

    Elapsed.tell("#{what}: hears another host", Elapsed.now() - started)
  end
end
