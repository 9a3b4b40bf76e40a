defmodule NativeGossip.Json do
  @moduledoc """
  Writes JSON: Elixir has an encoder of its own only since 1.18, and a dependency for two reports is too much.
  """

  alias NativeGossip.Plain

  @typedoc "What can be encoded: also within lists, tuples and maps nothing else can."
  @type encodable :: atom | binary | number | maybe_improper_list | tuple | map

  @doc """
  Encodes maps, lists, strings, numbers, atoms, and addresses with or without a port. The keys of a map are sorted.

      iex> NativeGossip.Json.encode(%{a: [1, nil, true, :b], c: {{10, 0, 0, 5}, 4000}})
      ~S({"a":[1,null,true,"b"],"c":"10.0.0.5:4000"})

  What is not UTF-8 is written as `inspect/1` shows it, and other tuples are lists.
  """
  @spec encode(encodable) :: String.t()
  def encode(term), do: term |> Plain.term() |> value() |> IO.iodata_to_binary()

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

  defp commas(values), do: Enum.intersperse(values, ?,)

  # Most are names and words of ASCII, in which nothing is to be escaped: a report may have megabytes of them.
  defp string(text) do
    cond do
      text =~ ~r/\A[ !#-\[\]-~]*\z/ -> [?", text, ?"]
      String.valid?(text) -> [?", for(<<character::utf8 <- text>>, do: escaped(character)), ?"]
      true -> text |> inspect() |> string()
    end
  end

  defp escaped(?"), do: ~S(\")
  defp escaped(?\\), do: ~S(\\)

  # Controls, and the two ends of a line that JavaScript knows and JSON does not.
  defp escaped(character) when character < 32 or character in [127, 0x2028, 0x2029],
    do: ["\\u", character |> Integer.to_string(16) |> String.pad_leading(4, "0")]

  defp escaped(character), do: <<character::utf8>>
end
