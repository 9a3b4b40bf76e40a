defmodule NativeGossip.Bench.Formation do
  @moduledoc """
  What `bin/bench formation` measures: how long nodes that begin together take to be a full mesh.

  Each node is a BEAM of its own on this machine, with all code loaded and one scheduler. All begin at one
  moment; the nodes themselves note when they find each other, and nothing is polled meanwhile. The last
  of these notes is the time of the full mesh. `-connect_all false`: nobody is connected because a third
  node knows both.

  The ways to find each other take turns, so that what else the machine does falls on all of them.
  """
  alias NativeGossip.Bench.Member
  alias NativeGossip.Dev.{Beam, Encounters, Epmd, FreePort, Mesh, OsProcess}

  @host "127.0.0.1"
  @group "233.252.1.35"
  @runs 3
  @within_ms 120_000

  # The moment to begin: each node has to be told of it before.
  @notice_ms 500
  @notice_per_node_ms 20

  # Small: there may be many, and they share the cores of this machine.
  @arguments ~w(-connect_all false +S 1:1 +SDcpu 1:1 +SDio 2 +A 1 -kernel inet_dist_use_interface {127,0,0,1})

  # What a BEAM may grow to, with room for the connections to all others.
  @beam_bytes 120_000_000

  # As far as they are there: telemetry is no part of every libcluster.
  @applications ~w(kernel stdlib elixir logger crypto telemetry libcluster native_gossip)a

  @doc "Measures clusters of these sizes, and prints a row for each."
  @spec main([pos_integer]) :: :ok
  def main(sizes) do
    epmd = Epmd.start_link(address: @host)
    ways = ways(FreePort.udp())
    names = Enum.map(ways, &elem(&1, 0))
    IO.puts("full mesh in ms after a start together, median of #{@runs} runs (all runs)\n")
    row(["nodes" | names])
    row(List.duplicate("---", length(names) + 1))
    Enum.each(sizes, &measure(&1, ways, epmd))
    unless stock?(), do: IO.puts("\nthe stock strategy is measured where LIBCLUSTER_PATH is set")
    Epmd.stop(epmd)
  end

  # Each with what a node is told, of all names.
  defp ways(port) do
    strategy = fn module ->
      config = [port: port, multicast_addr: @group, multicast_if: @host]
      fn _self, _names -> {:strategy, [lan: [strategy: module, config: config]]} end
    end

    [{"ours", strategy.(NativeGossip.Strategy)}] ++
      if(stock?(), do: [{"stock", strategy.(Cluster.Strategy.Gossip)}], else: []) ++
      [
        {"list in turn", fn self, names -> {:in_turn, List.delete(names, self)} end},
        {"list at once", fn self, names -> {:at_once, List.delete(names, self)} end},
        {"one side at once", fn self, names -> {:at_once, Enum.filter(names, &(&1 > self))} end}
      ]
  end

  defp stock?, do: Code.ensure_loaded?(Cluster.Strategy.Gossip)

  defp measure(count, ways, epmd) do
    if count * @beam_bytes < OsProcess.memory_available() do
      beams = for number <- 1..count, do: boot(number, epmd)

      times =
        for(_run <- 1..@runs, {name, way} <- ways, do: {name, form(beams, way)})
        |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))

      row([count | for({name, _} <- ways, do: cell(times[name]))])
      Enum.each(beams, &Beam.stop/1)
    else
      row([count | List.duplicate("too little memory", length(ways))])
    end
  end

  defp boot(number, epmd) do
    beam = Beam.start_link(name: "n#{number}@#{@host}", epmd_port: epmd.port, args: @arguments)
    there = Enum.filter(@applications, &(:code.lib_dir(&1) != {:error, :bad_name}))
    :ok = Beam.call(beam, Member, :load, [there])
    beam
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

  defp cell(times) do
    median = times |> Enum.sort() |> Enum.at(div(@runs, 2))
    "#{median} (#{Enum.join(times, ", ")})"
  end

  defp row(cells) do
    cells = Enum.map(cells, &String.pad_trailing(to_string(&1), 23))
    IO.puts("| #{Enum.join(cells, " | ")} |")
  end
end
