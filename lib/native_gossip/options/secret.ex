defmodule NativeGossip.Options.Secret do
  @moduledoc """
  One secret, several, or none: always a list once it is checked. No refusal shows what was given.

  An empty or blank secret is refused: anyone can compute its key. White space at the ends is part of a
  secret, as with the stock strategy.
  """
  @behaviour NativeGossip.Options.Type

  alias NativeGossip.Options.Type

  # While one secret is replaced by another there are two. Each packet may have to be tried with all.
  @max 8

  # In bytes. One recorded heartbeat tells whether a guess is right, and there is no key stretching, so a
  # secret has to be beyond trying out: sixteen random bytes are 128 bits. Of letters a person needs more.
  @short 16

  # What examples show, and somebody copies: the stock strategy's, and those of README.md and docs/.
  @documented ~w(somepassword choose-one choose-another old new)

  @impl true
  def parse(nil), do: {:ok, []}

  def parse(given) do
    secrets = if proper_list?(given), do: given, else: [given]

    cond do
      given == [] -> refuse("an empty list")
      Type.charlist?(given) -> refuse(wrong(given))
      length(secrets) > @max -> refuse("#{length(secrets)} of them, not shown")
      culprit = Enum.find_value(secrets, &wrong/1) -> refuse(culprit)
      true -> {:ok, secrets}
    end
  end

  # What is wrong with one secret, in words that do not show it.
  defp wrong(""), do: "an empty string"

  defp wrong(secret) when is_binary(secret),
    do: if(trimmed(secret) == "", do: "a string of white space alone")

  defp wrong(given) do
    if Type.charlist?(given),
      do: "not shown, #{Type.a_charlist()}",
      else: "another term, not shown"
  end

  defp refuse(shown), do: {:error, shown}

  @impl true
  def expected, do: "nil, a string, or a list of 1 to #{@max} strings; no string is blank"

  @doc """
  Whether a secret begins or ends with white space, as the content of a file that ends in a newline.

      iex> NativeGossip.Options.Secret.padded?("s3cret\\n")
      true
      iex> NativeGossip.Options.Secret.padded?("a phrase of words")
      false
  """
  @spec padded?(binary) :: boolean
  def padded?(secret), do: trimmed(secret) != secret

  @doc """
  Whether a secret stands in the documentation, of this strategy or of the stock one.

      iex> NativeGossip.Options.Secret.documented?("somepassword")
      true
  """
  @spec documented?(binary) :: boolean
  def documented?(secret), do: trimmed(secret) in @documented

  @doc """
  Whether a secret has fewer bytes than a random one needs.

      iex> NativeGossip.Options.Secret.short?("fifteen letters")
      true
      iex> NativeGossip.Options.Secret.short?("sixteen letters.")
      false
  """
  @spec short?(binary) :: boolean
  def short?(secret), do: byte_size(secret) < @short

  # Random bytes are no text, and what looks like white space at their ends is none.
  defp trimmed(secret), do: if(String.valid?(secret), do: String.trim(secret), else: secret)

  defp proper_list?(given), do: is_list(given) and not List.improper?(given)
end
