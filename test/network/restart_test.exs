defmodule NativeGossip.Network.RestartTest do
  @moduledoc """
  Proves what the simulation cannot: a real node that was killed is given up, and the new one of its
  name is answered, where the connection can be made from its side alone.
  """
  use NativeGossip.Test.LanCase,
    async: false,
    skip: NativeGossip.Test.Requirement.refusing_filter()

  alias NativeGossip.Dev.{Beam, Encounters, Inside, Mesh}
  alias NativeGossip.Test.{Amount, Lan, Meetings}
  alias NativeGossip.Test.Network.Filter

  @within_ms 30_000

  @tag timeout: 3_600_000
  test "a host that only dials, killed and started again under its name, finds its peer",
       %{network: network} do
    [open, closed] = Enum.map(1..2, &Lan.host(network, &1))
    Filter.refuse_connections(closed)
    witness = Lan.beam(open)

    for {name, strategy} <- Lan.strategies() do
      join(witness, strategy)

      # The first one is new to its peer.
      [_new | again] =
        for _run <- 0..Amount.from_env("RESTART_RUNS", 2) do
          beam = Lan.beam(closed)
          Beam.call(beam, Encounters, :start, [])
          started = Encounters.now()
          join(beam, strategy)
          {:found, _, at} = Beam.call(beam, Encounters, :fetch, [0], @within_ms)
          # Who has dialled knows it first.
          %{} = Mesh.await([witness, beam])
          :ok = Beam.call(witness, Encounters, :start, [])
          Beam.kill(beam)
          {:lost, _, _} = Beam.call(witness, Encounters, :fetch, [0], @within_ms)
          Beam.call(witness, Encounters, :stop, [])
          at - started
        end

      Meetings.tell("restarted under its name and connected again, #{name}", again)
      Beam.call(witness, Inside, :stop_cluster, [])
    end
  end

  defp join(beam, strategy), do: Lan.join(beam, [heartbeat_interval: 5_000], strategy)
end
