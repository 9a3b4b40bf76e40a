defmodule NativeGossip.Options.OneOf do
  @moduledoc """
  One of some atoms: `{NativeGossip.Options.OneOf, [:compatible, :required]}`.
  """
  @behaviour NativeGossip.Options.Type

  @impl true
  def parse(given, atoms), do: if(given in atoms, do: {:ok, given}, else: :error)

  @impl true
  def expected(atoms), do: Enum.map_join(atoms, " or ", &inspect/1)
end
