defmodule NativeGossip.Bench.Peers do
  @moduledoc """
  What `bin/bench peers` measures: the CPU time of a heartbeat among few and among many peers.

  All clusters are there at the same time and take turns within a round.
  """
  @behaviour NativeGossip.Bench

  alias NativeGossip.Bench
  alias NativeGossip.Bench.{Listener, Table}

  @rounds 3
  @sending %{recvfrom: {20_000, 64}, ours: {20_000, 64}, stock: {500, 64}}
  @forms %{recvfrom: :signed, ours: :signed, stock: :sealed}

  @impl true
  def about do
    %{
      name: "peers",
      text:
        "CPU of the whole VM for a heartbeat among few and among many PEERS, beside a bare recvfrom loop and the " <>
          "stock strategy",
      arguments: [peers: [10, 100, 1_000, 10_000]],
      examples: ["heartbeats"]
    }
  end

  @seconds 5

  @impl true
  def run(%{peers: sizes}) do
    kinds = [:recvfrom, :ours] ++ if(Bench.stock?(), do: [:stock], else: [])

    listeners =
      for size <- sizes, kind <- kinds do
        Bench.progress("#{kind} gets to know #{size} peers")
        Listener.start(kind, size)
      end

    rounds = for round <- 1..@rounds, do: round(listeners, round)
    Enum.each(listeners, &Listener.stop/1)
    table(sizes, kinds, rounds)
  end

  defp round(listeners, round) do
    Bench.progress("round #{round} of #{@rounds}")
    idle = Listener.idle(listeners, @seconds)

    Map.new(listeners, fn %{kind: kind, peers: peers} = listener ->
      {per_second, at_once} = @sending[kind]
      numbers = [per_second, at_once, @seconds]
      {{peers, kind}, Listener.cost(listener, @forms[kind], numbers, idle[listener])}
    end)
  end

  defp table(sizes, kinds, rounds) do
    runs = fn size, kind -> %{runs: Enum.map(rounds, & &1[{size, kind}])} end
    least = hd(sizes)

    %Table{
      name: "peers",
      title:
        "CPU of the whole VM for a heartbeat in bursts of 64, µs: median of #{@rounds} rounds of " <>
          "#{@seconds} s (all rounds)",
      note: "Signed and 20,000 a second; to the stock strategy sealed and 500 a second.",
      columns: [
        peers: "peers",
        recvfrom: "bare recvfrom",
        ours: "this strategy",
        stock: "stock strategy",
        limit_ratio: "this / recvfrom",
        first_ratio: "this / with #{least} peers",
        stock_ratio: "stock / this"
      ],
      rows:
        for size <- sizes do
          ours = runs.(size, :ours)
          stock = if :stock in kinds, do: runs.(size, :stock)

          %{
            peers: size,
            recvfrom: runs.(size, :recvfrom),
            ours: ours,
            stock: stock,
            limit_ratio: Table.ratio(ours, runs.(size, :recvfrom)),
            first_ratio: Table.ratio(ours, runs.(least, :ours)),
            stock_ratio: stock && Table.ratio(stock, ours)
          }
        end
    }
  end
end
