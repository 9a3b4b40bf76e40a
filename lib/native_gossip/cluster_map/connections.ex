defmodule NativeGossip.ClusterMap.Connections do
  @moduledoc """
  Who is not connected and should be. Nodes that have the same in common are told in one sentence: names that a forger
  makes up are heard by all, and connected to nobody.
  """

  import NativeGossip.ClusterMap.Words

  alias NativeGossip.ClusterMap
  alias NativeGossip.ClusterMap.Pairs

  # What a peer is on its way to be connected.
  @under_way ["announced", "waiting"]

  @type pairs :: [{ClusterMap.node_map(), ClusterMap.node_map(), Pairs.pair()}]

  @typedoc "A finding: the nodes that it is about, and its sentence."
  @type told :: {[String.t(), ...], String.t()}

  @doc "Who hears whom and is not connected."
  @spec missing(pairs) :: [told]
  def missing(pairs) do
    missing =
      for {a, b, %{hearing: :heard, connected: false, link: link}} <- pairs,
          not Pairs.leaving?(link),
          do: {b.name, {a.name, link}}

    missing
    |> together(fn {hearer, _link} -> hearer end)
    |> Enum.map(fn {hearers, heard} ->
      links = for {_name, by} <- heard, {_hearer, link} <- by, do: link
      names = Enum.map(heard, &elem(&1, 0))
      {hearers ++ names, sentence(hearers, names, why(Enum.uniq_by(links, & &1.cause)))}
    end)
  end

  # Nodes of which the same others say something, with these others.
  defp together(said, who) do
    said
    |> Enum.group_by(&elem(&1, 0), &elem(&1, 1))
    |> Enum.sort_by(&elem(&1, 0))
    |> Enum.group_by(fn {_name, by} -> Enum.map(by, who) end)
    |> Enum.sort()
  end

  defp sentence([hearer], names, why),
    do: "#{name(hearer)} hears #{names(names)} and is not connected to #{it(names)}#{why}"

  defp sentence(hearers, names, why),
    do: "#{names(hearers)} hear #{names(names)} and are not connected to #{it(names)}#{why}"

  defp it([_name]), do: "it"
  defp it(_names), do: "them"

  # Of several causes each node has the right one.
  defp why([link]) do
    cause = if link.cause, do: ": #{text(link.cause)}", else: ""

    case link do
      %{state: "backing_off", failures: 1} ->
        " (1 attempt failed#{cause})"

      %{state: "backing_off", failures: count} when count != nil ->
        " (#{count} attempts failed#{cause})"

      %{state: state} when state in @under_way ->
        " (an attempt is under way or has its turn soon#{cause})"

      %{cause: nil} ->
        ""

      %{cause: cause} ->
        " (#{text(cause)})"
    end
  end

  defp why(_links), do: ""

  @doc "Where one of two says that they are connected, and the other one that they are not."
  @spec halves([ClusterMap.node_map()], Pairs.t()) :: [told]
  def halves(nodes, pairs) do
    for %{connected: [_ | _] = names} = node <- nodes,
        other <- names,
        Pairs.says_connected(pairs, other, node.name) == false do
      {[node.name, other],
       "#{name(node.name)} says that it is connected to #{name(other)}, and #{name(other)} does not: one of the " <>
         "two was asked while that changed, or the connection hangs"}
    end
  end

  @doc """
  Who could not be asked, as others are connected to it, and `asker` is not. `told` are those of whom it is said
  already that they are not connected.
  """
  @spec unasked([ClusterMap.node_map()], pairs, asker :: String.t(), told :: [String.t()]) :: [
          told
        ]
  def unasked(nodes, pairs, asker, told) do
    told = MapSet.new(told)

    names =
      for %{status: :not_asked, name: name} <- nodes,
          name not in told,
          into: MapSet.new(),
          do: name

    heard = for {a, b, %{hearing: :heard}} <- pairs, b.name in names, do: {b.name, a.name}
    heard = together(heard, & &1)
    hearable = for {_hearers, group} <- heard, {name, _} <- group, into: MapSet.new(), do: name

    connected =
      for %{connected: [_ | _] = others} = a <- nodes,
          name <- others,
          name in names and name not in hearable,
          do: {name, a.name}

    for {how, groups} <- [{"heard by", heard}, {"connected to", together(connected, & &1)}],
        {others, group} <- groups,
        # Then it is about to stop.
        asker not in others do
      names = Enum.map(group, &elem(&1, 0))
      are = if match?([_], names), do: "is", else: "are"

      {names,
       "#{names(names)} #{are} #{how} #{names(others)}, and not connected to #{name(asker)}: " <>
         "whom #{if are == "is", do: "it hears", else: "they hear"} is not known"}
    end
  end
end
