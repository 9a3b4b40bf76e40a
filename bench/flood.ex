defmodule NativeGossip.Bench.Flood do
  @moduledoc """
  What `bin/bench` measures: a node under a flood on the loopback, as fast as one thread can send.

  The flood goes to the multicast group, so that the newcomer of the last column is flooded as well.
  """
  alias NativeGossip.Bench.Probe
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

  @doc "Runs all floods for so many seconds each and prints a table."
  @spec main(seconds: pos_integer) :: :ok
  def main(seconds: seconds) do
    epmd = Epmd.start_link(address: @host)
    IO.puts("each for #{seconds} s; memory, atoms and mailbox are the highest seen\n")
    row(~w(flood packets/s looked-at/s loop-CPU memory atoms mailbox p99-call newcomer))

    Enum.reduce(@floods, nil, fn {name, kind, secret}, quiet ->
      seen = measure(epmd, kind, secret, seconds)
      quiet = quiet || seen

      row([
        name,
        round(seen.sent / seconds),
        round(seen.looked_at / seconds),
        "#{Float.round(100 * seen.cpu, 1)} %",
        "#{Float.round(seen.memory / 1.0e6, 2)} MB",
        seen.atoms,
        seen.mailbox,
        "#{seen.p99_us} us (x #{Float.round(seen.p99_us / quiet.p99_us, 2)})",
        newcomer(seen.newcomer_ms)
      ])

      quiet
    end)

    Epmd.stop(epmd)
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
    args =
      ~w(run -q --release --locked -p native_gossip_net --example flood --) ++
        [kind, "#{@group}:#{@port}", "#{seconds}"] ++ List.wrap(secret)

    {output, 0} = System.cmd("cargo", args)
    output |> String.trim() |> String.to_integer()
  end

  defp newcomer(nil), do: "not connected"
  defp newcomer(ms), do: "#{ms} ms"

  defp row([name | cells]) do
    cells = Enum.map(cells, &String.pad_leading(to_string(&1), 17))
    IO.puts([String.pad_trailing(name, 20) | cells])
  end

  defp now, do: System.monotonic_time(:millisecond)
end
