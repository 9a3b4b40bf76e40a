defmodule NativeGossip.Bench.Heartbeats do
  @moduledoc """
  What `bin/bench heartbeats` measures: the CPU time that a heartbeat of a connected peer costs the whole
  VM that receives it, sealed, and sealed and signed.

  Beside them a program that does nothing but `recvfrom` takes the same packets at the same rate: the
  least that a heartbeat can cost. All take turns within a round, so that what else the machine does
  falls on all of them. What the VM does without heartbeats is taken off.
  """
  @behaviour NativeGossip.Bench

  import NativeGossip.Bench.Receiver

  alias NativeGossip.Bench.Table
  alias NativeGossip.Dev.{Await, Beam, FreePort, Inside, OsProcess}

  @rounds 3

  # Heartbeats a second, and of these at once: what a kernel buffers, and one after the other.
  @rates [{20_000, 64}, {200, 1}]

  @impl true
  def about do
    %{
      name: "heartbeats",
      text:
        "what a heartbeat of one of so many PEERS costs the whole VM, each form for SECONDS, beside a " <>
          "program that only receives",
      arguments: [peers: 100, seconds: 5],
      examples: ["heartbeats"]
    }
  end

  @impl true
  def run(%{peers: peers, seconds: seconds}) do
    %Table{
      name: "heartbeats",
      title: "CPU per heartbeat, µs: #{@rounds} rounds of #{seconds} s, #{peers} peers",
      columns: [
        rate: "rate",
        bare: "bare recvfrom",
        sealed: "sealed",
        signed: "signed",
        signed_sealed: "signed / sealed",
        signed_bare: "signed / bare"
      ],
      rows:
        for {rate, burst} <- @rates do
          rounds = for _ <- 1..@rounds, do: round([peers, rate, burst, seconds], seconds)

          [bare, sealed, signed] =
            for key <- [:bare, :sealed, :signed], do: %{runs: Enum.map(rounds, & &1[key])}

          %{
            rate: "#{rate}/s by #{burst}",
            bare: bare,
            sealed: sealed,
            signed: signed,
            signed_sealed: Table.ratio(signed, sealed),
            signed_bare: Table.ratio(signed, bare)
          }
        end
    }
  end

  defp round(sending, seconds) do
    Map.new([bare: :signed, sealed: :sealed, signed: :signed], fn
      {:bare, form} -> {:bare, bare(form, sending)}
      {column, form} -> {column, strategy(form, sending, seconds)}
    end)
  end

  defp bare(form, sending) do
    port = FreePort.udp()
    receiver = OsProcess.open(program(), ["receive", "127.0.0.1:#{port}"], [])
    {:os_pid, os_pid} = Port.info(receiver, :os_pid)

    receive do
      {^receiver, {:data, "ready\n"}} -> :ok
    end

    before = OsProcess.cpu_ns(os_pid)
    sent = send_heartbeats(form, port, sending)
    spent = OsProcess.cpu_ns(os_pid) - before
    Port.close(receiver)
    spent / sent / 1000
  end

  defp strategy(form, sending, seconds) do
    {beam, port} = start(receive_limit: 1_000_000)
    # All are known and connected, and what is compiled or loaded at first is.
    [peers | _] = sending
    send_heartbeats(form, port, [peers, 200, 1, 10])
    await_connected(beam, peers)
    idle = spent(beam, fn -> Process.sleep(seconds * 1000) end)
    before = Beam.call(beam, Inside, :counters, [:lan])
    {:ok, sent} = Agent.start_link(fn -> 0 end)

    busy =
      spent(beam, fn ->
        Agent.update(sent, fn 0 -> send_heartbeats(form, port, sending) end, :infinity)
      end)

    count = Agent.get(sent, & &1)

    Await.until(
      "each heartbeat is taken",
      fn ->
        Beam.call(beam, Inside, :counters, [:lan]).accepted - before.accepted
      end,
      &(&1 >= count)
    )

    Beam.stop(beam)
    (busy - idle) / count / 1000
  end

  defp spent(beam, what) do
    before = OsProcess.cpu_ns(beam.os_pid)
    what.()
    OsProcess.cpu_ns(beam.os_pid) - before
  end
end
