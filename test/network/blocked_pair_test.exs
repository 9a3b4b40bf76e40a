defmodule NativeGossip.Network.BlockedPairTest do
  @moduledoc """
  Proves what the simulation cannot: OTP's `global`, which ends the connections of third nodes where two
  cannot reach each other, and the strategy, which makes them again, do not go on like that at any pace.
  """
  use NativeGossip.Test.LanCase, skip: NativeGossip.Test.Requirement.refusing_filter()

  alias NativeGossip.Dev.{Await, Beam, Encounters, Mesh}
  alias NativeGossip.Test.{Amount, Lan}
  alias NativeGossip.Test.Network.Filter

  # In seconds: a node that cannot be reached is given up a little later.
  @ticktime 4

  # In milliseconds: short, for without pauses each heartbeat connects again.
  @heartbeat_interval 1_000

  # `global` ends the connection of a third node to one of the two 7 s after it was made. Each end doubles
  # the pause before the next one, up to half a minute less a quarter by chance, which it has reached after
  # little more than a minute (here in seconds). From then on a minute has room for three ends of each of
  # the two; without pauses for eight or nine of each.
  @settled_after 90
  @most_lost 6

  @tag timeout: 420_000
  test "where two of five nodes hear each other and cannot connect, a third one keeps its peace",
       %{network: network} do
    hosts = [one, other | _] = Enum.map(1..5, &Lan.host(network, &1))
    arguments = ["-kernel", "net_ticktime", "#{@ticktime}"]
    beams = Enum.map(hosts, &Lan.beam(&1, args: arguments, connect_all: true))
    Enum.each(beams, &Lan.join(&1, heartbeat_interval: @heartbeat_interval))
    Mesh.await(beams, within: 60_000)

    third = List.last(beams)
    :ok = Filter.block_tcp(one, other)

    # What is measured is that little happens, for which there is nothing to wait.
    seconds = Amount.from_env("BLOCKED_SECONDS", 60)
    Process.sleep(:timer.seconds(@settled_after))
    :ok = Beam.call(third, Encounters, :start, [])
    Process.sleep(:timer.seconds(seconds))
    lost = for {:lost, name, _at} <- Beam.call(third, Encounters, :stop, []), do: name

    IO.puts(
      "\nlost by a healthy node in #{seconds} s, after #{@settled_after} s: #{length(lost)} connections"
    )

    assert length(lost) <= @most_lost

    # It disconnects, or is disconnected: of each pair one side knows why.
    causes = fn -> beams |> Enum.flat_map(&told/1) |> MapSet.new() end
    expected = MapSet.new(["epmd_filtered", "kept_apart"])
    Await.until("all is told", causes, &MapSet.subset?(expected, &1), within: 120_000)
  end

  # The causes that this node told of others.
  defp told(beam) do
    for line <- Lan.lines(beam, :warning),
        [_, cause] <- [Regex.run(~r/\Ano connection to \S+ \((\w+)\): /, line)],
        do: cause
  end
end
