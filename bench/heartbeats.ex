defmodule NativeGossip.Bench.Heartbeats do
  @moduledoc """
  What `bin/bench heartbeats` measures: the CPU time that a heartbeat of a connected peer costs the whole
  VM that receives it, sealed, and sealed and signed.

  Beside it stand programs that do nothing but receive, packet by packet. All of them take turns within a round, so
  that what else the machine does falls on all. What a VM does without heartbeats is taken off.
  """
  @behaviour NativeGossip.Bench

  alias NativeGossip.Bench
  alias NativeGossip.Bench.{Listener, Table}

  @rounds 3

  # Heartbeats a second, and of these at once: what a kernel buffers, and one after the other.
  @rates [{20_000, 64}, {200, 1}]

  # What an implementation in Elixir keeps up with.
  @elixir_rate 1_000

  @impl true
  def about do
    %{
      name: "heartbeats",
      text:
        "CPU of the whole VM for a heartbeat of one of PEERS, in bursts and one by one, each round for SECONDS; beside " <>
          "programs that only receive, a peer in Elixir, and the stock strategy",
      arguments: [peers: 100, seconds: 5],
      examples: ["heartbeats"]
    }
  end

  # What a column measures: who listens, and to what.
  defp columns do
    [recvfrom: {:recvfrom, :signed}, poll: {:poll, :signed}] ++
      [sealed: {:ours, :sealed}, signed: {:ours, :signed}, reference: {:reference, :sealed}] ++
      if(Bench.stock?(), do: [stock: {:stock, :sealed}], else: [])
  end

  @impl true
  def run(%{peers: peers, seconds: seconds}) do
    columns = columns()
    kinds = columns |> Enum.map(fn {_, {kind, _}} -> kind end) |> Enum.uniq()
    listeners = Map.new(kinds, &{&1, Listener.start(&1, peers)})
    rows = for rate <- @rates, do: row(columns, listeners, rate, seconds)
    Enum.each(listeners, fn {_, listener} -> Listener.stop(listener) end)
    table(rows, peers, seconds)
  end

  defp row(columns, listeners, {per_second, at_once}, seconds) do
    rounds =
      for round <- 1..@rounds do
        Bench.progress("#{per_second} a second, round #{round} of #{@rounds}")
        idle = listeners |> Map.values() |> Listener.idle(seconds)

        Map.new(columns, fn {column, {kind, form}} ->
          listener = listeners[kind]
          numbers = [rate(kind, per_second), at_once, seconds]
          {column, Listener.cost(listener, form, numbers, idle[listener])}
        end)
      end

    runs =
      Map.new(columns, fn {column, _} -> {column, %{runs: Enum.map(rounds, & &1[column])}} end)

    Map.merge(runs, %{
      rate: "#{per_second}/s, #{at_once} at once",
      signed_recvfrom: Table.ratio(runs.signed, runs.recvfrom),
      signed_poll: Table.ratio(runs.signed, runs.poll),
      signed_sealed: Table.ratio(runs.signed, runs.sealed),
      reference_sealed: Table.ratio(runs.reference, runs.sealed),
      stock_sealed: runs[:stock] && Table.ratio(runs.stock, runs.sealed)
    })
  end

  defp rate(kind, per_second) when kind in [:reference, :stock], do: min(per_second, @elixir_rate)
  defp rate(_kind, per_second), do: per_second

  defp table(rows, peers, seconds) do
    %Table{
      name: "heartbeats",
      title:
        "CPU of the whole VM for a heartbeat of one of #{peers} peers, µs: median of #{@rounds} rounds of " <>
          "#{seconds} s (all rounds)",
      note:
        "At most #{@elixir_rate} a second to the peer in Elixir, which checks no signature, and to the stock strategy.",
      columns: [
        rate: "rate",
        recvfrom: "bare recvfrom",
        poll: "bare poll + recvfrom",
        sealed: "sealed",
        signed: "signed",
        reference: "a peer in Elixir, sealed",
        stock: "stock, sealed",
        signed_recvfrom: "signed / recvfrom",
        signed_poll: "signed / poll + recvfrom",
        signed_sealed: "signed / sealed",
        reference_sealed: "Elixir / sealed",
        stock_sealed: "stock / sealed"
      ],
      rows: rows
    }
  end
end
