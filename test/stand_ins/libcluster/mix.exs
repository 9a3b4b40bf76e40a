defmodule LibclusterStandIn.MixProject do
  use Mix.Project

  def project do
    [
      app: :libcluster,
      version: "3.3.0",
      elixir: "~> 1.14",
      deps: [telemetry: [path: "../telemetry"]]
    ]
  end

  def application, do: [extra_applications: [:logger]]
end
