defmodule NativeGossip.Events.Seeds do
  @moduledoc """
  The sentences about the names of option `seeds`.
  """

  import NativeGossip.Events.Words

  alias NativeGossip.Events

  # Addresses of a seed in one line.
  @shown 8

  @doc "What a name was resolved to, or why it was not."
  @spec sentence(Events.name(), fields :: map) :: String.t()
  def sentence(:seed_resolved, %{name: name, addresses: addresses}) do
    {shown, rest} = Enum.split(addresses, @shown)
    more = if rest == [], do: "", else: " and more"
    "resolved #{inspect(name)} (option seeds) to #{Enum.map_join(shown, ", ", &address/1)}#{more}"
  end

  def sentence(:seed_unresolved, %{name: name, reason: reason}) do
    reason = if is_atom(reason), do: reason, else: inspect(reason)
    "cannot resolve #{inspect(name)} (option seeds): #{reason}; trying again"
  end

  def sentence(:seeds_cut, %{max: max}) do
    "the names of option seeds have more than #{max} addresses together: no heartbeats are sent to the " <>
      "rest. Name fewer hosts, or a broadcast address"
  end
end
