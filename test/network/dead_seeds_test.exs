defmodule NativeGossip.Network.DeadSeedsTest do
  @moduledoc """
  Proves what the simulation cannot: what waits in the kernel for hosts that are not there holds up
  nothing else, and the kernel tells which hosts these are.
  """
  use NativeGossip.Test.LanCase

  alias NativeGossip.Dev.{Await, Namespace}
  alias NativeGossip.Test.{Elapsed, Lan, Requirement}
  alias NativeGossip.Test.Network.Filter

  # Failures are told after 15 s, and a dead seed is tried each 16 s; twice for its end to be told.
  @told_ms 60_000

  # 200 heartbeats, and both of these.
  @moduletag timeout: 4 * @told_ms

  @tag skip: Requirement.netns() || Requirement.losses_told()
  test "of 252 seeds in a network one lives: it and the group get each heartbeat, and one line tells of the others",
       %{network: network} do
    [_, seed_host, _] = hosts = Enum.map(1..3, &Lan.host(network, &1))
    Filter.drop_multicast(seed_host)
    [sender, seed, member] = beams = Enum.map(hosts, &Lan.beam/1)
    Enum.each(beams, &Lan.debug/1)
    for beam <- [seed, member], do: Lan.join(beam, heartbeat_interval: 3_600_000)
    Lan.join(sender, seeds: for(n <- 2..254, n != 3, do: "10.77.0.#{n}"))

    sent = fn -> Lan.counters(sender).sent end
    heard = fn -> Enum.map([seed, member], &Lan.logged(&1, sender.name)) end

    [first, all] =
      for n <- [100, 200] do
        Await.until("#{n} heartbeats", sent, &(&1 >= n), within: @told_ms)
        heard.()
      end

    IO.puts(
      "    252 seeds, 251 dead: of 100 heartbeats seed and group got #{Enum.join(first, " and ")}, of 200 #{Enum.join(all, " and ")}"
    )

    # Before anybody is known to be dead, which takes 3 s where the cores are idle, it is one of 252 that take
    # turns. What is sent just now is under way.
    [[first_of_seed, _], [of_seed, of_group]] = [first, all]
    assert first_of_seed >= 50
    assert of_seed - first_of_seed >= 95 and of_group >= 195

    warnings = fn -> Lan.lines(sender, :warning) end
    [warning] = Await.until("it is told", warnings, &(&1 != []), within: @told_ms)
    assert warning =~ "cannot reach 251 of 252 seeds, as 10.77.0.4:45892, "

    Elapsed.told("251 dead seeds live: told", fn ->
      Namespace.ip(seed_host.enter, for(n <- 4..254, do: "address add 10.77.0.#{n}/24 dev eth0"))
      able = fn -> Enum.filter(Lan.lines(sender, :info), &(&1 =~ "now able")) end
      Await.until("it is told", able, &match?([_], &1), within: @told_ms)
    end)

    assert warnings.() == [warning]
  end
end
