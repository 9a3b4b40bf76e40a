defmodule NativeGossip.Plain do
  @moduledoc """
  Terms as JSON has them.
  """

  import NativeGossip.Events.Words

  @doc """
  Structs as maps, addresses as strings, and other tuples as lists.

      iex> NativeGossip.Plain.term(%{source: {{10, 0, 0, 5}, 4000}, address: {10, 0, 0, 5}, signed: [1, 2]})
      %{address: "10.0.0.5", signed: [1, 2], source: "10.0.0.5:4000"}
  """
  @spec term(term) :: term
  def term(%_{} = struct), do: struct |> Map.from_struct() |> term()
  def term(%{} = map), do: Map.new(map, fn {key, value} -> {key, term(value)} end)
  def term(list) when is_list(list), do: Enum.map(list, &term/1)
  # An interface as option `multicast_if` has it.
  def term({kind, value}) when kind in [:name, :address], do: term(value)
  def term({ip, port}) when is_tuple(ip) and is_integer(port), do: socket_address({ip, port})

  def term(tuple) when is_tuple(tuple) do
    list = Tuple.to_list(tuple)
    if address?(list), do: address(tuple), else: term(list)
  end

  def term(other), do: other

  defp address?(list) when length(list) == 4, do: Enum.all?(list, &(&1 in 0..255))
  defp address?(list) when length(list) == 8, do: Enum.all?(list, &(&1 in 0..65_535))
  defp address?(_list), do: false
end
