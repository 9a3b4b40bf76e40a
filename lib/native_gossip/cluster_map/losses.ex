defmodule NativeGossip.ClusterMap.Losses do
  @moduledoc """
  Which links lose heartbeats: told once of a whole network or of a node where most of its links do, and else of each
  link, the worst first.
  """

  import NativeGossip.ClusterMap.Words

  alias NativeGossip.ClusterMap
  alias NativeGossip.ClusterMap.{Answer, Pairs}

  @percent 5

  # Of fewer heartbeats, one that is late is much.
  @heartbeats 20

  # Of fewer links it is not known what they have in common: in a cluster of three, each node has two.
  @links_of_node 3
  @links_of_network 12

  @typedoc "A link that is heard by: who hears whom."
  @type link :: {hearer :: String.t(), heard :: String.t(), Answer.link()}

  @doc "Sentences, each with the nodes that it is about."
  @spec sentences([{ClusterMap.node_map(), ClusterMap.node_map(), Pairs.pair()}]) ::
          [{[String.t(), ...], String.t()}]
  def sentences(pairs) do
    links = for {a, b, %{hearing: :heard, link: link}} <- pairs, do: {a.name, b.name, link}
    lossy = for {_a, _b, link} = lossy <- links, lossy?(link), do: lossy

    if most?(lossy, links, @links_of_network),
      do: [of_network(lossy, links)],
      else: of_nodes(lossy, links)
  end

  defp lossy?(link) do
    of = (link.received || 0) + (link.missing || 0)
    is_number(link.loss) and link.loss >= @percent and of >= @heartbeats
  end

  defp most?(lossy, links, least),
    do: length(lossy) >= least and 2 * length(lossy) > length(links)

  defp of_network(lossy, links) do
    names = lossy |> Enum.flat_map(fn {a, b, _} -> [a, b] end) |> Enum.uniq()
    {names, "most links lose heartbeats: #{share(lossy, links)}, #{range(lossy)}"}
  end

  defp of_nodes(lossy, links) do
    heard = common(lossy, links, &elem(&1, 1))
    hearers = common(lossy, links, &elem(&1, 0))

    single =
      Enum.reject(lossy, fn {a, b, _} -> is_map_key(hearers, a) or is_map_key(heard, b) end)

    Enum.map(Enum.sort(heard), fn {name, {lossy, links}} ->
      {[name],
       "#{name(name)} is heard with loss by #{share(lossy, links)} nodes, #{range(lossy)}"}
    end) ++
      Enum.map(Enum.sort(hearers), fn {name, {lossy, links}} ->
        {[name], "#{name(name)} hears #{share(lossy, links)} nodes with loss, #{range(lossy)}"}
      end) ++
      (single |> Enum.sort_by(fn {a, b, link} -> {-link.loss, a, b} end) |> Enum.map(&of_link/1))
  end

  # Nodes of whose links most are lossy, each with these and with all.
  defp common(lossy, links, whose) do
    all = Enum.group_by(links, whose)

    for {name, lossy} <- Enum.group_by(lossy, whose),
        most?(lossy, all[name], @links_of_node),
        into: %{},
        do: {name, {lossy, all[name]}}
  end

  defp of_link({a, b, link}) do
    of = (link.received || 0) + (link.missing || 0)
    on = if link.interface, do: ", on #{name(link.interface)}", else: ""

    {[a, b],
     "#{name(a)} hears #{name(b)} with #{percent(link.loss)} loss " <>
       "(#{link.missing} of #{of} heartbeats did not come#{on})"}
  end

  defp share(some, all), do: "#{length(some)} of #{length(all)}"

  defp range(lossy) do
    {least, most} = lossy |> Enum.map(fn {_a, _b, link} -> link.loss end) |> Enum.min_max()
    {least, most} = {percent(least), percent(most)}
    if least == most, do: least, else: "#{String.trim_trailing(least, " %")} to #{most}"
  end
end
