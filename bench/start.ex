defmodule NativeGossip.Bench.Start do
  @moduledoc """
  What `bin/bench start` measures: what a strategy needs before it does anything. The time from its start to its first
  heartbeat on the wire, the memory of a topology and of a peer, the size of what is installed, and the seconds to
  compile it.

  The first heartbeats take turns in one VM, in which all code is loaded.
  """
  @behaviour NativeGossip.Bench

  alias NativeGossip.Bench.{Build, Sender, Settled, Table}
  alias NativeGossip.Dev.{Await, Beam, FreePort, Inside, OsProcess}

  @host {127, 0, 0, 1}
  @within_ms 10_000

  # Each loop holds a dirty IO scheduler.
  @topologies 10
  @arguments ~w(+SDio 24)

  @peers [1_000, 10_000]

  @impl true
  def about do
    %{
      name: "start",
      text: "from the start to the first heartbeat, each TIMES; memory, size, seconds to compile",
      arguments: [times: 20],
      examples: ["heartbeats"]
    }
  end

  @impl true
  def run(%{times: times}) do
    ways = Settled.ways() -- [:none]

    rows =
      [first_heartbeats(ways, times), memory(ways)] ++
        for(peers <- @peers, do: memory_of_peers(peers)) ++ Build.rows(ways)

    %Table{
      name: "start",
      title: "What a strategy needs",
      note:
        "The first heartbeats took turns, #{times} times each, after one that is not counted. The stock strategy " <>
          "knows of no peers but those that Erlang is connected to. Compiled with the crates on disk.",
      columns: [{:what, "what"} | for(way <- ways, do: {way, Settled.title(way)})],
      rows: rows
    }
  end

  defp first_heartbeats(ways, times) do
    beam = named([])

    [_ | rounds] =
      for _ <- 0..times,
          do: Map.new(ways, &{&1, Beam.call(beam, __MODULE__, :first_heartbeat, [&1])})

    Beam.stop(beam)
    taken = for way <- ways, do: {way, %{runs: Enum.map(rounds, & &1[way])}}
    Map.new([{:what, "start to the first heartbeat on the wire, ms"} | taken])
  end

  defp named(options) do
    beam = Beam.start_link(options)
    :ok = Beam.call(beam, Inside, :become, [:"start@127.0.0.1"])
    beam
  end

  @doc "Inside a VM: the ms from the start of a strategy until its first heartbeat was received."
  @spec first_heartbeat(Settled.way()) :: float
  def first_heartbeat(way) do
    port = FreePort.udp()

    {:ok, socket} =
      :gen_udp.open(port, [
        :binary,
        reuseaddr: true,
        multicast_if: @host,
        add_membership: {Settled.group(), @host}
      ])

    topologies = Settled.topologies(way, port, config: []) |> shared()
    started = System.monotonic_time(:microsecond)
    :ok = Inside.start_cluster(topologies)

    receive do
      {:udp, ^socket, _ip, _port, _packet} -> :ok
    after
      @within_ms -> raise "no heartbeat came within #{@within_ms} ms"
    end

    taken = System.monotonic_time(:microsecond) - started
    :ok = Inside.stop_cluster()
    :ok = :gen_udp.close(socket)
    taken / 1_000
  end

  # A socket that is bound to an address has no groups on Linux: as in the defaults, it is bound to none.
  defp shared([{name, topology}]),
    do: [{name, Keyword.update!(topology, :config, &Keyword.delete(&1, :if_addr))}]

  defp memory(ways) do
    taken =
      for way <- ways do
        beam = named(args: @arguments)

        # What the first of them loads, all others share; what is freed between the two is used again.
        :ok = Beam.call(beam, __MODULE__, :start_topologies, [way, 1])
        before = resident(beam)
        :ok = Beam.call(beam, Inside, :stop_cluster, [])
        :ok = Beam.call(beam, __MODULE__, :start_topologies, [way, 1 + @topologies])
        kb = (resident(beam) - before) / @topologies / 1_000
        Beam.stop(beam)
        {way, kb}
      end

    Map.new([{:what, "memory of a topology (of #{@topologies} together), kB"} | taken])
  end

  @doc "Inside a VM: starts `count` topologies at once, and returns when each has sent its first burst."
  @spec start_topologies(Settled.way(), pos_integer) :: :ok
  def start_topologies(way, count) do
    topologies =
      for number <- 1..count,
          {_, topology} <- Settled.topologies(way, FreePort.udp(), config: []),
          do: {:"lan#{number}", topology}

    :ok = Inside.start_cluster(topologies)
    Enum.each(topologies, fn {topology, _} -> await_burst(way, topology) end)
  end

  # Of the stock strategy one heartbeat, which it sends before it answers.
  defp await_burst(:stock, topology), do: :sys.get_state(Inside.strategy(topology))

  defp await_burst(:ours, topology) do
    sent = fn -> NativeGossip.counters(topology).sent end
    Await.until("a burst is sent", sent, &(&1 >= 4))
  end

  # Of all memory: that which Rust has is no part of what the BEAM tells.
  defp resident(beam) do
    :ok = Beam.call(beam, __MODULE__, :collect_garbage, [])
    OsProcess.resident(beam.os_pid)
  end

  @doc false
  def collect_garbage, do: Enum.each(Process.list(), &:erlang.garbage_collect/1)

  defp memory_of_peers(peers) do
    # The first ones pay for what all share.
    {beam, port} = Settled.start(:ours, 100)
    before = resident(beam)
    :ok = Settled.introduce(beam, peers, &Sender.run(:signed, port, [peers | &1]))
    kb = (resident(beam) - before) / (peers - 100) / 1_000
    Beam.stop(beam)
    %{what: "memory of a peer, of #{peers}, kB", ours: kb}
  end
end
