defmodule NativeGossip.Bench.Refused do
  @moduledoc """
  What `bin/bench refused` measures: the CPU time of packets that a node refuses, each kind beside heartbeats that it
  accepts.

  The node requires signatures, and all kinds take turns at it within a round.
  """
  @behaviour NativeGossip.Bench

  alias NativeGossip.Bench
  alias NativeGossip.Bench.{Listener, Table}
  alias NativeGossip.Dev.{Beam, Inside}

  @rounds 3
  @peers 100
  @numbers [20_000, 64]

  # What is sent, what it is counted as, and what it is.
  @packets [
    {:signed, :accepted, "accepted: sealed and signed"},
    {:noise, :undecryptable, "99 random bytes"},
    {:undecryptable, :undecryptable, "sealed and signed with another secret"},
    {:sealed, :unsigned, "sealed and not signed"},
    {:labelled, :cluster, "of another cluster's label"}
  ]

  @impl true
  def about do
    %{
      name: "refused",
      text:
        "CPU of the whole VM for a packet that is refused, each kind for SECONDS, beside an accepted heartbeat",
      arguments: [seconds: 5],
      examples: ["heartbeats"]
    }
  end

  @impl true
  def run(%{seconds: seconds}) do
    listener = Listener.start(:ours, @peers, authentication: :required)
    rounds = for round <- 1..@rounds, do: round(listener, round, seconds)
    Listener.stop(listener)
    runs = fn form -> %{runs: Enum.map(rounds, & &1[form])} end

    %Table{
      name: "refused",
      title:
        "CPU of the whole VM for a packet, µs: 20,000 a second in bursts of 64, median of #{@rounds} rounds of " <>
          "#{seconds} s (all rounds)",
      columns: [packet: "packet", counter: "counted as", cpu: "µs", ratio: "/ accepted"],
      rows:
        for {form, counter, packet} <- @packets do
          %{
            packet: packet,
            counter: Atom.to_string(counter),
            cpu: runs.(form),
            ratio: Table.ratio(runs.(form), runs.(:signed))
          }
        end
    }
  end

  defp round(listener, round, seconds) do
    Bench.progress("round #{round} of #{@rounds}")
    idle = Listener.idle([listener], seconds)

    Map.new(@packets, fn {form, counter, _} ->
      before = counters(listener)
      cost = Listener.cost(listener, form, @numbers ++ [seconds], idle[listener])
      seen = counters(listener)

      :ok =
        check(form, counter, Map.new(seen, fn {name, count} -> {name, count - before[name]} end))

      {form, cost}
    end)
  end

  # What is measured is what it says. Of what another secret sealed, one packet in 256 ends as if it were whole, and
  # is malformed.
  defp check(form, counter, counts) do
    if counts[counter] < 0.99 * counts.received,
      do: raise("#{form} was not judged as #{counter}: #{inspect(counts)}"),
      else: :ok
  end

  defp counters(listener), do: Beam.call(listener.beam, Inside, :counters, [:lan])
end
