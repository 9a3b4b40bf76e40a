defmodule NativeGossip.ClusterMap.FindingsTest do
  @moduledoc "What is found in answers that are made up."
  use ExUnit.Case, async: true

  import NativeGossip.Test.Answers

  alias NativeGossip.ClusterMap

  @a "a@10.0.0.5"
  @b "b@10.0.0.6"
  @c "c@10.0.0.7"
  @all [@a, @b, @c]

  defp sentences(map), do: Enum.map(map.findings, & &1.sentence)
  defp kinds(map), do: Enum.map(map.findings, & &1.kind)

  # Whom each of the three hears is given; all are connected.
  defp three(hears) do
    for {name, heard} <- Enum.zip(@all, hears) do
      peers = for peer <- heard, do: if(is_map(peer), do: peer, else: peer(peer))
      answer(name, peers, %{"connected" => @all -- [name]})
    end
  end

  defp status(map, name), do: Enum.find(map.nodes, &(&1.name == name)).status

  test "in a cluster that is well nothing is found" do
    for count <- [2, 3, 65, 200] do
      map = map(healthy(count))
      assert map.findings == []
      assert ClusterMap.complete?(map)
    end
  end

  test "one-way deafness is said in a sentence that has both names" do
    map = map(three([[@b, @c], [@c], [@a, @b]]))

    assert [%{kind: :one_way, nodes: [@b, @a], note: false, sentence: sentence}] = map.findings
    assert sentence == "#{@a} hears #{@b}, and #{@b} does not hear #{@a}"
  end

  test "a node that was heard and is not any more is not heard, and it is said since when" do
    old = peer(@a, %{"heard_ms" => 780_000})
    assert [sentence] = sentences(map(three([[@b, @c], [old, @c], [@a, @b]])))
    assert sentence == "#{@a} hears #{@b}, and #{@b} does not hear #{@a} any more, since 13 min"
  end

  test "a heartbeat that is late by less than six pauses blames nobody" do
    late = peer(@a, %{"heard_ms" => 30_000})
    assert sentences(map(three([[@b, @c], [late, @c], [@a, @b]]))) == []
    [a, b, c] = three([[@b, @c], [peer(@a, %{"heard_ms" => 200_000}), @c], [@a, @b]])
    slow = put_in(b.answer["interval_ms"], 40_000)
    assert sentences(map([a, slow, c])) == []
  end

  test "two nodes that do not hear each other are found once" do
    assert sentences(map(three([[@c], [@c], [@a, @b]]))) ==
             ["#{@a} and #{@b} do not hear each other"]
  end

  test "of three, a node that hears nobody, or that nobody hears, is named once" do
    assert sentences(map(three([[@b, @c], [], [@a, @b]]))) ==
             ["#{@b} hears nobody, and is heard by others"]

    assert sentences(map(three([[@c], [@a, @c], [@a]]))) ==
             ["nobody hears #{@b}, and it hears others"]

    assert sentences(map(three([[@c], [], [@a]]))) == ["#{@b} hears nobody, and nobody hears it"]
  end

  test "a loss of 5 % or more is told with its numbers, and not of fewer than 20 heartbeats" do
    lossy = &peer(@a, %{"loss" => &1, "received" => &2, "missing" => &3})

    assert [%{kind: :lossy, nodes: [@b, @a], sentence: sentence}] =
             map(three([[@b, @c], [lossy.(30.0, 140, 60), @c], [@a, @b]])).findings

    assert sentence ==
             "#{@b} hears #{@a} with 30 % loss (60 of 200 heartbeats did not come, on eth0)"

    for few <- [lossy.(4.9, 190, 10), lossy.(50.0, 5, 5), peer(@a, %{"loss" => nil})] do
      assert sentences(map(three([[@b, @c], [few, @c], [@a, @b]]))) == []
    end
  end

  # Of these pairs so many percent of the heartbeats are lost.
  defp lossy(count, loss) do
    for %{name: name, answer: answer} = reply <- healthy(count) do
      hears =
        for %{"name" => other} = peer <- answer["hears"] do
          percent = loss.(name, other)

          Map.merge(peer, %{
            "loss" => percent,
            "missing" => 2 * percent,
            "received" => 200 - 2 * percent
          })
        end

      %{reply | answer: %{answer | "hears" => hears}}
    end
  end

  test "where most links of a node lose heartbeats, that is said once and not of each link" do
    heard =
      map(
        lossy(5, fn name, other -> if(other == "n002@h" and name != "n005@h", do: 30, else: 0) end)
      )

    assert [%{kind: :lossy, nodes: ["n002@h"], sentence: sentence}] = heard.findings
    assert sentence == "n002@h is heard with loss by 3 of 4 nodes, 30 %"

    hearer =
      map(
        lossy(5, fn
          "n002@h", other -> if(other == "n001@h", do: 5, else: 40)
          _, _ -> 0
        end)
      )

    assert sentences(hearer) == ["n002@h hears 4 of 4 nodes with loss, 5 to 40 %"]

    all = map(lossy(200, fn _, _ -> 30 end))
    assert [%{kind: :lossy, nodes: names, sentence: sentence}] = all.findings
    assert length(names) == 200
    assert sentence == "most links lose heartbeats: 39800 of 39800, 30 %"
  end

  test "of links that have nothing in common the worst comes first" do
    links = %{{"n001@h", "n002@h"} => 10, {"n003@h", "n004@h"} => 70, {"n004@h", "n003@h"} => 20}
    map = map(lossy(5, &Map.get(links, {&1, &2}, 0)))

    assert [["n003@h", "n004@h"], ["n004@h", "n003@h"], ["n001@h", "n002@h"]] ==
             Enum.map(map.findings, & &1.nodes)
  end

  test "a stock node is a note, whom it hears is not known, and who does not hear it is told" do
    answers =
      for %{name: name} = reply <- three([[@b, @c], [@a], [@a, @b]]), name != @c, do: reply

    map = map(answers ++ [reply(@c, :stock_or_none)])

    assert [
             %{kind: :not_heard, nodes: [@b, @c], sentence: sentence},
             %{kind: :stock_or_none, nodes: [@c], note: true, sentence: note}
           ] = map.findings

    assert sentence == "#{@b} does not hear #{@c}, which others hear"

    assert note ==
             "#{@c} has no native_gossip (the stock strategy, or none): whom it hears is not known"

    # It may send nothing: then nobody is deaf.
    silent = [answer(@a, [peer(@b)], %{"connected" => [@b, @c]}), answer(@b, [peer(@a)])]
    assert kinds(map(silent ++ [reply(@c, :stock_or_none)])) == [:stock_or_none]
    assert ClusterMap.complete?(map)
  end

  test "an older version and a node without the topology are notes with what they have" do
    other = answer(@c, [], %{"runs" => false, "topologies" => ["wan"]})
    map = map([answer(@a, []), reply(@b, :older, version: "0.0.9"), other])

    assert Enum.map(map.findings, &{&1.kind, &1.note}) == [older: true, no_topology: true]
    assert [older, other] = sentences(map)
    assert older =~ "has version 0.0.9 of native_gossip"
    assert other =~ "does not run the topology (those that run there are: wan)"
  end

  test "who does not answer is the first finding, and the map is not complete" do
    answers =
      for %{name: name} = reply <- three([[@b, @c], [@a], [@a, @b]]), name != @c, do: reply

    map = map(answers ++ [reply(@c, :no_answer)])
    refute ClusterMap.complete?(map)
    assert [%{kind: :no_answer, nodes: [@c]}, %{kind: :not_heard}] = map.findings
    assert hd(sentences(map)) =~ "#{@c} is connected and did not answer within 6.0 s"

    failed = map([answer(@a, []), reply(@b, :failed, reason: "it has no time")])
    refute ClusterMap.complete?(failed)
    assert sentences(failed) == ["#{@b} could not say whom it hears: it has no time"]

    loop = map([answer(@a, []), answer(@b, [], %{"failure" => "its loop does not answer"})])
    assert status(loop, @b) == :failed
    assert [%{kind: :failed}] = loop.findings
  end

  test "a node that is heard and not connected is told with the state of its connection" do
    down = %{"state" => "backing_off", "failures" => 2, "cause" => "epmd_filtered"}
    map = map([answer(@a, [peer(@b, down)], %{"connected" => []})])
    assert status(map, @b) == :not_asked

    assert sentences(map) == [
             "#{@a} hears #{@b} and is not connected to it (2 attempts failed: epmd_filtered)"
           ]

    for leaving <- ["left", "leaving"] do
      leaves = answer(@a, [peer(@b, %{"state" => leaving})], %{"connected" => []})
      assert sentences(map([leaves])) == []
    end

    # Heard by another node than the one that asked.
    answers = [answer(@a, [peer(@b)]), answer(@b, [peer(@a), peer(@c)])]

    assert sentences(map(answers)) == [
             "#{@a} does not hear #{@c}, which others hear",
             "#{@c} is heard by #{@b}, and not connected to #{@a}: whom it hears is not known"
           ]
  end

  test "names that are made up, heard by all and connected to nobody are told in one sentence" do
    forged = for number <- 1..900, do: peer("forged#{number}@h", %{"state" => "down"})

    replies =
      for %{answer: answer} = reply <- healthy(20),
          do: %{reply | answer: Map.update!(answer, "hears", &(&1 ++ forged))}

    assert [%{kind: :not_connected, nodes: names, sentence: sentence}] = map(replies).findings
    assert length(names) == 920

    assert sentence ==
             "n001@h, n002@h, n003@h and 17 more hear forged100@h, forged101@h, forged102@h and 897 more and are not " <>
               "connected to them"
  end

  test "a node to which only others are connected is told, and a console of theirs is not" do
    more = %{"connected" => [@a, @c], "hidden" => ["rpc@h"]}
    map = map([answer(@a, [peer(@b)]), answer(@b, [peer(@a)], more)])
    assert [sentence] = sentences(map)

    assert sentence ==
             "#{@c} is connected to #{@b}, and not connected to #{@a}: whom it hears is not known"

    assert Enum.map(map.nodes, &{&1.name, &1.connected}) == [
             {@a, [@b]},
             {@b, [@a, @c]},
             {@c, nil}
           ]

    # A hidden node that is heard has a strategy.
    hidden = %{"connected" => [], "hidden" => [@b, "rpc@h"]}
    assert sentences(map([answer(@a, [peer(@b)], hidden), answer(@b, [peer(@a)])])) == []
  end

  test "a node that is drained is not missed" do
    [a, b, c] = three([[@b], [@a], [@a, @b]])
    drained = put_in(c.answer["draining"], true)
    assert sentences(map([a, b, drained])) == []
  end

  test "who is heard no more and connected to nobody is gone: one note for all of them" do
    gone = for number <- 1..9, do: peer("pod-#{number}@h", %{"heard_ms" => 7_200_000})

    answers =
      for %{answer: answer} = reply <- three([[@b, @c], [@a, @c], [@a, @b]]), do: {reply, answer}

    replies =
      for {reply, answer} <- answers,
          do: %{reply | answer: Map.update!(answer, "hears", &(&1 ++ gone))}

    map = map(replies)
    assert [%{kind: :gone, note: true, nodes: names, sentence: sentence}] = map.findings
    assert length(names) == 9
    assert sentence =~ "pod-1@h, pod-2@h, pod-3@h and 6 more were heard earlier"

    # Connected still: it is deafness.
    connected = answer(@a, gone, %{"connected" => ["pod-1@h"]})
    assert status(map([connected]), "pod-1@h") == :not_asked
  end

  test "where one of two says that they are connected, that is told" do
    [a, b, c] = three([[@b, @c], [@a, @c], [@a, @b]])
    half = put_in(b.answer["connected"], [@c])
    assert [:not_connected, :half_connected] = kinds(map([a, half, c]))

    assert List.last(sentences(map([a, half, c]))) =~
             "#{@a} says that it is connected to #{@b}, and"
  end

  test "the faults that a node tells are findings in its own words" do
    [a, b, c] = three([[@b, @c], [@a, @c], [@a, @b]])
    faulty = put_in(b.answer["faults"], ["cannot join\e[31m 233.252.1.32"])
    assert sentences(map([a, faulty, c])) == ["#{@b} says: cannot join\\x{1B}[31m 233.252.1.32"]
  end

  test "what a node refuses is a note, and so is that there is no other node" do
    alone = answer(@a, [], %{"refused" => ["16 packets as undecryptable, the last from b\e"]})

    assert sentences(map([alone])) == [
             "#{@a} refuses packets: 16 packets as undecryptable, the last from b\\x{1B}",
             "#{@a} hears no other node"
           ]

    assert Enum.all?(map([alone]).findings, & &1.note)
    [a, b, c] = three([[@b, @c], [@a, @c], [@a, @b]])
    assert sentences(map([a, b, c])) == []
  end

  test "a cluster of 200 in two halves has a sentence for each node at most" do
    half = &(&1["name"] < "n101@h")

    replies =
      for %{name: name, answer: answer} = reply <- healthy(200) do
        hears = Enum.filter(answer["hears"], &(half.(&1) == name < "n101@h"))
        %{reply | answer: %{answer | "hears" => hears}}
      end

    map = map(replies)
    assert length(map.findings) == 100
    assert Enum.all?(map.findings, &(&1.kind == :apart))

    assert hd(sentences(map)) ==
             "n001@h does not hear n101@h, n102@h, n103@h and 97 more, and they do not hear it"
  end
end
