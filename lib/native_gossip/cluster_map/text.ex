defmodule NativeGossip.ClusterMap.Text do
  @moduledoc """
  A map for a terminal: a matrix, a legend, and the findings. Up to eight nodes have cells of words, more of them
  two characters each.
  """

  import NativeGossip.ClusterMap.Words
  import NativeGossip.Events.Words, only: [several: 2]

  alias NativeGossip.ClusterMap
  alias NativeGossip.ClusterMap.{Pairs, Selection}

  # Cells of words are 17 letters and two spaces wide: the matrix fits on a wide terminal.
  @worded 8

  # Cells of two characters: 64 of them and a name are 160 letters.
  @drawn 64

  # Letters of a name beside the matrix. Each name is whole in the list of those that say nothing.
  @name 30

  # Of each kind. All of them are in the JSON.
  @told 10

  @doc "The whole map."
  @spec text(ClusterMap.t()) :: String.t()
  def text(map) do
    {drawn, left_out} = Selection.choose(map, @drawn)

    [title(map), matrix(drawn, map), left_out(left_out), legend(drawn), findings(map)]
    |> Enum.reject(&(&1 == nil))
    |> Enum.join("\n\n")
  end

  defp title(map) do
    answered = Enum.count(map.nodes, &(&1.status == :answered))
    count = Enum.count(map.nodes, &(&1.status != :gone))
    at = map.at |> DateTime.truncate(:second) |> to_string()
    nodes = several(count, "node")
    "#{name(map.topology)}: #{nodes}, #{answered} answered. Asked by #{name(map.node)}, #{at}"
  end

  defp matrix(nodes, map) do
    pairs = Pairs.new(map)
    worded? = length(nodes) <= @worded
    cell = if worded?, do: &words/1, else: &letters/1
    numbers = Enum.map(1..length(nodes), &Integer.to_string/1)
    side = side(nodes, numbers)

    rows =
      for a <- nodes do
        for b <- nodes, do: if(a == b, do: ".", else: cell.(Pairs.pair(pairs, a, b)))
      end

    heads = if worded?, do: [numbers], else: stacked(numbers)
    gap = if worded?, do: "  ", else: ""
    width = [numbers | rows] |> List.flatten() |> Enum.map(&String.length/1) |> Enum.max()
    width = if worded?, do: width, else: 2
    blank = String.duplicate(" ", side |> hd() |> String.length())

    ([{blank, hd(heads)} | Enum.map(tl(heads), &{blank, &1})] ++ Enum.zip(side, rows))
    |> Enum.map_join("\n", fn {label, cells} ->
      line = Enum.map_join(cells, gap, &String.pad_trailing(&1, width))
      String.trim_trailing("#{label}  #{line}")
    end)
  end

  # Numbers from top to bottom: 1 above 2 is 12.
  defp stacked(numbers) do
    height = numbers |> List.last() |> String.length()
    padded = Enum.map(numbers, &(&1 |> String.pad_leading(height) |> String.graphemes()))
    padded |> Enum.zip_with(& &1)
  end

  defp side(nodes, numbers) do
    digits = numbers |> List.last() |> String.length()

    labels =
      for {node, number} <- Enum.zip(nodes, numbers),
          do: "#{String.pad_leading(number, digits)} #{short(node.name)}"

    width = labels |> Enum.map(&String.length/1) |> Enum.max()
    Enum.map(labels, &String.pad_trailing(&1, width))
  end

  defp short(name) do
    name = name(name)
    if String.length(name) > @name, do: String.slice(name, 0, @name - 1) <> "…", else: name
  end

  defp words(%{hearing: hearing, link: link} = pair),
    do: String.trim_leading("#{connected(pair)} #{hearing(hearing, link)}")

  defp hearing(:unknown, _link), do: "?"
  defp hearing(:deaf, nil), do: "! never"
  defp hearing(:deaf, link), do: "! #{age(link.heard_ms)}"
  defp hearing(:silent, nil), do: "-"
  defp hearing(:silent, link), do: "- #{age(link.heard_ms)}"

  defp hearing(:heard, link) do
    loss = if link.loss, do: String.replace(percent(link.loss), " ", ""), else: "?"

    interface =
      if link.interface, do: " #{link.interface |> name() |> String.slice(0, 15)}", else: ""

    "#{age(link.heard_ms)}#{interface} #{loss}"
  end

  defp age(nil), do: "?"
  defp age(ms), do: ms |> NativeGossip.Events.Words.span() |> String.replace(" ", "")

  defp connected(%{connected: true}), do: "="
  defp connected(%{connected: false}), do: "x"
  defp connected(%{connected: nil}), do: " "

  defp letters(%{hearing: hearing, link: link} = pair) do
    mark = if pair.connected == false, do: "x", else: " "
    letter(hearing, link) <> mark
  end

  defp letter(:unknown, _link), do: "?"
  defp letter(:deaf, _link), do: "!"
  defp letter(:silent, _link), do: "-"
  defp letter(:heard, %{loss: nil}), do: "o"
  # From 5 % on it is no longer 0, as in the findings.
  defp letter(:heard, %{loss: loss}), do: (loss / 10) |> round() |> min(9) |> to_string()

  defp left_out([]), do: nil

  defp left_out(nodes) do
    "#{length(nodes)} more nodes are not drawn: #{nodes |> Enum.map(& &1.name) |> names()}. " <>
      "The JSON and the findings have them."
  end

  defp legend(nodes) when length(nodes) <= @worded do
    "A row hears the columns: = connected or x not, when the last heartbeat came, by which interface, and how many " <>
      "were\nlost since the first one. ! means that it should be heard and is not, - that it is not heard, ? that it " <>
      "is not known."
  end

  defp legend(_nodes) do
    "A row hears the columns: 0 to 9 with as many tenths of the heartbeats lost, o with losses that are not known,\n" <>
      "! not, and it should, - not, ? that is not known. x behind it: not connected."
  end

  defp findings(%{findings: []}), do: "Nothing wrong seen."

  defp findings(map) do
    {notes, findings} = Enum.split_with(map.findings, & &1.note)
    wrong = if findings == [], do: "Nothing wrong seen.", else: section("finding", findings)
    if notes == [], do: wrong, else: "#{wrong}\n\n#{section("note", notes)}"
  end

  defp section(what, findings) do
    Enum.join(["#{several(length(findings), what)}:" | lines(findings)], "\n")
  end

  defp lines(findings) do
    findings
    |> Enum.chunk_by(& &1.kind)
    |> Enum.flat_map(fn group ->
      {told, rest} = Enum.split(group, @told)
      more = if rest == [], do: [], else: ["- … and #{length(rest)} more like this"]
      Enum.map(told, &"- #{&1.sentence}") ++ more
    end)
  end
end
