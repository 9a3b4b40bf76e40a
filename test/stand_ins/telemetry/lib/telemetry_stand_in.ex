defmodule TelemetryStandIn do
  @moduledoc "The application of the stand-in for telemetry: it owns the table of handlers."
  use Application

  @impl true
  def start(_type, _args) do
    Agent.start_link(fn ->
      :ets.new(:telemetry, [:named_table, :public, read_concurrency: true])
    end)
  end
end
