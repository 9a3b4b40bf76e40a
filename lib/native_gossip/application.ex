defmodule NativeGossip.Application do
  @moduledoc false
  use Application

  @impl true
  def start(_type, _args) do
    :ok = NativeGossip.Telemetry.attach_log()
    Supervisor.start_link([NativeGossip.Topologies], strategy: :one_for_one)
  end

  # Another version that is started in its place may have other events.
  @impl true
  def stop(_state), do: NativeGossip.Telemetry.detach_log()
end
