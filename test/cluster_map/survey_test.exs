defmodule NativeGossip.ClusterMap.SurveyTest do
  @moduledoc "What is asked, what is read of an answer, and what is refused."
  use ExUnit.Case

  import NativeGossip.Test.Answers

  alias NativeGossip.ClusterMap
  alias NativeGossip.ClusterMap.{Answer, Survey}
  alias NativeGossip.Dev.FreePort
  alias NativeGossip.Test.Topology

  defp start(topologies) do
    for {name, place} <- Enum.with_index(topologies) do
      spec = Topology.spec(FreePort.udp(), secret: "hunter2")
      start_supervised!({Cluster.Supervisor, [[{name, spec}]]}, id: {name, place})
    end
  end

  test "all are asked at once, and never for longer than the timeout" do
    ask = fn
      :a@h -> %{outcome: :answered, answer: %{}}
      _node -> Process.sleep(:infinity)
    end

    nodes = [:a@h | for(number <- 1..50, do: :"n#{number}@h")]
    {us, replies} = :timer.tc(fn -> Survey.ask_all(nodes, ask, 500) end)
    assert us < 5_000_000
    assert [%{name: "a@h", outcome: :answered} | silent] = replies
    assert length(silent) == 50
    assert Enum.all?(silent, &(&1.outcome == :no_answer and &1.answer == nil))
    assert Process.info(self(), :messages) == {:messages, []}
  end

  test "a hidden node is a tool, unless it runs the topology or is heard" do
    tools = [reply("rpc@h", :stock_or_none), answer("console@h", [], %{"runs" => false})]
    asked = [answer("a@h", [peer("heard@h")]), reply("heard@h", :no_answer), answer("b@h", [])]
    hidden = ["rpc@h", "console@h", "heard@h", "b@h"]
    assert Survey.without_tools(asked ++ tools, hidden) == asked
    assert Survey.without_tools(tools, []) == tools
  end

  @tag :capture_log
  test "this node answers for itself, in maps, strings and numbers alone" do
    start([:lan, :lan, :wan])
    assert %{replies: [%{outcome: :answered, answer: answer}]} = Survey.take(:lan, 5_000)
    assert plain?(answer)
    assert %{runs: true, topologies: ["lan", "wan"], failure: nil} = Answer.read(answer)
    assert %{interval_ms: ms, hears: []} = Answer.read(answer)
    assert is_integer(ms)
    assert %{"runs" => false, "hears" => []} = Answer.give(:nowhere)
  end

  defp plain?(map) when is_map(map),
    do: Enum.all?(map, fn {key, value} -> is_binary(key) and plain?(value) end)

  defp plain?(list) when is_list(list), do: Enum.all?(list, &plain?/1)
  defp plain?(value), do: is_binary(value) or is_number(value) or is_boolean(value)

  @tag :capture_log
  test "a topology that does not run is refused with those that do, and options with what is expected" do
    start([:lan])
    assert %ClusterMap{topology: "lan", findings: [%{kind: :alone}]} = NativeGossip.map(:lan)

    for unknown <- [:lann, "lan", nil] do
      assert_raise ArgumentError, ~r/Those that run are: :lan\./, fn ->
        NativeGossip.map(unknown)
      end
    end

    for wrong <- [[timeot: 1], :timeout, [1]] do
      assert_raise ArgumentError, ~r/expected none but :timeout/, fn ->
        NativeGossip.map(:lan, wrong)
      end
    end

    for wrong <- [0, 499, 600_001, :infinity, "1", nil] do
      assert_raise ArgumentError, ~r/from 500 to 600000, got: /, fn ->
        NativeGossip.map(:lan, timeout: wrong)
      end
    end
  end

  test "an answer of another version is read as far as it is understood" do
    newer = %{
      "version" => "9.0.0",
      "runs" => true,
      "moon" => :full,
      "connected" => ["b@h", :c@h, 7],
      "topologies" => :all,
      "interval_ms" => -1,
      "faults" => ["one", %{}],
      "omitted" => "many",
      "hears" => [
        %{"name" => "b@h", "loss" => "none", "heard_ms" => 1.5, "phase" => 1},
        %{"loss" => 1},
        7
      ]
    }

    assert %{version: "9.0.0", connected: ["b@h"], topologies: [], faults: ["one"]} =
             answer = Answer.read(newer)

    assert %{interval_ms: nil, omitted: 0, failure: nil} = answer
    assert [%{name: "b@h", loss: nil, heard_ms: nil, state: nil}] = answer.hears

    for wrong <- [nil, :ok, [], "answer", 7] do
      assert %{failure: "its answer cannot be read", hears: []} = Answer.read(wrong)
    end

    for wrong <- [[1 | 2], %{}, nil], do: assert(%{hears: []} = Answer.read(%{"hears" => wrong}))
  end

  test "of an answer no more is kept than its bounds say" do
    many = for number <- 1..2_000, do: peer("n#{number}@h")
    faults = List.duplicate(String.duplicate("x", 1_000), 100)
    answer = Answer.read(%{"hears" => many, "faults" => faults})
    assert length(answer.hears) == 1_024
    assert length(answer.faults) == 16
    assert Enum.all?(answer.faults, &(String.length(&1) == 300))
  end

  test "an outcome that only a newer version knows is a failure" do
    assert [%{status: :failed}] = map([reply("a@h", :asleep)]).nodes
  end
end
