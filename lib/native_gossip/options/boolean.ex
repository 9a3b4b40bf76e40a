defmodule NativeGossip.Options.Boolean do
  @moduledoc """
  A switch.
  """
  @behaviour NativeGossip.Options.Type

  @impl true
  def parse(given), do: if(is_boolean(given), do: {:ok, given}, else: :error)

  @impl true
  def expected, do: "true or false"
end
