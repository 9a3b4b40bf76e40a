defmodule NativeGossip.Options.Type do
  @moduledoc """
  What a form of option value has to tell.

  A type is a module. A type with a parameter, as a range of integers, is `{module, parameter}`, and its
  functions take the parameter as their last argument.
  """

  @typedoc "A row's type in the table of `NativeGossip.Options`."
  @type t :: module | {module, parameter :: term}

  @typedoc """
  The checked value, or a refusal. A refusal may bring its own words for what was given: the one element of
  a list that is wrong, or that a secret is not shown.
  """
  @type parsed :: {:ok, term} | :error | {:error, shown :: String.t()}

  @doc "Checks a value of a configuration."
  @callback parse(given :: term) :: parsed

  @doc "What is expected, for a person: it follows \"expected\" and stands in the table of options."
  @callback expected() :: String.t()

  @callback parse(given :: term, parameter :: term) :: parsed
  @callback expected(parameter :: term) :: String.t()

  @optional_callbacks parse: 1, expected: 0, parse: 2, expected: 1

  @doc "Checks a value by its type."
  @spec parse(t, given :: term) :: parsed
  def parse({module, parameter}, given), do: module.parse(given, parameter)
  def parse(module, given), do: module.parse(given)

  @doc "What a type expects."
  @spec expected(t) :: String.t()
  def expected({module, parameter}), do: module.expected(parameter)
  def expected(module), do: module.expected()

  @doc """
  Checks each value of a list, or a single one that stands for a list of one. Refuses an improper list.

      iex> even = &if rem(&1, 2) == 0, do: {:ok, &1}, else: :error
      iex> NativeGossip.Options.Type.parse_each(2, even)
      {:ok, [2]}
      iex> NativeGossip.Options.Type.parse_each([2, 3, 2], even)
      {:error, "3, in [2, 3, 2]"}
  """
  @spec parse_each(given :: term, (term -> {:ok, term} | :error)) :: parsed
  def parse_each(given, parse) do
    cond do
      not is_list(given) -> parse_each([given], given, parse)
      List.improper?(given) or charlist?(given) -> :error
      true -> parse_each(given, given, parse)
    end
  end

  defp parse_each(values, given, parse) do
    parsed = Enum.map(values, &{&1, parse.(&1)})

    case List.keyfind(parsed, :error, 1) do
      {culprit, :error} -> {:error, shown(written(culprit), given)}
      nil -> {:ok, Enum.uniq(for {_, {:ok, value}} <- parsed, do: value)}
    end
  end

  @doc """
  What was refused, as a person writes it. A charlist looks like a string, so it is called by its name.

      iex> NativeGossip.Options.Type.written("eth0")
      ~S("eth0")
      iex> NativeGossip.Options.Type.written(String.to_charlist("eth0")) =~ "a charlist: write a string"
      true
  """
  @spec written(term) :: String.t()
  def written(refused) do
    if charlist?(refused),
      do: inspect(refused, charlists: :as_charlists) <> ", " <> a_charlist(),
      else: inspect(refused)
  end

  @doc "Whether a term is a charlist that somebody wrote for a string."
  @spec charlist?(term) :: boolean
  def charlist?(term), do: term != [] and :io_lib.printable_unicode_list(term)

  @doc "What follows where a charlist is refused, for a person."
  @spec a_charlist() :: String.t()
  def a_charlist, do: "a charlist: write a string, in double quotes"

  @doc "The wrong element of what was given, for a person, with the list in which it stands."
  @spec shown(culprit :: String.t(), given :: term) :: String.t()
  def shown(culprit, given) when is_list(given), do: "#{culprit}, in #{inspect(given)}"
  def shown(_culprit, given), do: inspect(given)
end
