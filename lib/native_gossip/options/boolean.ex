defmodule NativeGossip.Options.Boolean do
  @moduledoc """
  A switch. `nil` is false, as the stock strategy takes it.
  """
  @behaviour NativeGossip.Options.Type

  @impl true
  def parse(nil), do: {:ok, false}
  def parse(given), do: if(is_boolean(given), do: {:ok, given}, else: :error)

  @impl true
  def expected, do: "true, false, or nil for false"
end
