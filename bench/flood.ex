defmodule NativeGossip.Bench.Flood do
  @moduledoc """
  What `bin/bench flood` measures: a node under a flood on the loopback, and how long newcomers need to be connected
  to it meanwhile.

  The flood goes to the multicast group, so that the newcomers are flooded as well: they come one after the other, each
  under a name of its own and with the same options. What the node's loop takes of a core is measured over all of that
  time.
  """
  @behaviour NativeGossip.Bench

  alias NativeGossip.Bench.{Probe, Table}
  alias NativeGossip.Dev.{Beam, Epmd, Inside, OsProcess}

  @host "127.0.0.1"
  @group "233.252.1.34"
  @port 45_994
  @secret "bench"
  @arguments ~w(-connect_all false -kernel inet_dist_use_interface {127,0,0,1})

  # Where one thread can send as many.
  @per_second 300_000

  # So that what a flood can use up is used up.
  @alone_ms 3_000

  @give_up_ms 15_000
  @call_ms 60_000

  # Noise and known names are most expensive with a secret; without one nobody needs to know it.
  @floods [
    {"(quiet)", nil, @secret},
    {"(a) noise", "noise", @secret},
    {"(b) forged names", "names", nil},
    {"(c) 50 known peers", "known", @secret}
  ]

  @impl true
  def about do
    %{
      name: "flood",
      text:
        "a node under three floods, NEWCOMERS come meanwhile, with each receive_limit of LIMITS: what all feel",
      arguments: [newcomers: 20, limits: [200_000]],
      examples: ["flood"]
    }
  end

  @impl true
  def run(%{newcomers: newcomers, limits: limits}) do
    epmd = Epmd.start_link(address: @host)

    seen =
      for limit <- limits, {name, kind, secret} <- @floods do
        NativeGossip.Bench.progress("#{name}, receive_limit #{limit}")
        {name, measure(epmd, kind, newcomers, secret: secret, receive_limit: limit)}
      end

    Epmd.stop(epmd)
    quiet = for {_, %{kind: nil} = seen} <- seen, into: %{}, do: {seen.limit, seen}

    %Table{
      name: "flood",
      title:
        "A node under floods of up to #{@per_second} packets a second, and #{newcomers} newcomers each",
      note:
        "Who is not connected within #{div(@give_up_ms, 1_000)} s is missed. Memory, atoms and mailbox are the " <>
          "highest seen, above those before.",
      columns: [
        flood: "flood",
        limit: "receive_limit",
        sent: "packets/s",
        looked_at: "looked at/s",
        cpu: "loop, % of a core",
        median: "newcomer, median, ms",
        worst: "worst, ms",
        missed: "missed",
        memory: "memory, MB",
        atoms: "atoms",
        mailbox: "mailbox",
        call: "call p99, µs",
        ratio: "call / quiet"
      ],
      rows: for({name, seen} <- seen, do: row(name, seen, quiet[seen.limit]))
    }
  end

  defp row(name, seen, quiet) do
    %{
      flood: name,
      limit: seen.limit,
      sent: round(seen.sent / seen.seconds),
      looked_at: round(seen.looked_at / seen.seconds),
      cpu: 100 * seen.cpu / seen.seconds,
      median: Table.percentile(seen.taken, 50),
      worst: Enum.max(seen.taken),
      missed: Enum.count(seen.taken, &(&1 >= @give_up_ms)),
      memory: seen.memory / 1.0e6,
      atoms: seen.atoms,
      mailbox: seen.mailbox,
      call: seen.p99_us,
      ratio: seen.p99_us / quiet.p99_us
    }
  end

  defp measure(epmd, kind, newcomers, options) do
    node = boot(epmd, name: "flooded@#{@host}")
    newcomer = boot(epmd, [])
    :ok = Beam.call(node, Inside, :start_cluster, [topologies(options)])
    Beam.call(node, Probe, :start, [:lan])
    before = {OsProcess.io_cpu_s(node.os_pid), received(node)}
    flood = kind && start_flood(kind, options[:secret])
    started = now()
    Process.sleep(@alone_ms)

    taken =
      for number <- 1..newcomers do
        arguments = [number, node.name, topologies(options)]
        Beam.call(newcomer, __MODULE__, :meet, arguments, @call_ms)
      end

    {cpu, received} = before
    cpu = OsProcess.io_cpu_s(node.os_pid) - cpu
    looked_at = received(node) - received
    seconds = (now() - started) / 1_000
    seen = Beam.call(node, Probe, :stop, [])
    sent = if flood, do: stop_flood(flood), else: 0
    Enum.each([node, newcomer], &Beam.stop/1)

    Map.merge(seen, %{
      kind: kind,
      limit: options[:receive_limit],
      cpu: cpu,
      looked_at: looked_at,
      seconds: seconds,
      sent: sent,
      taken: taken
    })
  end

  defp boot(epmd, options),
    do: Beam.start_link([epmd_port: epmd.port, args: @arguments] ++ options)

  defp received(node), do: Beam.call(node, Inside, :counters, [:lan]).received

  defp topologies(options) do
    config = [port: @port, multicast_addr: @group, multicast_if: @host] ++ options
    [lan: [strategy: NativeGossip.Strategy, connect: {Probe, :connect, []}, config: config]]
  end

  @doc """
  Inside a VM without a name: what a newcomer of this number needs to be connected to the node, in ms, from the start
  of its strategy; as long as it was given, where it was not. Afterwards the VM has no name again.
  """
  @spec meet(pos_integer, node, keyword) :: pos_integer
  def meet(number, node, topologies) do
    {:ok, _} = :net_kernel.start(:"newcomer#{number}@#{@host}", %{name_domain: :longnames})
    :ok = :net_kernel.monitor_nodes(true)
    started = now()
    :ok = Inside.start_cluster(topologies)

    taken =
      receive do
        {:nodeup, ^node} -> max(now() - started, 1)
      after
        @give_up_ms -> @give_up_ms
      end

    :ok = Inside.stop_cluster()
    :ok = :net_kernel.stop()
    taken
  end

  defp start_flood(kind, secret) do
    arguments = [kind, "#{@group}:#{@port}", "#{@per_second}"] ++ List.wrap(secret)
    OsProcess.open(Path.expand("target/release/examples/flood"), arguments, [])
  end

  # It ends at the end of a line, and says how many packets it has sent.
  defp stop_flood(flood) do
    true = Port.command(flood, "\n")

    receive do
      {^flood, {:data, sent}} -> sent |> String.trim() |> String.to_integer()
    end
  end

  defp now, do: System.monotonic_time(:millisecond)
end
