defmodule NativeGossip.NodeWatch do
  @moduledoc """
  When to say that this node has no name.

  Under `mix run` and `iex -S mix` a node has none, and may be given one by the application that is starting:
  for the first seconds nothing is said. A name that was there and is gone is said at once.
  """

  # In ms. Long enough for an application that calls Node.start/2 at its start.
  @patience 5_000

  @opaque t :: {:unnamed_since, integer} | :reported | :named

  @type news :: :node_unnamed | :node_stopped | :node_named

  @doc "Begins to watch, at a monotonic time in ms."
  @spec new(now :: integer) :: t
  def new(now), do: {:unnamed_since, now}

  @doc """
  Looks whether the node is alive, and returns what is to be said, each change once.
  """
  @spec observe(t, alive? :: boolean, now :: integer) :: {news | nil, t}
  def observe({:unnamed_since, _}, true, _now), do: {nil, :named}

  def observe({:unnamed_since, since}, false, now) when now - since >= @patience,
    do: {:node_unnamed, :reported}

  def observe(:reported, true, _now), do: {:node_named, :named}
  def observe(:named, false, _now), do: {:node_stopped, :reported}
  def observe(watch, _alive?, _now), do: {nil, watch}

  @doc "Whether the node had a name when it was observed last."
  @spec named?(t) :: boolean
  def named?(watch), do: watch == :named
end
