defmodule NativeGossip.Options.Pattern do
  @moduledoc """
  A pattern of node names: `*` stands for any characters or none, `?` for one. It has to match a whole name.
  """

  # As long as the longest name of a node.
  @longest 255

  @doc """
  Reads a pattern. One that no name of a node can match is refused: it has the host left out, white space, or
  a second `@`.

      iex> NativeGossip.Options.Pattern.parse("app-*@10.0.*")
      {:ok, "app-*@10.0.*"}
      iex> NativeGossip.Options.Pattern.parse("app-*")
      {:ok, "app-*"}
      iex> NativeGossip.Options.Pattern.parse("app-1")
      :error
  """
  @spec parse(term) :: {:ok, String.t()} | :error
  def parse(given) when is_binary(given) do
    if byte_size(given) in 1..@longest and String.valid?(given) and matches_a_name?(given),
      do: {:ok, given},
      else: :error
  end

  def parse(_given), do: :error

  # Every name has one @, which a wildcard may stand for.
  defp matches_a_name?(pattern) do
    not (pattern =~ ~r/[\p{Cc}\s]/u) and
      case String.split(pattern, "@") do
        [whole] -> whole =~ ~r/[*?]/
        [name, host] -> name != "" and host != ""
        _several -> false
      end
  end
end
