defmodule NativeGossip.Options.Secret do
  @moduledoc """
  One secret, several, or none: always a list once it is checked. No refusal shows what was given.
  """
  @behaviour NativeGossip.Options.Type

  @impl true
  def parse(nil), do: {:ok, []}
  def parse(secret) when is_binary(secret), do: {:ok, [secret]}

  def parse([_ | _] = secrets) do
    if not List.improper?(secrets) and Enum.all?(secrets, &is_binary/1),
      do: {:ok, secrets},
      else: refuse()
  end

  def parse(_given), do: refuse()

  defp refuse, do: {:error, "another term, not shown"}

  @impl true
  def expected, do: "nil, a string, or a list of strings that is not empty"
end
