defmodule NativeGossip.Doctor.Running do
  @moduledoc """
  What a topology that runs in this BEAM has seen, and a doctor that has just come has not.
  """

  alias NativeGossip.{Peer, Prober, Topologies}

  # A node counts as silent when none of its heartbeats came for six times the longest gap between two, and for at
  # least 15 s (in ms): a single heartbeat may be lost.
  @gaps 6
  @silence 15_000

  # Attempts that have failed in a row. A single one also fails where two nodes dial each other at once.
  @failures 2

  defstruct interval_ms: 0, peers: [], causes: %{}

  @typedoc "The longest gap between two heartbeats, its peers, and the causes that probes of its own found."
  @type t :: %__MODULE__{
          interval_ms: non_neg_integer,
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
    %{interval_ms: interval_ms} = NativeGossip.status(topology)
    %__MODULE__{interval_ms: interval_ms, peers: NativeGossip.peers(topology), causes: causes}
  end

  @doc """
  What it knows of the attempts to connect to a node that is heard: that it is kept apart, that they failed, or
  nothing.
  """
  @spec attempts(t, node) :: :kept_apart | :failed | :unknown
  def attempts(running, node) do
    name = Atom.to_string(node)

    cond do
      running.causes[name] == :kept_apart -> :kept_apart
      Enum.any?(running.peers, &(&1.name == name and failed?(&1.state))) -> :failed
      true -> :unknown
    end
  end

  defp failed?({:backing_off, _until_ms, failures}), do: failures >= @failures
  defp failed?(_state), do: false

  @doc """
  Nodes that it is connected to, heard, and does not hear any more. One that is not connected has ended, most likely.
  """
  @spec silent(t) :: [Peer.t()]
  def silent(running) do
    silence = max(@silence, @gaps * running.interval_ms)
    Enum.filter(running.peers, &(&1.heard_ms >= silence and &1.state == :connected))
  end
end
