defmodule NativeGossip.Network.LossTest do
  @moduledoc """
  Proves what the simulation cannot: real connections are set up in time where real packets are
  lost; the stock strategy is measured beside it.
  """
  use NativeGossip.Test.LanCase, skip: NativeGossip.Test.Requirement.lossy_filter()

  alias NativeGossip.Dev.{Beam, Encounters, Inside, Mesh}
  alias NativeGossip.Test.{Amount, Lan}
  alias NativeGossip.Test.Network.Filter

  @port 45892
  @loss_percent 30
  @hosts 8
  @within_ms 60_000

  # From so many runs on, medians are compared.
  @enough 10

  @tag timeout: 1_200_000
  test "of eight hosts started together, where 30 % of the packets are lost, all find all",
       %{network: network} do
    hosts = Enum.map(1..@hosts, &Lan.host(network, &1))
    Enum.each(hosts, &Filter.lose(&1, @loss_percent, @port))
    beams = Enum.map(hosts, &Lan.beam/1)
    runs = Amount.from_env("LOSS_RUNS", 2)
    strategies = Lan.strategies()

    times =
      for number <- 1..runs, {name, strategy} <- strategies, reduce: %{} do
        times ->
          ms = full_mesh_ms(beams, strategy)
          IO.puts("\n30 % loss, run #{number}, #{name}: full mesh of #{@hosts} after #{ms} ms")
          Map.update(times, strategy, [ms], &[ms | &1])
      end

    medians =
      for {name, strategy} <- strategies do
        median = Amount.median(times[strategy])
        IO.puts("\n30 % loss, median of #{runs} runs, #{name}: #{median} ms")
        median
      end

    with [ours, stock] when runs >= @enough <- medians, do: assert(2 * ours <= stock)
  end

  # Measured inside the nodes, which note when they find each other: nothing is polled meanwhile.
  defp full_mesh_ms(beams, strategy) do
    each(beams, Encounters, :start, [])
    config = [port: @port, heartbeat_interval: 5_000]
    started = Encounters.now()
    each(beams, Inside, :start_cluster, [[lan: [strategy: strategy, config: config]]])
    each(beams, Encounters, :fetch, [@hosts - 2])
    Mesh.await(beams, within: @within_ms)
    notes = beams |> each(Encounters, :stop, []) |> Enum.concat()
    each(beams, Inside, :stop_cluster, [])
    Lan.disconnect(beams)
    Enum.max(for {:found, _, at} <- notes, do: at) - started
  end

  # In all nodes at the same moment.
  defp each(beams, module, function, arguments) do
    beams
    |> Enum.map(&Task.async(Beam, :call, [&1, module, function, arguments, @within_ms]))
    |> Task.await_many(@within_ms)
  end
end
