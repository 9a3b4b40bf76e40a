defmodule NativeGossip.Bench.Plots do
  @moduledoc """
  Pictures of what `bin/bench --write` wrote: gnuplot draws each file of `bench/plots`, and jq reads the JSON for it.
  """

  @doc "Draws all of them into docs/performance."
  @spec draw :: :ok
  def draw do
    for plot <- "bench/plots/*.gp" |> Path.wildcard() |> Enum.sort() do
      picture = Path.join("docs/performance", Path.basename(plot, ".gp") <> ".svg")
      arguments = ["-e", "set output '#{picture}'", "bench/plots/style.gpi", plot]
      {_, 0} = System.cmd("gnuplot", arguments, into: IO.stream(:stdio, :line))
      IO.puts("drawn: #{picture}")
    end

    :ok
  end
end
