defmodule NativeGossip.Options.Patterns do
  @moduledoc """
  Patterns of the node names that are heard, a bounded list of them; nil for every name.

  An empty list is refused: it reads as "nobody", and without patterns every name is heard.
  """
  @behaviour NativeGossip.Options.Type

  alias NativeGossip.Options.{Pattern, Type}

  # The name of each heartbeat that is not refused before is compared with all of them.
  @max 64

  @impl true
  def parse(nil), do: {:ok, []}
  def parse([]), do: :error

  def parse(given) do
    case Type.parse_each(given, &Pattern.parse/1) do
      {:ok, patterns} when length(patterns) > @max -> {:error, "#{length(patterns)} of them"}
      result -> result
    end
  end

  @impl true
  def expected do
    "nil, or a list of 1 to #{@max} patterns of whole node names, as \"app-*@10.0.*\", or one; " <>
      "* stands for any characters, ? for one"
  end
end
