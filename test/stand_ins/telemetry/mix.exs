defmodule TelemetryStandIn.MixProject do
  use Mix.Project

  def project, do: [app: :telemetry, version: "1.0.0", elixir: "~> 1.14"]

  def application, do: [mod: {TelemetryStandIn, []}, extra_applications: [:logger]]
end
