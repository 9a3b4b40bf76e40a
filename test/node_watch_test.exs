defmodule NativeGossip.NodeWatchTest do
  use ExUnit.Case, async: true

  alias NativeGossip.NodeWatch

  # What is said of looks at these times, in seconds, each with whether the node is alive.
  defp said(looks) do
    {said, _watch} =
      Enum.flat_map_reduce(looks, NodeWatch.new(0), fn {second, alive?}, watch ->
        {news, watch} = NodeWatch.observe(watch, alive?, second * 1_000)
        {if(news, do: [{second, news}], else: []), watch}
      end)

    said
  end

  test "of a node that is alive from the start nothing is said" do
    assert said(for second <- 0..100, do: {second, true}) == []
  end

  test "of a node that is named by the application that starts nothing is said" do
    assert said([{0, false}, {4, false}, {5, true}, {6, true}]) == []
  end

  test "a node that stays without a name is told of once, after five seconds" do
    assert said(for second <- 0..100, do: {second, false}) == [{5, :node_unnamed}]
  end

  test "a name that is gone is told of at once and once, and each time" do
    looks = [{0, true}, {1, false}, {2, false}, {50, false}, {51, true}, {52, false}]
    assert said(looks) == [{1, :node_stopped}, {51, :node_named}, {52, :node_stopped}]
  end

  test "it has a name from the look at which it is alive to the one at which it is not" do
    looks = [{0, false}, {4, true}, {6, true}, {7, false}, {8, true}]

    {named, _watch} =
      Enum.map_reduce(looks, NodeWatch.new(0), fn {second, alive?}, watch ->
        {_news, watch} = NodeWatch.observe(watch, alive?, second * 1_000)
        {NodeWatch.named?(watch), watch}
      end)

    assert named == [false, true, true, false, true]
  end

  test "a name that comes late is told of where its absence was" do
    looks = [{0, false}, {6, false}, {7, true}, {8, true}]
    assert said(looks) == [{6, :node_unnamed}, {7, :node_named}]
  end
end
