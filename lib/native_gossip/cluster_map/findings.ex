defmodule NativeGossip.ClusterMap.Findings do
  @moduledoc """
  What of a map is not as it should be, in sentences.

  | kind | what it means |
  |---|---|
  | `:no_answer`, `:failed` | a connected node did not say whom it hears |
  | `:hears_nobody`, `:heard_by_nobody` | a node, among three or more |
  | `:one_way` | one of two nodes hears the other, and is not heard |
  | `:not_heard` | a node does not hear one that another node hears; whom that one hears is not known |
  | `:apart` | two nodes do not hear each other |
  | `:lossy` | at least 5 % of 20 heartbeats or more did not come, of a link, of most links of a node, or of most of all |
  | `:not_connected` | a node is heard, and not connected |
  | `:half_connected` | one of two nodes says that they are connected, the other one that they are not |
  | `:fault` | what a node says does not work on it |
  | `:stock_or_none`, `:older`, `:no_topology` | why it is not known whom a node hears: a note |
  | `:not_asked` | a node is heard by others or connected to them, and not connected to the one that asked |
  | `:refuses` | what a node refused within the last minute: a note |
  | `:alone` | there is no other node: a note |
  | `:gone` | nodes that nobody hears any more: a note |
  """

  import NativeGossip.Events.Words, only: [span: 1]
  import NativeGossip.ClusterMap.Words

  alias NativeGossip.ClusterMap
  alias NativeGossip.ClusterMap.{Connections, Losses, Pairs}

  @notes [:stock_or_none, :older, :no_topology, :refuses, :alone, :gone]

  @type kind ::
          :no_answer
          | :failed
          | :hears_nobody
          | :heard_by_nobody
          | :one_way
          | :not_heard
          | :apart
          | :lossy
          | :not_connected
          | :half_connected
          | :fault
          | :not_asked
          | :stock_or_none
          | :older
          | :no_topology
          | :refuses
          | :alone
          | :gone

  @type t :: %{kind: kind, nodes: [String.t(), ...], sentence: String.t(), note: boolean}

  @doc "The findings of a map, the surest first, and notes behind them."
  @spec of(ClusterMap.t()) :: [t]
  def of(map) do
    pairs = Pairs.new(map)
    nodes = Enum.reject(map.nodes, &(&1.status == :gone))
    drawn = for a <- nodes, a.hears, b <- nodes, a != b, do: {a, b, Pairs.pair(pairs, a, b)}
    deaf = for {a, b, %{hearing: :deaf} = pair} <- drawn, do: {a, b, pair}
    {nobody, deaf} = nobody(nodes, deaf, pairs)
    missing = Connections.missing(drawn)
    told = Enum.flat_map(missing, &elem(&1, 0))

    List.flatten([
      Enum.map(nodes, &answer(&1, map)),
      nobody,
      deaf(deaf, drawn),
      findings(:lossy, Losses.sentences(drawn)),
      findings(:not_connected, missing),
      findings(:half_connected, Connections.halves(nodes, pairs)),
      Enum.map(nodes, &faults/1),
      findings(:not_asked, Connections.unasked(nodes, drawn, map.node, told)),
      Enum.map(nodes, &note/1),
      Enum.map(nodes, &refused/1),
      alone(nodes),
      gone(map)
    ])
  end

  defp findings(kind, told),
    do: for({nodes, sentence} <- told, do: finding(kind, nodes, sentence))

  defp finding(kind, nodes, sentence),
    do: %{kind: kind, nodes: nodes, sentence: sentence, note: kind in @notes}

  defp answer(%{status: :no_answer, reason: nil} = node, map) do
    sentence =
      "#{name(node.name)} is connected and did not answer within #{span(map.timeout_ms)}: it hangs, is stopped or " <>
        "overloaded, or its network is cut off"

    finding(:no_answer, [node.name], sentence)
  end

  defp answer(%{status: :no_answer, reason: reason} = node, _map),
    do: finding(:no_answer, [node.name], "#{name(node.name)} did not answer: #{text(reason)}")

  defp answer(%{status: :failed} = node, _map) do
    reason = text(node.reason || "it gave no reason")
    finding(:failed, [node.name], "#{name(node.name)} could not say whom it hears: #{reason}")
  end

  defp answer(_node, _map), do: []

  # Of a node that hears nobody the pairs say no more.
  defp nobody(nodes, deaf, pairs) do
    speaking = for node <- nodes, node.name in pairs.speaking, do: node.name
    listening = for node <- nodes, node.hears, do: node.name
    mutes = all(deaf, fn {_a, b, _} -> b.name end, listening)
    deafs = all(deaf, fn {a, _b, _} -> a.name end, speaking)
    # Of one that alone says whom it hears, nobody knows whether it is heard.
    deafs = if length(listening) == 1, do: [], else: deafs

    findings =
      for name <- Enum.uniq(deafs ++ mutes) do
        case {name in deafs, name in mutes} do
          {true, true} ->
            finding(:hears_nobody, [name], "#{name(name)} hears nobody, and nobody hears it")

          {true, false} ->
            finding(:hears_nobody, [name], "#{name(name)} hears nobody, and is heard by others")

          {false, true} ->
            finding(:heard_by_nobody, [name], "nobody hears #{name(name)}, and it hears others")
        end
      end

    {findings, Enum.reject(deaf, fn {a, b, _} -> a.name in deafs or b.name in mutes end)}
  end

  # Those who are deaf to all others, or not heard by all: two of them at least.
  defp all(deaf, whose, others) do
    for {name, count} <- deaf |> Enum.frequencies_by(whose) |> Enum.sort(),
        length(List.delete(others, name)) == count,
        count >= 2,
        do: name
  end

  # A sentence for each node that is deaf, and not for each pair: a cluster in halves has thousands.
  defp deaf(deaf, drawn) do
    hearing = for {a, b, pair} <- drawn, into: %{}, do: {{a.name, b.name}, pair.hearing}

    deaf
    |> Enum.group_by(fn {a, b, _} -> {kind(hearing[{b.name, a.name}]), a.name} end)
    |> Enum.map(fn {{kind, name}, group} ->
      {kind, name,
       for({_a, b, pair} <- group, kind != :apart or name < b.name, do: {b.name, pair})}
    end)
    |> Enum.reject(fn {_kind, _name, others} -> others == [] end)
    |> Enum.sort_by(fn {kind, name, _} ->
      {Enum.find_index([:one_way, :not_heard, :apart], &(&1 == kind)), name}
    end)
    |> Enum.map(fn {kind, name, others} ->
      finding(kind, [name | Enum.map(others, &elem(&1, 0))], deaf_sentence(kind, name, others))
    end)
  end

  defp kind(:heard), do: :one_way
  defp kind(:deaf), do: :apart
  # The other one is about to stop, or says nothing.
  defp kind(_silent_or_unknown), do: :not_heard

  defp deaf_sentence(:one_way, name, [{other, pair}]) do
    "#{name(other)} hears #{name(name)}, and #{name(name)} does not hear #{name(other)}#{last(pair)}"
  end

  defp deaf_sentence(:one_way, name, others) do
    "#{others(others)} hear #{name(name)}, and #{name(name)} does not hear them"
  end

  defp deaf_sentence(:not_heard, name, [{other, pair}]),
    do: "#{name(name)} does not hear #{name(other)}#{last(pair)}, which others hear"

  defp deaf_sentence(:not_heard, name, others),
    do: "#{name(name)} does not hear #{others(others)}, which others hear"

  defp deaf_sentence(:apart, name, [{other, pair}]),
    do: "#{name(name)} and #{name(other)} do not hear each other#{last(pair)}"

  defp deaf_sentence(:apart, name, others),
    do: "#{name(name)} does not hear #{others(others)}, and they do not hear it"

  defp others(others), do: others |> Enum.map(&elem(&1, 0)) |> names()

  defp last(%{link: %{heard_ms: ms}}) when ms != nil, do: " any more, since #{span(ms)}"
  defp last(_pair), do: ""

  defp faults(node) do
    for fault <- node.faults,
        do: finding(:fault, [node.name], "#{name(node.name)} says: #{text(fault)}")
  end

  defp note(%{status: :stock_or_none} = node) do
    sentence =
      "#{name(node.name)} has no native_gossip (the stock strategy, or none): whom it hears is not known"

    finding(:stock_or_none, [node.name], sentence)
  end

  defp note(%{status: :older} = node) do
    version = text(node.version || "unknown")

    sentence =
      "#{name(node.name)} has version #{version} of native_gossip, which cannot be asked for a map"

    finding(:older, [node.name], sentence)
  end

  defp note(%{status: :no_topology} = node) do
    reason = text(node.reason || "")
    sentence = "#{name(node.name)} does not run the topology (#{reason})"
    finding(:no_topology, [node.name], sentence)
  end

  defp note(_node), do: []

  defp refused(%{refused: []}), do: []

  defp refused(%{refused: refused} = node) do
    sentence = "#{name(node.name)} refuses packets: #{Enum.map_join(refused, "; ", &text/1)}"
    finding(:refuses, [node.name], sentence)
  end

  defp alone([%{status: :answered} = node]),
    do: finding(:alone, [node.name], "#{name(node.name)} hears no other node")

  defp alone(_nodes), do: []

  defp gone(map) do
    case for(%{status: :gone, name: name} <- map.nodes, do: name) do
      [] ->
        []

      [name] ->
        sentence = "#{name(name)} was heard earlier, is connected to nobody, and is heard no more"
        [finding(:gone, [name], sentence)]

      names ->
        sentence =
          "#{names(names)} were heard earlier, are connected to nobody, and are heard no more"

        [finding(:gone, names, sentence)]
    end
  end
end
