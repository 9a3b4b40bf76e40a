defmodule NativeGossip.Test.Elapsed do
  @moduledoc """
  Times that a test tells, each on a line of its own.
  """

  @doc "Calls `wait`, prints how long it took, and returns what it returned."
  # A function without arguments is written in two ways, by the formatters of different Elixirs.
  @dialyzer {:no_underspecs, [told: 2]}
  @spec told(String.t(), (... -> value)) :: value when value: term
  def told(what, wait) do
    started = now()
    value = wait.()
    tell(what, now() - started)
    value
  end

  @spec tell(String.t(), milliseconds :: integer) :: :ok
  def tell(what, milliseconds), do: IO.puts("\n#{what} after #{milliseconds} ms")

  @doc "Milliseconds since some moment in the past."
  @spec now :: integer
  def now, do: System.monotonic_time(:millisecond)
end
