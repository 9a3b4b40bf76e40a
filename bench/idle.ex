defmodule NativeGossip.Bench.Idle do
  @moduledoc """
  What `bin/bench idle` measures: the CPU time and the context switches of a node that has found its peers, where
  nothing happens.

  The peers are BEAMs that every measured node is connected to; a program sends heartbeats in their names, as many as
  that many nodes send. The measured nodes run side by side, each with its own heartbeats: with no strategy, with
  this one, with the stock one. They have a secret. All other options are the defaults, but for ports and addresses.
  """
  @behaviour NativeGossip.Bench

  alias NativeGossip.Bench.{Sender, Settled, Table}
  alias NativeGossip.Dev.{Await, Beam, Epmd, FreePort, Inside, OsProcess}

  @rounds 3
  @host "127.0.0.1"
  @arguments ~w(-connect_all false -kernel inet_dist_use_interface {127,0,0,1})

  # The first heartbeats are more than a settled cluster sends, and code is loaded with them.
  @settle_ms 15_000
  @within_ms 60_000

  @impl true
  def about do
    %{
      name: "idle",
      text:
        "a node with PEERS where nothing happens, each round for SECONDS: CPU, context switches",
      arguments: [peers: 10, seconds: 60],
      examples: ["heartbeats"]
    }
  end

  @impl true
  def run(%{peers: peers, seconds: seconds}) do
    epmd = Epmd.start_link(address: @host)
    others = for number <- 1..peers, do: boot(epmd, "known#{number}", [])
    names = Enum.map(others, & &1.name)
    nodes = for way <- Settled.ways(), do: {way, FreePort.udp(), boot(epmd, "#{way}")}
    # All the time, so that no round begins with the start of a program.
    lasting = div(@settle_ms + 2 * @within_ms, 1_000) + @rounds * (seconds + 5)
    senders = for {way, port, _} <- nodes, way != :none, do: send_heartbeats(port, peers, lasting)
    Enum.each(nodes, &join(&1, names))
    Process.sleep(@settle_ms)
    rounds = for _ <- 1..@rounds, do: round(nodes, seconds)
    Enum.each(senders, &Sender.stop/1)
    for beam <- others ++ Enum.map(nodes, &elem(&1, 2)), do: Beam.stop(beam)
    Epmd.stop(epmd)
    table(nodes, rounds, peers, seconds)
  end

  defp boot(epmd, name, applications \\ [:libcluster, :native_gossip]) do
    Beam.start_link(
      name: "#{name}@#{@host}",
      epmd_port: epmd.port,
      args: @arguments,
      applications: applications
    )
  end

  # As many as they send when they have met: each one every two and a half seconds.
  defp send_heartbeats(port, peers, seconds) do
    rate = max(round(peers * 0.4), 1)
    Sender.start(:signed, port, [peers, rate, 1, seconds])
  end

  defp join({:none, _port, beam}, names),
    do: for(name <- names, do: true = Beam.call(beam, Node, :connect, [name]))

  defp join({way, port, beam}, names) do
    topologies = Settled.topologies(way, port, config: [secret: Sender.secret()])
    :ok = Beam.call(beam, Inside, :start_cluster, [topologies])
    found = fn -> names -- Beam.connected(beam) end
    Await.until("it has found all peers", found, &(&1 == []), within: @within_ms)
  end

  defp round(nodes, seconds) do
    before = Map.new(nodes, &noted/1)
    Process.sleep(seconds * 1_000)

    Map.new(nodes, fn node ->
      {way, later} = noted(node)
      {way, Map.merge(later, before[way], fn _, new, old -> new - old end)}
    end)
  end

  # Nobody asks the node itself: it would have to answer.
  defp noted({way, _port, beam}) do
    switches = OsProcess.context_switches(beam.os_pid)
    {way, %{cpu: OsProcess.cpu_ns(beam.os_pid) / 1.0e6, switches: switches}}
  end

  defp table(nodes, rounds, peers, seconds) do
    of = fn way, key -> %{runs: Enum.map(rounds, & &1[way][key])} end
    above = fn way -> %{runs: Enum.map(rounds, &(&1[way].cpu - &1.none.cpu))} end

    %Table{
      name: "idle",
      title: "A node with #{peers} peers, where nothing happens, for #{seconds} s",
      note:
        "Median of #{@rounds} rounds, side by side; every node is connected to all peers, also the one without " <>
          "a strategy.",
      columns: [
        way: "VM with",
        cpu: "CPU, ms",
        above: "above no strategy, ms",
        switches: "context switches of all threads"
      ],
      rows:
        for {way, _, _} <- nodes do
          %{
            way: Settled.title(way),
            cpu: of.(way, :cpu),
            above: if(way != :none, do: above.(way)),
            switches: of.(way, :switches)
          }
        end
    }
  end
end
