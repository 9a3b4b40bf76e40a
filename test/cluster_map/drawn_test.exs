defmodule NativeGossip.ClusterMap.DrawnTest do
  @moduledoc "How a map is printed, and written as HTML and JSON."
  use ExUnit.Case, async: true

  import NativeGossip.Test.Answers

  alias NativeGossip.ClusterMap
  alias NativeGossip.ClusterMap.Selection

  @a "a@10.0.0.5"
  @b "b@10.0.0.6"
  @c "c@10.0.0.7"
  @d "d@10.0.0.8"

  @evil ~s|<script>alert("1")</script>&'@h|

  defp documented do
    lossy = %{"loss" => 31.0, "received" => 138, "missing" => 62, "heard_ms" => 1_100}
    stock = peer(@d, %{"loss" => nil, "heard_ms" => 2_000})

    map([
      answer(@a, [peer(@b), peer(@c, lossy), stock]),
      answer(@b, [peer(@c, %{"heard_ms" => 900}), stock], %{"connected" => [@a, @c, @d]}),
      answer(@c, [peer(@a), peer(@b, %{"loss" => 1.6, "missing" => 3}), stock]),
      reply(@d, :stock_or_none)
    ])
  end

  defp matrix(map) do
    [_title, matrix | _] = map |> ClusterMap.text() |> String.split("\n\n")
    String.split(matrix, "\n")
  end

  test "the example of the documentation is what is printed, also by IEx and by IO.puts" do
    {:docs_v1, _, _, _, %{"en" => documentation}, _, _} = Code.fetch_docs(ClusterMap)
    [_, example] = Regex.run(~r/```text\n(.+?)\n```/s, documentation)
    text = ClusterMap.text(documented())
    assert example == text
    assert to_string(documented()) == text
    assert inspect(documented()) == text
    assert File.read!("docs/operations.md") =~ text
  end

  test "the columns stand under their numbers, however long the names and cells are" do
    [head | rows] = matrix(documented())
    places = for [{place, 1}] <- Regex.scan(~r/\d/, head, return: :index), do: place

    for {row, self} <- Enum.zip(rows, places) do
      assert String.at(row, self) == "."
      for place <- places, place != self, do: assert(String.at(row, place) =~ ~r/[=x ]/)
    end
  end

  test "of more than eight nodes each pair has two characters, and 64 are drawn at most" do
    map = map(healthy(200))
    [tens, units | rows] = matrix(map)
    assert length(rows) == 64
    assert String.ends_with?(tens, "6 6 6 6 6")
    assert String.ends_with?(units, "0 1 2 3 4")
    assert hd(rows) =~ ~r/^ 1 n001@h  \.( 0){63}$/
    assert Enum.all?([tens, units | rows], &(String.length(&1) <= 160))

    assert ClusterMap.text(map) =~
             "136 more nodes are not drawn: n065@h, n066@h, n067@h and 133 more."
  end

  test "nodes that findings name are drawn before others" do
    [first | replies] = healthy(200)
    deaf = %{first | answer: Map.update!(first.answer, "hears", &tl/1)}
    {last, replies} = List.pop_at(replies, -1)
    map = map([deaf | replies] ++ [reply(last.name, :no_answer)])
    {drawn, left_out} = Selection.choose(map, 3)
    assert ["n001@h", "n002@h", "n200@h"] == Enum.map(drawn, & &1.name)
    assert length(left_out) == 197
    assert {[%{name: "n001@h"}], _} = Selection.choose(map, 1)
  end

  test "each state of a pair has a sign" do
    names = for number <- 1..9, do: "n#{number}@h"
    [one | others] = names

    hears = [
      peer("n2@h", %{"loss" => 30.0}),
      peer("n3@h", %{"loss" => nil}),
      peer("n4@h", %{"loss" => 99.9}),
      peer("n5@h"),
      peer("n6@h")
    ]

    replies = [
      answer(one, hears, %{
        "connected" => ["n2@h", "n3@h", "n4@h", "n5@h", "n7@h", "n8@h", "n9@h"]
      }),
      answer("n2@h", [peer("n1@h"), peer("n7@h")], %{"connected" => ["n1@h", "n7@h"]})
      | for(name <- Enum.drop(others, 1), do: reply(name, :stock_or_none))
    ]

    row = replies |> map() |> matrix() |> Enum.find(&(&1 =~ "n1@h"))
    assert row =~ ~r/^1 n1@h  \. 3 o 9 0 0x! - -$/
  end

  test "a finding of which there are many is told ten times, and all are in the JSON" do
    fault = %{"faults" => ["cannot join 233.252.1.32"]}

    map =
      map(
        for %{answer: answer} = reply <- healthy(20),
            do: %{reply | answer: Map.merge(answer, fault)}
      )

    text = ClusterMap.text(map)
    assert text =~ "20 findings:"
    assert text =~ "- … and 10 more like this"
    assert length(Regex.scan(~r/ says: cannot join/, text)) == 10
    assert length(Regex.scan(~r/ says: cannot join/, ClusterMap.json(map))) == 20
  end

  test "what a name or a reason has of a terminal's controls is not printed" do
    evil = "b\e[2J\n@h\u202E"

    replies = [
      answer(@a, [peer(evil)], %{"faults" => ["\e]0;x\a"]}),
      reply(evil, :failed, reason: "\e[1m\n")
    ]

    text = ClusterMap.text(map(replies))
    refute text =~ ~r/[\e\a]|\x{202E}/u
    assert text =~ ~S(b\x{1B}[2J\x{A}@h\x{202E})

    assert length(String.split(text, "\n")) ==
             length(
               String.split(
                 ClusterMap.text(
                   map([
                     answer(@a, [peer(@b)], %{"faults" => ["x"]}),
                     reply(@b, :failed, reason: "x")
                   ])
                 ),
                 "\n"
               )
             )

    assert ClusterMap.text(map([answer(@a, [peer(<<255, "@h">>)])])) =~ ~S(<<255, 64, 104>>)
  end

  test "the HTML has whatever a stranger chose escaped, and neither scripts nor anything from elsewhere" do
    hears = [peer(@evil, %{"interface" => "<b>", "cause" => "<i>", "state" => "down"})]

    replies = [
      answer(@a, hears, %{"version" => "<u>", "faults" => ["<s>"], "connected" => []}),
      reply("<em>@h", :failed, reason: "<q>")
    ]

    html = replies |> map() |> ClusterMap.html()
    refute html =~ ~r/<(script|b|i|u|s|em|q)>|https?:|url\(|@import|src=| on\w+=/
    assert html =~ "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;@h"

    for part <- ["&lt;b&gt;", "&lt;i&gt;", "&lt;u&gt;", "&lt;s&gt;", "&lt;em&gt;", "&lt;q&gt;"],
        do: assert(html =~ part)
  end

  test "the HTML has a colour for each loss, the findings, and each node" do
    html = ClusterMap.html(documented())
    assert html =~ "prefers-color-scheme: dark"

    assert html =~
             ~s(<td class="l3" title="#{@a} of #{@c}: heard 1.1 s ago on eth0, 31 % lost; #{@c} is connected">31 %)

    assert html =~ ~s(<td class="deaf" title="#{@b} of #{@a}: never heard; #{@a} is connected">!)
    for finding <- documented().findings, do: assert(html =~ finding.sentence)
    assert html =~ "<td>stock strategy, or none</td>"
    assert well_formed?(html)
    assert map(healthy(1)) |> ClusterMap.html() |> well_formed?()
  end

  test "the HTML of 200 nodes has all of them, in a few megabytes" do
    html = map(healthy(200)) |> ClusterMap.html()
    assert length(Regex.scan(~r/<td class="l0"/, html)) == 200 * 199
    assert byte_size(html) < 6_000_000
    assert map(healthy(201)) |> ClusterMap.html() =~ "1 more nodes are not drawn"
  end

  test "the JSON has all nodes and findings, and says whether all answered" do
    map = documented()
    json = ClusterMap.to_map(map)
    assert json.complete
    assert json.at == "2026-01-01T12:00:00Z"
    assert [%{hears: [%{name: @b}, %{name: @c, loss: 31.0}, %{name: @d}]} | _] = json.nodes
    assert List.last(json.nodes).hears == nil
    assert ClusterMap.json(map) =~ ~s("kind":"one_way","nodes":["#{@b}","#{@a}"])
    assert length(Regex.scan(~r/"status":"answered"/, ClusterMap.json(map(healthy(200))))) == 200
    refute ClusterMap.json(map) =~ "\n"
  end

  # Each element that is opened is closed, in order.
  defp well_formed?(html) do
    [_, body] = String.split(html, "</head>")

    [] ==
      Enum.reduce(Regex.scan(~r"<(/?)(\w+)[^>]*>", body), [], fn
        [_, "", tag], open -> [tag | open]
        [_, "/", tag], [tag | open] -> open
        [_, "/", "html"], [] -> []
      end)
  end
end
