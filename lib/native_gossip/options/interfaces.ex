defmodule NativeGossip.Options.Interfaces do
  @moduledoc """
  Which network interfaces are meant: nil, `:all`, or a list of addresses and names.
  """
  @behaviour NativeGossip.Options.Type

  alias NativeGossip.Options.{Interface, Type}

  @impl true
  def parse(word) when word in [nil, :all], do: {:ok, word}
  def parse([]), do: :error
  def parse(given), do: Type.parse_each(given, &Interface.parse/1)

  @impl true
  def expected, do: "nil, :all, an address, an interface's name, or a list of addresses and names"
end
