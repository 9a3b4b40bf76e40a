defmodule NativeGossip.BenchTest do
  use ExUnit.Case, async: true

  alias NativeGossip.Bench
  alias NativeGossip.Bench.{Machine, Table}

  doctest NativeGossip.Bench.Table

  @table %Table{
    name: "test",
    title: "A table",
    note: "A note.",
    command: "bin/bench test",
    columns: [name: "who", time: "ms", share: "of all"],
    rows: [
      %{name: "ours", time: %{runs: [3.0, 1.0, 2.0]}, share: 0.25},
      %{name: "theirs", time: nil}
    ]
  }

  test "each benchmark says what it is, by a name of its own" do
    names = for module <- Bench.all(), do: module.about().name
    assert names == Enum.uniq(names)

    for module <- Bench.all(),
        %{text: text, arguments: arguments, examples: examples} = module.about() do
      assert Bench.usage() =~ text
      assert Keyword.keyword?(arguments)
      for name <- examples, do: assert([_] = Path.wildcard("native/*/examples/#{name}.rs"))
    end
  end

  test "docs/performance.md has the table of benchmarks as it is rendered" do
    assert File.read!("docs/performance.md") =~ Bench.table()
  end

  test "each plot is in docs/performance.md, and each file of figures is of a command" do
    paper = File.read!("docs/performance.md")

    for plot <- Path.wildcard("bench/plots/*.gp"),
        do: assert(paper =~ "](performance/#{Path.basename(plot, ".gp")}.svg)")

    for file <- Path.wildcard("docs/performance/*.json"), json = File.read!(file) do
      assert [_, name] = Regex.run(~r/"command":"[^"]*bin\/bench (\w+)/, json)
      assert name in for(module <- Bench.all(), do: module.about().name)
    end
  end

  test "without a name all benchmarks run, with their defaults" do
    assert {:run, runs, false} = Bench.parse([])
    assert Enum.map(runs, &elem(&1, 0)) == Bench.all()
    for {module, arguments} <- runs, do: assert(arguments == Map.new(module.about().arguments))
  end

  test "numbers take the place of defaults, from the left" do
    assert {:run, [{Bench.Heartbeats, %{peers: 100, seconds: 5}}], false} =
             Bench.parse(["heartbeats"])

    assert {:run, [{Bench.Heartbeats, %{peers: 7, seconds: 5}}], true} =
             Bench.parse(["heartbeats", "--write", "7"])

    assert {:run, [{Bench.Formation, %{nodes: [5, 6, 7]}}], false} =
             Bench.parse(~w(formation 5 6 7))
  end

  test "what nobody knows is told, and nothing runs" do
    for {argv, what} <- [
          {["nothing"], "what is nothing?"},
          {["heartbeats", "0"], "what is 0?"},
          {["heartbeats", "1", "many"], "what is many?"},
          {["heartbeats", "1", "2", "3"], "heartbeats takes at most 2 numbers"},
          {["--read"], "what is --read?"},
          {["plots", "1"], "what is plots?"}
        ] do
      assert Bench.parse(argv) == {:wrong, what}
    end
  end

  test "--help and plots are no benchmarks" do
    assert Bench.parse(["heartbeats", "--help"]) == :help
    assert Bench.parse(["plots"]) == :plots
  end

  test "a command has all numbers of its benchmark" do
    assert Bench.command(Bench.Heartbeats.about(), %{peers: 3, seconds: 4}) =~
             ~r"bin/bench heartbeats 3 4$"

    assert Bench.command(Bench.Formation.about(), %{nodes: [10, 30]}) =~
             ~r"bin/bench formation 10 30$"
  end

  test "a table is printed as Markdown, its runs as their median and all of them" do
    assert Table.text(@table) == """

           A table

           | who | ms | of all |
           | --- | --- | --- |
           | ours | 2.00 (1.00 2.00 3.00) | 0.250 |
           | theirs |  |  |

           A note.
           """
  end

  test "a table is JSON with the machine, its command, and a line for each row" do
    json = Table.json(@table, %{cores: 2})
    assert json =~ ~s("machine":{"cores":2},\n)
    assert json =~ ~s("command":"bin/bench test",\n)

    assert json =~
             ~s(\n  {"name":"ours","share":0.25,"time":{"median":2.0,"runs":[3.0,1.0,2.0]}},\n)

    assert json =~ ~s(\n  {"name":"theirs","time":null}\n]}\n)
  end

  @tag :tmp_dir
  test "a table is written to a file of its name", %{tmp_dir: folder} do
    file = Table.write(@table, folder)
    assert file == Path.join(folder, "test.json")
    assert File.read!(file) =~ ~s("otp":"#{System.otp_release()}")
  end

  test "runs of one round are compared with each other" do
    assert Table.ratio(%{runs: [2, 9]}, %{runs: [1, 3]}) == %{runs: [2.0, 3.0]}
  end

  test "a stand-in is nobody's libcluster" do
    assert Machine.facts().libcluster != nil == Bench.stock?()
  end
end
