defmodule Neighbour.MixProject do
  use Mix.Project

  def project do
    [
      app: :neighbour,
      version: "0.1.0",
      elixir: "~> 1.14",
      releases: [neighbour: [], bare: [include_erts: false]],
      deps: [native_gossip: [path: "../.."]]
    ]
  end

  def application, do: [mod: {Neighbour, []}, extra_applications: [:logger]]
end
