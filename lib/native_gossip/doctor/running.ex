defmodule NativeGossip.Doctor.Running do
  @moduledoc """
  What a topology that runs in this BEAM has seen, and a doctor that has just come has not.
  """

  alias NativeGossip.{Peer, Prober, Topologies}

  # In ms: three times the stock strategy's longest gap between two heartbeats. A lost one is no silence.
  @silence 15_000

  defstruct runs?: false, peers: [], causes: %{}

  @typedoc "Whether it runs, its peers, and the causes that probes of its own found."
  @type t :: %__MODULE__{
          runs?: boolean,
          peers: [Peer.t()],
          causes: %{String.t() => NativeGossip.Probe.Cause.t()}
        }

  @doc "Asks it. Where it does not run, or ends meanwhile, there is nothing."
  @spec of(topology :: atom) :: t
  def of(topology) do
    entry = Enum.find(Topologies.all(), fn {name, _, _} -> name == topology end)
    if entry, do: asked(topology, Topologies.processes(entry)), else: %__MODULE__{}
  rescue
    _ in [ArgumentError, RuntimeError] -> %__MODULE__{}
  end

  defp asked(topology, %{prober: prober}) do
    causes = if prober, do: Prober.causes(prober), else: %{}
    %__MODULE__{runs?: true, peers: NativeGossip.peers(topology), causes: causes}
  end

  @doc """
  What it knows of the attempts to connect to a node that is heard: that it is kept apart, that they failed, or
  nothing.
  """
  @spec attempts(t, node) :: :kept_apart | :failed | :unknown
  def attempts(running, node) do
    cond do
      running.causes[Atom.to_string(node)] == :kept_apart -> :kept_apart
      Node.alive?() and running.runs? and node not in Node.list(:connected) -> :failed
      true -> :unknown
    end
  end

  @doc """
  Nodes that it is connected to, heard, and does not hear any more. One that is not connected has ended, most likely.
  """
  @spec silent(t) :: [Peer.t()]
  def silent(running) do
    Enum.filter(running.peers, &(&1.heard_ms >= @silence and &1.state == :connected))
  end
end
