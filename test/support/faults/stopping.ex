defmodule NativeGossip.Test.Faults.Stopping do
  @moduledoc """
  A VM that runs an application with the topology of `GOSSIP_PORT`, or with none where that is not
  set, says `ready` when the loop is inside its NIF, and then stops in the way that it is told on its
  standard input.

  It is an application, as whatever uses libcluster is: the VM stops its applications in order, and
  kills what belongs to none of them only when the distribution has ended.
  """
  use Application

  alias NativeGossip.Dev.{Await, Inside}

  @application :native_gossip_stopping

  @doc "For `NativeGossip.Dev.Beam.open/2`; it does not keep the start of the VM from ending."
  @spec main :: pid
  def main do
    spawn(fn ->
      try do
        run()
      catch
        kind, reason ->
          IO.puts(Exception.format(kind, reason, __STACKTRACE__))
          System.halt(1)
      end
    end)
  end

  @impl Application
  def start(_type, []) do
    Cluster.Supervisor.start_link([topologies(), [name: Inside]])
  end

  defp run do
    {:ok, _} = Application.ensure_all_started(:elixir)
    {:ok, _} = Application.ensure_all_started(:logger)
    # What is logged would go where "ready" is waited for.
    :ok = Logger.configure(level: :error)
    :ok = Inside.become(:"n@127.0.0.1")

    :ok =
      :application.load(
        {:application, @application,
         applications: [:kernel, :stdlib, :elixir, :logger, :libcluster, :native_gossip],
         mod: {__MODULE__, []}}
      )

    Enum.each([:elixir, :logger, :libcluster, :native_gossip], &load/1)
    {:ok, _} = Application.ensure_all_started(@application)
    if topologies() != [], do: await_heartbeat()
    IO.puts("ready")
    end_by(IO.gets(""))
  end

  # As a release does: a VM that has more code loaded takes longer to stop, whoever runs it.
  defp load(application) do
    _ = Application.load(application)
    {:ok, modules} = :application.get_key(application, :modules)
    Enum.each(modules, &({:module, _} = Code.ensure_loaded(&1)))
  end

  defp topologies do
    case System.get_env("GOSSIP_PORT") do
      nil ->
        []

      port ->
        config = [
          port: String.to_integer(port),
          multicast_if: "127.0.0.1",
          heartbeat_interval: 1_000
        ]

        [lan: [strategy: NativeGossip.Strategy, config: config]]
    end
  end

  defp await_heartbeat do
    heard = &(&1 != nil and &1.echoed > 0)
    Await.until("the loop hears itself", fn -> Inside.counters(:lan) end, heard)
  end

  defp end_by("System.stop\n"), do: System.stop(7)
  defp end_by(":init.stop\n"), do: :init.stop()
  defp end_by("System.halt\n"), do: System.halt(7)

  # Told nothing, it is stopped by a signal; at the end of its input there is nobody to stop it.
  defp end_by("SIGTERM\n"), do: Process.sleep(:infinity)
  defp end_by(:eof), do: System.halt(1)
end
