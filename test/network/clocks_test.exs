defmodule NativeGossip.Network.ClocksTest do
  @moduledoc """
  Proves what the simulation cannot: nodes with wrong clocks that require signatures take each other, and say so
  once. The clock of one BEAM is set by faketime; monotonic clocks are left alone, as a step of the wall clock does.
  """
  use NativeGossip.Test.LanCase, async: false, skip: NativeGossip.Test.Requirement.faketime()

  alias NativeGossip.Dev.{Await, Beam, Mesh}
  alias NativeGossip.Test.{Clock, Elapsed, Lan}

  @moduletag :tmp_dir

  @config [secret: "a secret of the clocks test", authentication: :required]

  # A gap at most between two heartbeats, in ms.
  @interval 1_000

  for {what, off} <- [
        {"13 minutes behind", "-780"},
        {"in 1970", "@1970-01-01 00:10:00"},
        {"31 years ahead", "+978307200"}
      ] do
    test "a node whose clock is #{what} is taken within two heartbeats, and both say so once",
         %{network: network, tmp_dir: folder} do
      clock = Clock.new(folder, unquote(off))
      right = Lan.beam(Lan.host(network, 1))
      wrong = Lan.beam(Lan.host(network, 2), env: Clock.env(clock))
      assert abs(Beam.call(wrong, System, :os_time, [:second]) - System.os_time(:second)) > 600
      join(right)
      await_settled(right)

      pairs = [{right, wrong}, {wrong, right}]
      told = fn -> for {beam, other} <- pairs, do: about(beam, other) end

      # One that takes the other dials, so a mesh does not say that both are taken.
      lines =
        Elapsed.told("taken by each other, #{unquote(what)}", fn ->
          join(wrong)
          Mesh.await([right, wrong], within: 3 * @interval)
          Await.until("both say so", told, &match?([[_], [_]], &1), within: 3 * @interval)
        end)

      for [line] <- lines,
          do: assert(line =~ "its heartbeats are taken, as they answer this node's")

      hear_on([right, wrong])
      assert told.() == lines
    end
  end

  test "a clock that jumps by 31 years while its node runs loses nobody, and both ways are told once",
       %{network: network, tmp_dir: folder} do
    clock = Clock.new(folder, "+0")
    hosts = Enum.map(1..3, &Lan.host(network, &1))
    beams = [right, other] ++ [jumping] = start(hosts, clock)
    Mesh.await(beams)
    hear_on(beams)
    for beam <- beams, do: assert(about(beam, jumping) == [])

    Clock.set(clock, "+978307200")

    told = fn count ->
      Enum.map([right, other], &length(about(&1, jumping))) == List.duplicate(count, 2)
    end

    Await.until("both tell of it", fn -> told.(1) end, & &1)
    hear_on(beams)
    assert told.(1)
    assert [_] = stepped(jumping)

    # It goes on being heard: a stranger to it is taken, and it is taken by a stranger.
    late = Lan.beam(Lan.host(network, 4))
    join(late)
    Mesh.await([late | beams])

    Clock.set(clock, "+0")
    Await.until("its way back is told", fn -> stepped(jumping) end, &(length(&1) == 2))
    hear_on(beams)
    assert Mesh.full?(Mesh.seen([late | beams]))
    assert Enum.all?(beams, &(lost(&1) == []))
  end

  test "a receiver two hours off that is set right takes its peers before and after", %{
    network: network,
    tmp_dir: folder
  } do
    clock = Clock.new(folder, "+7200")
    hosts = Enum.map(1..3, &Lan.host(network, &1))
    beams = [_, _, off] = start(hosts, clock)
    Mesh.await(beams)
    told = fn -> for beam <- beams -- [off], do: about(off, beam) end
    Await.until("it tells of both", told, &match?([[_], [_]], &1))
    hear_on(beams)
    for beam <- beams -- [off], do: assert([_] = about(off, beam))

    Clock.set(clock, "+0")
    Await.until("it tells of its step", fn -> stepped(off) end, &match?([_], &1))
    hear_on(beams)
    assert Mesh.full?(Mesh.seen(beams))
    assert Enum.all?(beams, &(lost(&1) == []))
    # A step of its own is nothing that others did.
    for beam <- beams -- [off], do: assert([_] = about(off, beam))
    late = Lan.beam(Lan.host(network, 4))
    join(late)
    Mesh.await([late | beams])
    assert about(off, late) == []
  end

  # The last of them has the clock.
  defp start(hosts, clock) do
    {right, [off]} = Enum.split(hosts, -1)
    beams = Enum.map(right, &Lan.beam/1) ++ [Lan.beam(off, env: Clock.env(clock))]
    Enum.each(beams, &join/1)
    beams
  end

  defp join(beam), do: Lan.join(beam, [heartbeat_interval: @interval] ++ @config)

  defp await_settled(beam) do
    Await.until("its burst is over", fn -> Lan.counters(beam) end, &(&1.sent >= 5))
  end

  # Each of them hears five more heartbeats of each other, and refuses none of them.
  defp hear_on(beams) do
    before = Enum.map(beams, &Lan.counters/1)

    for {beam, before} <- Enum.zip(beams, before) do
      more = before.accepted + 5 * (length(beams) - 1)

      counts =
        Await.until("it goes on hearing", fn -> Lan.counters(beam) end, &(&1.accepted >= more))

      for cause <- [:unsigned, :signature, :replayed, :twin],
          do: assert(counts[cause] == 0, inspect(counts))
    end
  end

  defp about(beam, other) do
    for level <- [:info, :warning],
        line <- Lan.lines(beam, level),
        line =~ ~s|the clock of :"#{other.name}"|,
        do: line
  end

  defp stepped(beam),
    do: for(line <- Lan.lines(beam, :info), line =~ "the clock of this host was set", do: line)

  defp lost(beam),
    do: for(line <- Lan.lines(beam, :warning), line =~ "unable to connect", do: line)
end
