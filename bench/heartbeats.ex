defmodule NativeGossip.Bench.Heartbeats do
  @moduledoc """
  What `bin/bench heartbeats` measures: the CPU time that a heartbeat of a connected peer costs the whole
  VM that receives it, sealed, and sealed and signed.

  Beside them a program that does nothing but `recvfrom` takes the same packets at the same rate: the
  least that a heartbeat can cost. All take turns within a round, so that what else the machine does
  falls on all of them. What the VM does without heartbeats is taken off.
  """
  import NativeGossip.Bench.Receiver

  alias NativeGossip.Dev.{Await, Beam, FreePort, Inside, OsProcess}

  @rounds 3

  # Heartbeats a second, and of these at once: what a kernel buffers, and one after the other.
  @rates [{20_000, 64}, {200, 1}]

  @doc "Prints a row for each rate: what a heartbeat of one of `peers` costs, each form measured for `seconds`."
  @spec main(peers: pos_integer, seconds: pos_integer) :: :ok
  def main(peers: peers, seconds: seconds) do
    IO.puts(
      "us of CPU a heartbeat, median of #{@rounds} rounds of #{seconds} s; #{peers} peers\n"
    )

    row(["rate", "bare recvfrom", "sealed", "signed", "signed / sealed", "signed / bare"])
    row(List.duplicate("---", 6))

    for {rate, burst} <- @rates do
      sending = [peers, rate, burst, seconds]
      rounds = for _ <- 1..@rounds, do: round(sending, seconds)

      row(
        ["#{rate}/s by #{burst}"] ++
          for(column <- [:bare, :sealed, :signed], do: figure(rounds, & &1[column])) ++
          [
            figure(rounds, &(&1.signed / &1.sealed)),
            figure(rounds, &(&1.signed / &1.bare))
          ]
      )
    end

    :ok
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

  defp figure(rounds, of) do
    values = rounds |> Enum.map(of) |> Enum.sort()
    shown = Enum.map(values, &:erlang.float_to_binary(&1 / 1, decimals: 2))
    "#{Enum.at(shown, div(@rounds, 2))} (#{Enum.join(shown, " ")})"
  end
end
