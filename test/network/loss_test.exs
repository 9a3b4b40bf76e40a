defmodule NativeGossip.Network.LossTest do
  @moduledoc """
  Proves what the simulation cannot: real connections are set up in time where real packets are
  lost; the stock strategy is measured beside it.
  """
  use NativeGossip.Test.LanCase, async: false, skip: NativeGossip.Test.Requirement.lossy_filter()

  alias NativeGossip.Test.{Amount, Lan, Meetings}
  alias NativeGossip.Test.Network.Filter

  @port 45892
  @loss_percent 30
  @hosts 8

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
          ms = formation_ms(beams, strategy)
          IO.puts("\n30 % loss, run #{number}, #{name}: full mesh of #{@hosts} after #{ms} ms")
          Map.update(times, strategy, [ms], &[ms | &1])
      end

    medians =
      for {name, strategy} <- strategies,
          do: Meetings.tell("30 % loss, #{name}", Enum.reverse(times[strategy]))

    with [ours, stock] when runs >= @enough <- medians, do: assert(2 * ours <= stock)
  end

  defp formation_ms(beams, strategy) do
    config = [port: @port, heartbeat_interval: 5_000]
    ms = Meetings.formation_ms(Enum.map(beams, &{&1, strategy}), config)
    Meetings.part(beams)
    ms
  end
end
