defmodule NativeGossip.Bench.Discovery do
  @moduledoc """
  What `bin/bench discovery` measures, in virtual time and so with the same figures on every machine: how many heartbeats
  a settled cluster sends in a second, and how long one more node and the others take to hear each other.

  Two nodes that hear each other's first heartbeats connect at once: whichever of them hears the other. That the
  newcomer hears the others counts where they do not hear it. `native/core/examples/storm.rs` has the nodes, of which
  what paces them is real.
  """
  @behaviour NativeGossip.Bench

  alias NativeGossip.Bench.Table

  @program "target/release/examples/storm"
  @late_ms 20

  # What the stock strategy sends: a heartbeat of each node every 2.5 s, the mean of up to 5 s.
  @stock_gap_s 2.5

  @columns [:nodes, :rate, :heard_by_all, :first, :half, :all]

  @impl true
  def about do
    %{
      name: "discovery",
      text: "heartbeats a second of SIZES nodes, and how long a newcomer takes (virtual time)",
      arguments: [sizes: [10, 30, 100, 300, 1_000, 3_000, 10_000]],
      examples: ["storm"]
    }
  end

  @impl true
  def run(%{sizes: sizes}) do
    {text, 0} =
      System.cmd(Path.expand(@program), ["newcomer", Enum.join(sizes, ","), "#{@late_ms}"])

    %Table{
      name: "discovery",
      title: "One more node in a settled cluster, in virtual time",
      note:
        "Packets arrive up to #{@late_ms} ms late, and none is lost. What the stock strategy sends is computed: each " <>
          "node a heartbeat every #{@stock_gap_s} s in the mean.",
      columns: [
        nodes: "nodes",
        rate: "heartbeats/s of all",
        stock: "of the stock strategy",
        heard_by_all: "all have heard the newcomer, ms",
        first: "it has heard one, ms",
        half: "half, ms",
        all: "all, ms"
      ],
      rows: rows(text)
    }
  end

  @doc """
  The rows of what the program printed.

      iex> [row] = NativeGossip.Bench.Discovery.rows("10 3.6 19 20 21 -\\n")
      iex> row
      %{nodes: 10, rate: 3.6, stock: 4.0, heard_by_all: 19, first: 20, half: 21, all: nil}
  """
  @spec rows(String.t()) :: [%{atom => number | nil}]
  def rows(text) do
    for line <- String.split(text, "\n", trim: true) do
      row = Map.new(Enum.zip(@columns, line |> String.split() |> Enum.map(&number/1)))
      Map.put(row, :stock, row.nodes / @stock_gap_s)
    end
  end

  defp number("-"), do: nil

  defp number(text) do
    case Integer.parse(text) do
      {integer, ""} -> integer
      _ -> String.to_float(text)
    end
  end
end
