defmodule NativeGossip.Test.Meetings do
  @moduledoc """
  How long nodes take to find each other, as they note it themselves: nothing is polled meanwhile.
  """

  alias NativeGossip.Dev.{Beam, Encounters, Inside, Mesh}
  alias NativeGossip.Test.{Amount, Lan}

  @within_ms 60_000

  @doc """
  Has something begin, and waits until each of these nodes has found so many others and all are a full
  mesh. Returns the milliseconds from the beginning to the last time that one found another.
  """
  # A function without arguments is written in two ways, by the formatters of different Elixirs.
  @dialyzer {:no_underspecs, [full_mesh_ms: 3]}
  @spec full_mesh_ms([Beam.t()], found :: pos_integer, (... -> term)) :: integer
  def full_mesh_ms(beams, found, begin) do
    _ = Beam.call_all(beams, Encounters, :start, [])
    began = Encounters.now()
    begin.()
    _ = Beam.call_all(beams, Encounters, :fetch, [found - 1], @within_ms)
    %{} = Mesh.await(beams, within: @within_ms)
    notes = beams |> Beam.call_all(Encounters, :stop, []) |> Enum.concat()
    Enum.max(for {:found, _, at} <- notes, do: at) - began
  end

  @doc "The same of nodes that are strangers and begin together, each with the strategy that is its own."
  @spec formation_ms([{Beam.t(), strategy :: module}], config :: keyword) :: integer
  def formation_ms(members, config) do
    strategies = Map.new(members)
    beams = Map.keys(strategies)

    full_mesh_ms(beams, length(beams) - 1, fn ->
      topology = &[[lan: [strategy: strategies[&1], config: config]]]
      Beam.call_all(beams, Inside, :start_cluster, topology, @within_ms)
    end)
  end

  @doc "Ends the strategies of these nodes, and their connections: they are strangers again."
  @spec part([Beam.t()]) :: :ok
  def part(beams) do
    _ = Beam.call_all(beams, Inside, :stop_cluster, [])
    Lan.disconnect(beams)
  end

  @doc "Prints the median and the worst of what was measured, and returns the median."
  @spec tell(what :: String.t(), [integer, ...]) :: integer
  def tell(what, times) do
    median = Amount.median(times)
    numbers = "median #{median} ms, worst #{Enum.max(times)} ms"
    IO.puts("\n#{what}: #{numbers} of #{length(times)} runs (#{Enum.join(times, ", ")})")
    median
  end
end
