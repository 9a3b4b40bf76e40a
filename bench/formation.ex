defmodule NativeGossip.Bench.Formation do
  @moduledoc """
  What `bin/bench formation` measures: how long nodes that begin together take to be a full mesh.

  Each node is a BEAM of its own on this machine, with all code loaded and one scheduler. All begin at one
  moment; the nodes themselves note when they find each other, and nothing is polled meanwhile. The last
  of these notes is the time of the full mesh. `-connect_all false`: nobody is connected because a third
  node knows both.

  The ways to find each other take turns, so that what else the machine does falls on all of them.
  """
  @behaviour NativeGossip.Bench

  alias NativeGossip.Bench
  alias NativeGossip.Bench.{Crowd, Member, Table}
  alias NativeGossip.Dev.{Beam, Encounters, Epmd, FreePort, Mesh}

  @host "127.0.0.1"
  @secret "of a benchmark, and of nothing else"
  @runs 3
  @within_ms 120_000

  # The moment to begin: each node has to be told of it before.
  @notice_ms 500
  @notice_per_node_ms 20

  @impl true
  def about do
    %{
      name: "formation",
      text:
        "how fast NODES that begin together are a full mesh, beside the stock strategy and nodes that dial a list of all",
      arguments: [nodes: [10, 30]],
      examples: []
    }
  end

  @impl true
  def run(%{nodes: sizes}) do
    epmd = Epmd.start_link(address: @host)
    ways = ways(FreePort.udp())
    rows = Enum.map(sizes, &measure(&1, ways, epmd))
    Epmd.stop(epmd)

    %Table{
      name: "formation",
      title: "Full mesh in ms after a start together, median of #{@runs} runs (all runs)",
      columns:
        [{:nodes, "nodes"} | for({key, title, _} <- ways, do: {key, title})] ++
          [
            signed_ours: "signed / this",
            ours_list: "this / list, at once",
            stock_ours: "stock / this"
          ],
      rows: rows,
      note:
        unless(Bench.stock?(), do: "The stock strategy is measured where LIBCLUSTER_PATH is set.")
    }
  end

  # Each with what a node is told, of all names.
  defp ways(port) do
    [
      {:ours, "this strategy", Crowd.strategy(NativeGossip.Strategy, port)},
      {:signed, "this, signed", Crowd.strategy(NativeGossip.Strategy, port, secret: @secret)}
    ] ++
      if(Bench.stock?(),
        do: [{:stock, "stock strategy", Crowd.strategy(Cluster.Strategy.Gossip, port)}],
        else: []
      ) ++
      [
        {:in_turn, "list, in turn", fn self, names -> {:in_turn, List.delete(names, self)} end},
        {:at_once, "list, at once", fn self, names -> {:at_once, List.delete(names, self)} end},
        {:one_side, "list, one side at once",
         fn self, names -> {:at_once, Enum.filter(names, &(&1 > self))} end}
      ]
  end

  defp measure(count, ways, epmd) do
    if Crowd.room?(count) do
      beams = Crowd.boot(1..count, epmd)

      times =
        for run <- 1..@runs, {key, title, way} <- ways do
          Bench.progress("#{count} nodes, run #{run}, #{title}")
          {key, form(beams, way)}
        end

      Enum.each(beams, &Beam.stop/1)

      times
      |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))
      |> Map.new(fn {key, times} -> {key, %{runs: times}} end)
      |> Map.put(:nodes, count)
      |> ratios()
    else
      Map.new(ways, fn {key, _, _} -> {key, "too little memory"} end) |> Map.put(:nodes, count)
    end
  end

  defp ratios(row) do
    Map.merge(row, %{
      signed_ours: Table.ratio(row.signed, row.ours),
      ours_list: Table.ratio(row.ours, row.at_once),
      stock_ours: row[:stock] && Table.ratio(row.stock, row.ours)
    })
  end

  defp form(beams, way) do
    names = Enum.map(beams, & &1.name)
    at = Encounters.now() + @notice_ms + @notice_per_node_ms * length(beams)
    _ = all(beams, Member, :begin, &[way.(&1.name, names), at])
    _ = all(beams, Encounters, :fetch, [length(beams) - 2])
    %{} = Mesh.await(beams, within: @within_ms)
    found = beams |> all(Member, :finish, &[way.(&1.name, names)]) |> Enum.concat()
    _ = all(beams, Member, :leave, [])
    %{} = Mesh.await_none(beams)
    Enum.max(for {_, at} <- found, do: at) - at
  end

  defp all(beams, module, function, arguments),
    do: Beam.call_all(beams, module, function, arguments, @within_ms)
end
