defmodule NativeGossip.Doctor.Json do
  @moduledoc """
  Writes JSON: Elixir has an encoder of its own only since 1.18, and a library for one report is too much.
  """

  @typedoc "A tuple that is no address is a list, as `[\"unsent\",\"eperm\"]`."
  @type encodable :: atom | number | binary | [encodable] | tuple | %{optional(term) => encodable}

  @doc """
  Encodes maps, lists, strings, numbers, atoms, and addresses with or without a port.

      iex> NativeGossip.Doctor.Json.encode(%{a: [1, nil, true], b: {{10, 0, 0, 5}, 4000}})
      ~S({"a":[1,null,true],"b":"10.0.0.5:4000"})
  """
  @spec encode(encodable) :: String.t()
  def encode(term), do: term |> value() |> IO.iodata_to_binary()

  defp value(nil), do: "null"
  defp value(boolean) when is_boolean(boolean), do: Atom.to_string(boolean)
  defp value(atom) when is_atom(atom), do: atom |> Atom.to_string() |> string()
  defp value(number) when is_number(number), do: to_string(number)
  defp value(text) when is_binary(text), do: string(text)
  defp value(list) when is_list(list), do: [?[, list |> Enum.map(&value/1) |> commas(), ?]]

  defp value(%{} = map) do
    pairs = for {key, value} <- Enum.sort(map), do: [string("#{key}"), ?:, value(value)]
    [?{, commas(pairs), ?}]
  end

  defp value({address, port}) when is_tuple(address) and is_integer(port),
    do: string(NativeGossip.Events.Words.socket_address({address, port}))

  defp value(address) when tuple_size(address) in [4, 8], do: string("#{:inet.ntoa(address)}")
  defp value(tuple) when is_tuple(tuple), do: tuple |> Tuple.to_list() |> value()

  defp commas(values), do: Enum.intersperse(values, ?,)

  # Names are UTF-8, and the words of a system need not be.
  defp string(text) do
    text = if String.valid?(text), do: text, else: inspect(text)
    [?", for(<<character::utf8 <- text>>, do: escaped(character)), ?"]
  end

  defp escaped(?"), do: ~S(\")
  defp escaped(?\\), do: ~S(\\)

  defp escaped(control) when control < 32 or control == 127,
    do: ["\\u", control |> Integer.to_string(16) |> String.pad_leading(4, "0")]

  defp escaped(character), do: <<character::utf8>>
end
