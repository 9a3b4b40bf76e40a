defmodule NativeGossip.ClusterMap.Html do
  @moduledoc """
  A map as one HTML file: a matrix with colours by loss, the findings, and a table of the nodes. No scripts, and
  nothing from elsewhere. Each name is escaped: names are strings of strangers.
  """

  import NativeGossip.ClusterMap.Words
  import NativeGossip.Events.Words, only: [several: 2]

  alias NativeGossip.ClusterMap
  alias NativeGossip.ClusterMap.{Pairs, Selection}

  # 40,000 cells are some 4 MB, which browsers still scroll.
  @drawn 200

  # Of each kind, as many sentences as can be read.
  @told 20

  @style """
  :root { color-scheme: light dark;
    --fg: #1b1f24; --bg: #ffffff; --line: #d0d7de; --dim: #59636e; --dark: #ffffff;
    --l0: #c6efce; --l1: #e6f0a3; --l2: #ffe08a; --l3: #ffb870; --l4: #f58f80; --deaf: #b3261e; --none: #eceff2; }
  @media (prefers-color-scheme: dark) { :root {
    --fg: #e6edf3; --bg: #0d1117; --line: #3d444d; --dim: #9198a1; --dark: #ffffff;
    --l0: #1c5c30; --l1: #58651a; --l2: #7a5c00; --l3: #8a4a12; --l4: #8c2f26; --deaf: #e5534b; --none: #21262d; } }
  body { font: 15px/1.45 system-ui, sans-serif; color: var(--fg); background: var(--bg); margin: 2rem; }
  h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
  p { margin: .3rem 0; } .dim { color: var(--dim); }
  .scroll { overflow: auto; max-height: 85vh; }
  table { border-collapse: collapse; }
  th, td { border: 1px solid var(--line); padding: .2rem .45rem; text-align: left; white-space: nowrap; }
  thead th { position: sticky; top: 0; background: var(--bg); }
  .matrix td { text-align: center; font-variant-numeric: tabular-nums; }
  .matrix tbody th { position: sticky; left: 0; background: var(--bg); font-weight: normal; }
  small { display: block; opacity: .8; }
  .l0 { background: var(--l0); } .l1 { background: var(--l1); } .l2 { background: var(--l2); }
  .l3 { background: var(--l3); } .l4 { background: var(--l4); } .deaf { background: var(--deaf); color: var(--dark); }
  .none { background: var(--none); color: var(--dim); } .self { background: none; color: var(--dim); }
  .x { outline: 3px dashed var(--deaf); outline-offset: -3px; }
  .key span { display: inline-block; padding: .1rem .5rem; margin: 0 .3rem .3rem 0; border: 1px solid var(--line); }
  """

  # Beyond this many the cells have a number alone: their words are in their titles.
  @worded 24

  @doc "The whole file."
  @spec html(ClusterMap.t()) :: String.t()
  def html(map) do
    pairs = Pairs.new(map)
    {drawn, left_out} = Selection.choose(map, @drawn)
    title = "#{escape(name(map.topology))}: who hears whom"

    IO.iodata_to_binary([
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n",
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
      "<title>#{title}</title>\n<style>\n#{@style}</style>\n</head>\n<body>\n",
      "<h1>#{title}</h1>\n",
      summary(map),
      findings(map),
      "<h2>Matrix</h2>\n",
      key(),
      left_out(left_out),
      matrix(drawn, pairs),
      "<h2>Nodes</h2>\n",
      nodes(map, pairs),
      "</body>\n</html>\n"
    ])
  end

  defp summary(map) do
    answered = Enum.count(map.nodes, &(&1.status == :answered))
    count = Enum.count(map.nodes, &(&1.status != :gone))
    at = map.at |> DateTime.truncate(:second) |> to_string()
    nodes = several(count, "node")

    "<p class=\"dim\">#{nodes}, #{answered} answered. Asked by #{escape(name(map.node))}, #{at}</p>\n"
  end

  defp findings(map) do
    {notes, findings} = Enum.split_with(map.findings, & &1.note)

    wrong =
      if findings == [],
        do: "<p>Nothing wrong seen.</p>\n",
        else: section("Findings", findings)

    [wrong, if(notes == [], do: [], else: section("Notes", notes))]
  end

  defp section(heading, findings) do
    items =
      findings
      |> Enum.chunk_by(& &1.kind)
      |> Enum.flat_map(fn group ->
        {told, rest} = Enum.split(group, @told)
        more = if rest == [], do: [], else: ["<li>… and #{length(rest)} more like this</li>\n"]
        Enum.map(told, &"<li>#{escape(&1.sentence)}</li>\n") ++ more
      end)

    ["<h2>#{heading}</h2>\n<ul>\n", items, "</ul>\n"]
  end

  defp key do
    """
    <p class="key">A row hears the columns, with a loss of <span class="l0">under 2 %</span><span class="l1">2 to \
    10 %</span><span class="l2">10 to 25 %</span><span class="l3">25 to 50 %</span><span class="l4">more</span>
    <span class="deaf">not heard, and should be</span><span class="none">not heard, or not known</span>\
    <span class="x">not connected</span></p>
    """
  end

  defp left_out([]), do: []

  defp left_out(nodes),
    do: "<p>#{length(nodes)} more nodes are not drawn. The table below has them.</p>\n"

  defp matrix(nodes, pairs) do
    numbered = Enum.with_index(nodes, 1)
    worded? = length(nodes) <= @worded

    head =
      for {node, number} <- numbered,
          do: "<th title=\"#{escape(name(node.name))}\">#{number}</th>"

    rows =
      for {a, number} <- numbered do
        cells =
          for b <- nodes do
            if a == b,
              do: "<td class=\"self\">·</td>",
              else: cell(Pairs.pair(pairs, a, b), a, b, worded?)
          end

        ["<tr><th>#{number} #{escape(name(a.name))}</th>", cells, "</tr>\n"]
      end

    [
      "<div class=\"scroll\"><table class=\"matrix\">\n<thead><tr><th></th>",
      head,
      "</tr></thead>\n<tbody>\n",
      rows,
      "</tbody>\n</table></div>\n"
    ]
  end

  defp cell(pair, a, b, worded?) do
    small = if worded?, do: small(pair), else: ""
    class = class(pair) <> if(pair.connected == false, do: " x", else: "")

    "<td class=\"#{class}\" title=\"#{escape(sentence(pair, a, b))}\">#{figure(pair)}#{small}</td>"
  end

  defp class(%{hearing: :deaf}), do: "deaf"
  defp class(%{hearing: :heard, link: %{loss: loss}}), do: loss_class(loss || 0)
  defp class(_pair), do: "none"

  defp loss_class(loss) when loss < 2, do: "l0"
  defp loss_class(loss) when loss < 10, do: "l1"
  defp loss_class(loss) when loss < 25, do: "l2"
  defp loss_class(loss) when loss < 50, do: "l3"
  defp loss_class(_loss), do: "l4"

  defp figure(%{hearing: :heard, link: %{loss: nil}}), do: "heard"
  defp figure(%{hearing: :heard, link: %{loss: loss}}), do: escape(percent(loss))
  defp figure(%{hearing: :deaf}), do: "!"
  defp figure(%{hearing: :silent}), do: "–"
  defp figure(%{hearing: :unknown}), do: "?"

  defp small(%{link: %{heard_ms: ms} = link}) when ms != nil do
    interface = if link.interface, do: " #{name(link.interface)}", else: ""
    "<small>#{escape(NativeGossip.Events.Words.span(ms) <> interface)}</small>"
  end

  defp small(_pair), do: ""

  defp sentence(%{hearing: :unknown} = pair, a, b),
    do: "whom #{name(a.name)} hears is not known (#{status(a.status)}); #{b_is(pair, b)}"

  defp sentence(pair, a, b),
    do: "#{name(a.name)} of #{name(b.name)}: #{heard(pair.link)}; #{b_is(pair, b)}"

  defp b_is(%{connected: true}, b), do: "#{name(b.name)} is connected"
  defp b_is(%{connected: false}, b), do: "#{name(b.name)} is not connected"
  defp b_is(%{connected: nil}, _b), do: "whether they are connected is not known"

  defp nodes(map, pairs) do
    hearers =
      for %{hears: %{} = hears} = hearer <- map.nodes,
          {name, link} <- hears,
          ClusterMap.recent?(link, hearer),
          do: name

    heard_by = Enum.frequencies(hearers)

    rows =
      for node <- map.nodes do
        connected = pairs.connected[node.name]

        cells = [
          name(node.name),
          status(node.status) <> if(node.reason, do: ": #{text(node.reason)}", else: ""),
          if(node.version, do: text(node.version), else: "–"),
          if(node.hears, do: count_heard(node), else: "?"),
          Map.get(heard_by, node.name, 0),
          if(connected, do: MapSet.size(connected), else: "?")
        ]

        ["<tr>", for(cell <- cells, do: "<td>#{escape(to_string(cell))}</td>"), "</tr>\n"]
      end

    head = ["name", "status", "version", "hears", "heard by", "connected to"]

    [
      "<div class=\"scroll\"><table>\n<thead><tr>",
      for(title <- head, do: "<th>#{title}</th>"),
      "</tr></thead>\n<tbody>\n",
      rows,
      "</tbody>\n</table></div>\n"
    ]
  end

  defp count_heard(node),
    do: Enum.count(node.hears, fn {_name, link} -> ClusterMap.recent?(link, node) end)

  defp escape(text), do: Regex.replace(~r/[&<>"']/, text, &reference/1)

  defp reference("&"), do: "&amp;"
  defp reference("<"), do: "&lt;"
  defp reference(">"), do: "&gt;"
  defp reference("\""), do: "&quot;"
  defp reference("'"), do: "&#39;"
end
