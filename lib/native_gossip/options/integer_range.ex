defmodule NativeGossip.Options.IntegerRange do
  @moduledoc """
  An integer of a range: `{NativeGossip.Options.IntegerRange, 1..65_535}`.
  """
  @behaviour NativeGossip.Options.Type

  @impl true
  def parse(given, range),
    do: if(is_integer(given) and given in range, do: {:ok, given}, else: :error)

  @impl true
  def expected(first..last//_), do: "an integer from #{first} to #{last}"
end
