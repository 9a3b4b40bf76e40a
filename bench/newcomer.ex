defmodule NativeGossip.Bench.Newcomer do
  @moduledoc """
  What `bin/bench newcomer` measures: the CPU time of all nodes of a settled cluster while one more node starts,
  beside the same nodes while nothing happens.

  Connections cost something by whatever way nodes are found. So it is measured as well where nobody looks for nodes,
  and the newcomer dials all of a list.
  """
  @behaviour NativeGossip.Bench

  alias NativeGossip.Bench
  alias NativeGossip.Bench.{Crowd, Member, Table}
  alias NativeGossip.Dev.{Beam, Encounters, Epmd, FreePort, Inside, Mesh, OsProcess}

  @rounds 3
  @within_ms 120_000

  # When the heartbeats of a start are over: see "Storms" in docs/performance.md.
  @settle_ms 10_000

  # A node that is gone is missed for a minute, in which heartbeats are sent more often.
  @forgotten_ms 65_000

  @impl true
  def about do
    %{
      name: "newcomer",
      text:
        "CPU of settled NODES while one more starts, beside the same nodes while nothing happens, each for SECONDS",
      arguments: [nodes: 60, seconds: 20],
      examples: []
    }
  end

  @impl true
  def run(%{nodes: count, seconds: seconds}) do
    unless Crowd.room?(count + 1), do: raise("too little memory for #{count + 1} nodes")
    epmd = Epmd.start_link(address: "127.0.0.1")
    [newcomer | settled] = Crowd.boot(0..count, epmd)
    port = FreePort.udp()

    rows =
      for {name, way} <- ways(port) do
        Bench.progress("#{name}, #{count} nodes")
        row(name, settled, newcomer, way, seconds)
      end

    Enum.each([newcomer | settled], &Beam.stop/1)
    Epmd.stop(epmd)

    %Table{
      name: "newcomer",
      title:
        "CPU of all of #{count} settled nodes in #{seconds} s, ms: median of #{@rounds} rounds (all rounds)",
      note:
        "With a list nobody looks for nodes: nothing but the newcomer's connections costs something.",
      columns: [
        who: "nodes are found by",
        quiet: "nothing happens",
        newcomer: "a newcomer starts",
        ratio: "newcomer / nothing",
        more: "ms more for each node"
      ],
      rows: rows
    }
  end

  # Each with what the newcomer is told.
  defp ways(port) do
    dial = fn _self, names -> {:at_once, names} end

    [{"this strategy", Crowd.strategy(NativeGossip.Strategy, port)}] ++
      if(Bench.stock?(),
        do: [{"stock strategy", Crowd.strategy(Cluster.Strategy.Gossip, port)}],
        else: []
      ) ++ [{"a list", dial}]
  end

  defp row(name, settled, newcomer, way, seconds) do
    names = Enum.map(settled, & &1.name)
    way = way.(newcomer.name, names)
    settle(settled, way)

    rounds =
      for _ <- 1..@rounds do
        quiet = spent_ms(settled, seconds, fn -> :ok end)
        busy = spent_ms(settled, seconds, fn -> meet(newcomer, way, names) end)
        part([newcomer | settled], newcomer, way)
        {quiet, busy}
      end

    scatter(settled, way)
    {quiet, busy} = Enum.unzip(rounds)

    %{
      who: name,
      quiet: %{runs: quiet},
      newcomer: %{runs: busy},
      ratio: Table.ratio(%{runs: busy}, %{runs: quiet}),
      more: %{runs: Enum.map(rounds, fn {quiet, busy} -> (busy - quiet) / length(settled) end)}
    }
  end

  # By a list too: each node dials those after it.
  defp settle(beams, way) do
    names = Enum.map(beams, & &1.name)

    _ =
      case way do
        {:strategy, topologies} ->
          Beam.call_all(beams, Inside, :start_cluster, [topologies], @within_ms)

        {:at_once, _} ->
          of = fn beam -> [Enum.filter(names, &(&1 > beam.name))] end
          Beam.call_all(beams, __MODULE__, :dial, of, @within_ms)
      end

    %{} = Mesh.await(beams, within: @within_ms)
    Process.sleep(@settle_ms)
  end

  @doc false
  def dial(names), do: Enum.each(names, &Node.connect/1)

  # The settled nodes are asked nothing meanwhile: their answers would cost CPU.
  defp meet(newcomer, way, names) do
    :ok = Beam.call(newcomer, Member, :begin, [way, Encounters.now() + 100])
    _ = Beam.call(newcomer, Encounters, :fetch, [length(names) - 1], @within_ms)
    :ok
  end

  defp part(all, newcomer, way) do
    _ = Beam.call(newcomer, Member, :finish, [way])
    :ok = Beam.call(newcomer, Member, :leave, [])
    %{} = Mesh.await(all -- [newcomer], within: @within_ms)
    Process.sleep(@forgotten_ms)
  end

  defp scatter(settled, way) do
    _ = if match?({:strategy, _}, way), do: Beam.call_all(settled, Inside, :stop_cluster, [])
    _ = Beam.call_all(settled, Member, :leave, [], @within_ms)
    %{} = Mesh.await_none(settled)
    :ok
  end

  defp spent_ms(beams, seconds, what) do
    cpu = fn -> beams |> Enum.map(&OsProcess.cpu_ns(&1.os_pid)) |> Enum.sum() end
    ends = System.monotonic_time(:millisecond) + 1_000 * seconds
    before = cpu.()
    :ok = what.()
    Process.sleep(max(ends - System.monotonic_time(:millisecond), 0))
    (cpu.() - before) / 1_000_000
  end
end
