defmodule NativeGossip.Network.RecoveryTest do
  @moduledoc """
  Proves what the simulation cannot: the system holds no socket, thread or descriptor more after
  a process was killed inside the NIF.
  """
  use NativeGossip.Test.LanCase, async: false

  alias NativeGossip.Dev.{Await, Beam, Inside, Mesh, OsProcess}
  alias NativeGossip.Test.Faults.Kills
  alias NativeGossip.Test.Lan

  @port 45892
  @back_within_ms 1_000

  for {way, target, what} <- [
        {:crash, :strategy, "a crash of the strategy"},
        {:kill, :strategy, "a kill of the strategy"},
        {:kill, :loop, "a kill of the loop process"}
      ] do
    test "after #{what} it hears again within a second, and holds what it held before",
         %{network: network} do
      beams = [broken, witness] = Lan.beams(network, 1..2)
      Enum.each(beams, &Lan.join(&1, port: @port, heartbeat_interval: 100))
      Mesh.await(beams)
      before = %{sockets: 1} = held(broken, witness)
      strategy = strategy(broken)

      Beam.call(broken, Kills, :strike, [:lan, unquote(target), unquote(way)])

      Await.until(
        "another strategy process has read a heartbeat of #{witness.name}",
        fn -> {strategy(broken), Lan.counters(broken)} end,
        fn {pid, counters} -> pid not in [nil, strategy] and heard?(counters) end,
        within: @back_within_ms
      )

      Await.until(
        "it holds what it held before: #{inspect(before)}",
        fn -> held(broken, witness) end,
        &(&1 == before)
      )

      # The connection outlived the strategy, so only a newcomer shows that it still connects.
      [newcomer] = Lan.beams(network, [3])
      Lan.join(newcomer, port: @port)
      Mesh.await([newcomer | beams])
    end
  end

  defp strategy(beam), do: Beam.call(beam, Inside, :strategy, [:lan])

  defp heard?(counters), do: counters != nil and counters.accepted > 0

  defp held(beam, peer) do
    # The resolver's helper process starts with the first look-up and ends when it idles.
    [_, address] = peer.name |> Atom.to_charlist() |> :string.split(~c"@")
    {:ok, _} = Beam.call(beam, :inet, :getaddr, [address, :inet])

    OsProcess.holdings(beam.os_pid, @port)
  end
end
