defmodule NativeGossip.Bench.Flood do
  @moduledoc """
  What `bin/bench flood` measures: a node under a flood on the loopback, as fast as one thread can send.

  The flood goes to the multicast group, so that the newcomer of the last column is flooded as well.
  """
  @behaviour NativeGossip.Bench

  alias NativeGossip.Bench.{Probe, Table}
  alias NativeGossip.Dev.{Await, Beam, Epmd, Inside, OsProcess}

  @host "127.0.0.1"
  @group "233.252.1.34"
  @port 45_994
  @secret "bench"

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
        "a node under three floods, each for SECONDS: what the loop, the rest of the BEAM and a newcomer feel",
      arguments: [seconds: 60],
      examples: ["flood"]
    }
  end

  @impl true
  def run(%{seconds: seconds}) do
    epmd = Epmd.start_link(address: @host)
    seen = for {name, kind, secret} <- @floods, do: {name, measure(epmd, kind, secret, seconds)}
    Epmd.stop(epmd)
    [{_, quiet} | _] = seen

    %Table{
      name: "flood",
      title:
        "A node under a flood of #{seconds} s; memory, atoms and mailbox are the highest seen",
      columns: [
        flood: "flood",
        sent: "packets/s",
        looked_at: "looked at/s",
        cpu: "loop, % of a core",
        memory: "memory, MB",
        atoms: "atoms",
        mailbox: "mailbox",
        call: "call p99, µs",
        ratio: "call / quiet",
        newcomer: "newcomer, ms"
      ],
      rows:
        for {name, seen} <- seen do
          %{
            flood: name,
            sent: round(seen.sent / seconds),
            looked_at: round(seen.looked_at / seconds),
            cpu: 100 * seen.cpu,
            memory: seen.memory / 1.0e6,
            atoms: seen.atoms,
            mailbox: seen.mailbox,
            call: seen.p99_us,
            ratio: seen.p99_us / quiet.p99_us,
            newcomer: seen.newcomer_ms || "not connected"
          }
        end
    }
  end

  defp measure(epmd, kind, secret, seconds) do
    [node, newcomer] = for name <- ~w(flooded newcomer), do: boot(epmd, name)
    join(node, secret)
    Beam.call(node, Probe, :start, [:lan])
    before = {OsProcess.io_cpu_s(node.os_pid), Beam.call(node, Inside, :counters, [:lan])}
    flood = kind && Task.async(fn -> flood(kind, secret, seconds) end)
    started = now()

    # Half of the time for the flood alone, so that what it can use up is used up.
    Process.sleep(seconds * 500)
    newcomer_ms = time_to_connect(newcomer, node, secret, started + seconds * 1000)
    Process.sleep(max(started + seconds * 1000 - now(), 0))

    {cpu, counters} = before
    cpu = (OsProcess.io_cpu_s(node.os_pid) - cpu) / seconds
    looked_at = Beam.call(node, Inside, :counters, [:lan]).received - counters.received
    seen = Beam.call(node, Probe, :stop, [])
    sent = if flood, do: Task.await(flood, :infinity), else: 0
    Enum.each([node, newcomer], &Beam.stop/1)
    Map.merge(seen, %{cpu: cpu, sent: sent, looked_at: looked_at, newcomer_ms: newcomer_ms})
  end

  defp boot(epmd, name) do
    Beam.start_link(name: "#{name}@#{@host}", epmd_port: epmd.port)
  end

  defp join(beam, secret) do
    config = [port: @port, multicast_addr: @group, multicast_if: @host, secret: secret]
    spec = [strategy: NativeGossip.Strategy, connect: {Probe, :connect, []}, config: config]
    :ok = Beam.call(beam, Inside, :start_cluster, [[lan: spec]])
  end

  # Nil where the two did not meet before the deadline.
  defp time_to_connect(newcomer, node, secret, deadline) do
    started = now()
    join(newcomer, secret)
    connected = fn -> Beam.connected(newcomer) end

    try do
      Await.until("they meet", connected, &(node.name in &1), within: max(deadline - now(), 0))
      now() - started
    rescue
      Await.TimeoutError -> nil
    end
  end

  defp flood(kind, secret, seconds) do
    arguments = [kind, "#{@group}:#{@port}", "#{seconds}"] ++ List.wrap(secret)
    {output, 0} = System.cmd(Path.expand("target/release/examples/flood"), arguments)
    output |> String.trim() |> String.to_integer()
  end

  defp now, do: System.monotonic_time(:millisecond)
end
