defmodule NativeGossip.Test.Faults.Stopping do
  @moduledoc """
  A VM that runs the topologies of `GOSSIP_PORT`, or none without it, says `ready` when the loop is
  inside its NIF, and then stops in the way that it is told on its standard input.
  """
  alias NativeGossip.Test.{Await, Inside}

  @doc "For `NativeGossip.Test.Beam.open/2`; it does not keep the start of the VM from ending."
  @spec main :: pid
  def main, do: spawn(&run/0)

  defp run do
    for application <- [:elixir, :logger, :libcluster, :native_gossip] do
      {:ok, _} = Application.ensure_all_started(application)
    end

    :ok = Inside.become(:"n@127.0.0.1")
    if port = System.get_env("GOSSIP_PORT"), do: join(String.to_integer(port))
    IO.puts("ready")
    stop(IO.gets(""))
  end

  defp join(port) do
    config = [port: port, multicast_if: "127.0.0.1", heartbeat_interval: 1_000]
    :ok = Inside.start_cluster(lan: [strategy: NativeGossip.Strategy, config: config])
    await_heartbeat()
  end

  defp await_heartbeat do
    heard = &(&1 != nil and &1.own > 0)
    Await.until("the loop hears itself", fn -> Inside.counters(:lan) end, heard)
  end

  defp stop("System.stop\n"), do: System.stop(7)
  defp stop(":init.stop\n"), do: :init.stop()
  defp stop("System.halt\n"), do: System.halt(7)

  # Told nothing, it is stopped by a signal; at the end of its input there is nobody to stop it.
  defp stop("SIGTERM\n"), do: Process.sleep(:infinity)
  defp stop(:eof), do: System.halt(1)
end
