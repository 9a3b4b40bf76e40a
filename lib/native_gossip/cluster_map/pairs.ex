defmodule NativeGossip.ClusterMap.Pairs do
  @moduledoc """
  What is between two nodes of a map, in one direction.
  """

  alias NativeGossip.ClusterMap
  alias NativeGossip.ClusterMap.Answer

  # What a peer is to a node that heard it say that it is about to stop.
  @leaving ["leaving", "left"]

  @enforce_keys [:speaking, :connected]
  defstruct @enforce_keys

  @typedoc """
  Whether one node hears another.

    * `:heard`;
    * `:deaf`: it does not, and should: the other one runs the topology, or somebody hears it;
    * `:silent`: it does not, and nobody knows that the other one sends;
    * `:unknown`: it did not say.
  """
  @type hearing :: :heard | :deaf | :silent | :unknown

  @typedoc "One direction. `connected` is nil where neither of the two said it."
  @type pair :: %{hearing: hearing, link: Answer.link() | nil, connected: boolean | nil}

  @type t :: %__MODULE__{
          speaking: MapSet.t(String.t()),
          connected: %{String.t() => MapSet.t(String.t())}
        }

  @doc "What has to be known of all nodes before any two are looked at."
  @spec new(ClusterMap.t()) :: t
  def new(map) do
    links =
      for %{hears: %{} = hears} = hearer <- map.nodes,
          {name, link} <- hears,
          do: {hearer, name, link}

    running = for %{status: :answered, name: name} <- map.nodes, do: name
    heard = for {hearer, name, link} <- links, ClusterMap.recent?(link, hearer), do: name
    draining = for %{draining: true, name: name} <- map.nodes, do: name
    leaving = for {_hearer, name, %{state: state}} when state in @leaving <- links, do: name

    %__MODULE__{
      speaking: MapSet.difference(MapSet.new(running ++ heard), MapSet.new(draining ++ leaving)),
      connected:
        for(%{connected: names, name: name} when names != nil <- map.nodes, into: %{}) do
          {name, MapSet.new(names)}
        end
    }
  end

  @doc "How `hearer` hears `heard`."
  @spec pair(t, hearer :: ClusterMap.node_map(), heard :: ClusterMap.node_map()) :: pair
  def pair(pairs, hearer, heard) do
    link = hearer.hears && hearer.hears[heard.name]

    hearing =
      cond do
        hearer.hears == nil -> :unknown
        ClusterMap.recent?(link, hearer) -> :heard
        heard.name in pairs.speaking -> :deaf
        true -> :silent
      end

    %{hearing: hearing, link: link, connected: connected?(pairs, hearer.name, heard.name)}
  end

  @doc "Whether one node heard another one say that it is about to stop."
  @spec leaving?(Answer.link()) :: boolean
  def leaving?(link), do: link.state in @leaving

  @doc "Whether a node says that it is connected to another one; nil where it says nothing."
  @spec says_connected(t, String.t(), String.t()) :: boolean | nil
  def says_connected(pairs, name, other) do
    case pairs.connected do
      %{^name => names} -> other in names
      %{} -> nil
    end
  end

  defp connected?(pairs, name, other) do
    case says_connected(pairs, name, other) do
      nil -> says_connected(pairs, other, name)
      said -> said
    end
  end
end
