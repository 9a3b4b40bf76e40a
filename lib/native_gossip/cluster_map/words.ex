defmodule NativeGossip.ClusterMap.Words do
  @moduledoc """
  How names and what is between two nodes are written in a map.
  """

  import NativeGossip.Events.Words

  alias NativeGossip.ClusterMap

  @doc """
  A name of a stranger for a terminal: what is no letter, digit or sign is written as its number.

      iex> NativeGossip.ClusterMap.Words.name("b@10.0.0.6")
      "b@10.0.0.6"
      iex> NativeGossip.ClusterMap.Words.name("b\\e[31m@h\\u202E")
      "b\\\\x{1B}[31m@h\\\\x{202E}"
  """
  @spec name(String.t()) :: String.t()
  def name(name) do
    if String.valid?(name),
      do: Regex.replace(~r/[\p{C}\p{Z}\\]/u, name, &number/1),
      else: inspect(name)
  end

  # Sentences have spaces, and nothing else of it.
  @doc "A text of another node for a terminal."
  @spec text(String.t()) :: String.t()
  def text(text) do
    if String.valid?(text),
      do: Regex.replace(~r/(?! )[\p{C}\p{Z}]/u, text, &number/1),
      else: inspect(text)
  end

  defp number(<<character::utf8>>), do: "\\x{#{Integer.to_string(character, 16)}}"

  @doc """
  Names in a sentence: the first three, and how many more.

      iex> NativeGossip.ClusterMap.Words.names(["a@h"])
      "a@h"
      iex> NativeGossip.ClusterMap.Words.names(["a@h", "b@h", "c@h"])
      "a@h, b@h and c@h"
      iex> NativeGossip.ClusterMap.Words.names(for n <- 1..99, do: "n\#{n}@h")
      "n1@h, n2@h, n3@h and 96 more"
  """
  @spec names([String.t(), ...]) :: String.t()
  def names([name]), do: name(name)

  def names(names) when length(names) <= 4 do
    {before, [last]} = Enum.split(names, -1)
    Enum.map_join(before, ", ", &name/1) <> " and " <> name(last)
  end

  def names(names) do
    {first, rest} = Enum.split(names, 3)
    Enum.map_join(first, ", ", &name/1) <> " and #{length(rest)} more"
  end

  @doc "A percentage."
  @spec percent(number) :: String.t()
  def percent(loss) when loss > 0 and loss < 1, do: "<1 %"
  def percent(loss), do: "#{round(loss)} %"

  @doc "Why a node answers nothing of a topology."
  @spec status(ClusterMap.status()) :: String.t()
  def status(:answered), do: "answered"
  def status(:no_topology), do: "does not run it"
  def status(:older), do: "older native_gossip"
  def status(:stock_or_none), do: "stock strategy, or none"
  def status(:no_answer), do: "no answer"
  def status(:failed), do: "failed"
  def status(:not_asked), do: "not asked"
  def status(:gone), do: "gone"

  @doc "What one node heard of another, in a few words."
  @spec heard(ClusterMap.Answer.link() | nil) :: String.t()
  def heard(nil), do: "never heard"
  def heard(%{heard_ms: nil}), do: "heard"

  def heard(link) do
    interface = if link.interface, do: " on #{name(link.interface)}", else: ""
    loss = if link.loss, do: ", #{percent(link.loss)} lost", else: ""
    "heard #{span(link.heard_ms)} ago#{interface}#{loss}"
  end
end
