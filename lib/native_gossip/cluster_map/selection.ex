defmodule NativeGossip.ClusterMap.Selection do
  @moduledoc """
  Which nodes of a map are drawn, where there are more than there is room for: those that findings name come first.
  """

  alias NativeGossip.ClusterMap

  @doc """
  The nodes to draw, at most `count` in the order of the map, and those that are left out. Nodes that are gone are in
  neither list.
  """
  @spec choose(ClusterMap.t(), pos_integer) ::
          {drawn :: [ClusterMap.node_map()], left_out :: [ClusterMap.node_map()]}
  def choose(map, count) do
    nodes = Enum.reject(map.nodes, &(&1.status == :gone))
    # Whoever reads it knows the node that asked, and the rest by comparison.
    named = for %{note: false, nodes: names} <- map.findings, name <- names, do: name
    first = Enum.uniq([map.node | named])
    places = first |> Enum.with_index() |> Map.new()

    chosen =
      nodes
      |> Enum.with_index()
      |> Enum.sort_by(fn {node, place} -> {Map.get(places, node.name, length(first)), place} end)
      |> Enum.take(count)
      |> MapSet.new(fn {node, _place} -> node.name end)

    Enum.split_with(nodes, &(&1.name in chosen))
  end
end
