defmodule NativeGossip.Options.Boolean do
  @moduledoc """
  A switch. `nil` is false, as the stock strategy takes it.

  `{NativeGossip.Options.Boolean, :strict}` refuses `nil`: there it would switch off what is on by default.
  """
  @behaviour NativeGossip.Options.Type

  @impl true
  def parse(nil), do: {:ok, false}
  def parse(given), do: parse(given, :strict)

  @impl true
  def parse(given, :strict), do: if(is_boolean(given), do: {:ok, given}, else: :error)

  @impl true
  def expected, do: "true, false, or nil for false"

  @impl true
  def expected(:strict), do: "true or false"
end
