defmodule NativeGossip.Events.Awaited do
  @moduledoc """
  The sentence about the cluster that the start of an application waited for.
  """

  import NativeGossip.Events.Words

  # That a sentence is not empty is nothing that a caller wants to know.
  @dialyzer {:no_underspecs, [sentence: 1]}

  # Nodes in one line.
  @shown 8

  @doc "What was awaited, what is there, after how long; and what may be wrong."
  @spec sentence(fields :: map) :: String.t()
  def sentence(%{outcome: :ok} = fields), do: "#{waited(fields)}: #{connected(fields)}"

  def sentence(fields) do
    "#{waited(fields)}: not all are there, and the start goes on: #{connected(fields)}#{absent(fields)}#{heard(fields)}. " <>
      advice(fields)
  end

  defp waited(%{awaited: awaited, waited_ms: ms}), do: "waited #{span(ms)} for #{whom(awaited)}"

  defp whom(count) when is_integer(count), do: several(count, "other node")
  defp whom(nodes), do: names(nodes)

  defp connected(%{connected: []}), do: "connected to none"

  defp connected(%{connected: connected}),
    do: "connected to #{length(connected)}, #{names(connected)}"

  defp absent(%{absent: []}), do: ""
  defp absent(%{absent: absent}), do: ", and not to #{names(absent)}"

  defp heard(%{heard: heard}), do: "; heard #{heard} within the last day"
  defp heard(_fields), do: ""

  defp advice(%{alive: false}),
    do: "This node has no name: start it with --name or --sname"

  defp advice(%{heard: 0}) do
    "No heartbeat of another node was taken: see whether others run, and whether packets were refused"
  end

  defp advice(%{heard: heard, connected: connected}) when heard > length(connected),
    do: "See the lines about nodes that cannot be connected to"

  defp advice(%{heard: _}), do: "See whether the others run"

  defp advice(_fields) do
    "The topology does not run: start Cluster.Supervisor before NativeGossip.Await, and see whether the " <>
      "names of the topology are the same"
  end

  defp names(nodes), do: first(nodes, @shown, &inspect/1)
end
