defmodule NativeGossip.Test.Documented do
  @moduledoc """
  What the documentation of `NativeGossip.Telemetry` says of each event, read as its reader does.
  """

  alias NativeGossip.{Events, Telemetry}

  @typedoc "Of the measurements and of the metadata: those that always come, and those that may."
  @type t :: [{always :: [atom], maybe :: [atom]}]

  @doc "The events of the table, in its order."
  @spec events :: [[atom]]
  def events,
    do: for([event | _] <- rows(), do: event |> String.trim("`") |> Code.eval_string() |> elem(0))

  @doc "What an event has."
  @spec event(Events.name()) :: t
  def event(name) do
    event = "`#{inspect(Events.telemetry(name))}`"
    [[^event, measurements, metadata, _when]] = for [^event | _] = row <- rows(), do: row
    [words(measurements), words(metadata)]
  end

  @doc "What is wrong with an event, compared with what is documented of it."
  @spec faults(Events.name(), measurements :: map, metadata :: map) :: [term]
  def faults(name, measurements, metadata) do
    given = [Map.keys(measurements), Map.keys(metadata)]

    for {{always, maybe}, given} <- Enum.zip(event(name), given),
        fault <- [left_out: always -- given, undocumented: given -- (always ++ maybe)],
        match?({_, [_ | _]}, fault),
        do: fault
  end

  defp rows do
    for "| `[:native_gossip" <> _ = line <- String.split(doc(), "\n") do
      for cell <- String.split(line, "|", trim: true), do: String.trim(cell)
    end
  end

  defp words(cell) do
    words = Regex.scan(~r/`(\w+)`(\??)/, cell, capture: :all_but_first)
    {maybe, always} = Enum.split_with(words, fn [_word, mark] -> mark == "?" end)
    {atoms(always), atoms(maybe)}
  end

  defp atoms(words), do: for([word, _mark] <- words, do: String.to_atom(word))

  defp doc do
    {:docs_v1, _, :elixir, _, %{"en" => doc}, _, _} = Code.fetch_docs(Telemetry)
    doc
  end
end
