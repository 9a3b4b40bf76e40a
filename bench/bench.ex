defmodule NativeGossip.Bench do
  @moduledoc """
  What `bin/bench` runs: the list of all benchmarks, and what they are called with.

  A benchmark is a module that says what it is (`c:about/0`) and returns tables (`c:run/1`). Each figure in them is
  compared with something that was measured in the same run.
  """
  alias NativeGossip.Bench
  alias NativeGossip.Bench.{Plots, Table}

  @benchmarks [
    Bench.Heartbeats,
    Bench.Peers,
    Bench.Loss,
    Bench.Refused,
    Bench.Formation,
    Bench.Newcomer,
    Bench.Flood,
    Bench.Snapshots,
    Bench.Beam,
    Bench.Idle,
    Bench.Latency,
    Bench.Interfaces,
    Bench.Start,
    Bench.Discovery
  ]

  @typedoc """
  An argument is a positive integer. One whose default is a list takes all numbers that are left.

  `examples` are the programs in `native/*/examples` that it needs. One that needs `root` is left out of a run of
  all where it has not got it.
  """
  @type about :: %{
          :name => String.t(),
          :text => String.t(),
          :arguments => [{atom, pos_integer | [pos_integer]}],
          :examples => [String.t()],
          optional(:root) => true
        }

  @type arguments :: %{atom => pos_integer | [pos_integer]}

  @doc "What it is called, what it measures in one sentence, and its arguments with their defaults."
  @callback about :: about

  @doc "Measures. What it says meanwhile goes through `progress/1`."
  @callback run(arguments) :: Table.t() | [Table.t()]

  @doc "All benchmarks, in the order in which they run."
  @spec all :: [module, ...]
  def all, do: @benchmarks

  @doc """
  Runs one benchmark, or all of them with their defaults, and prints their tables.

  `--write` writes them as JSON too, and `plots` makes pictures of what was written.
  """
  @spec main([String.t()]) :: :ok
  def main(argv) do
    case parse(argv) do
      :help ->
        IO.puts(usage())

      :plots ->
        Plots.draw()

      {:run, runs, write?} ->
        runs |> Enum.flat_map(fn {module, _} -> module.about().examples end) |> build()
        Enum.each(runs, fn {module, arguments} -> measure(module, arguments, write?) end)

      {:wrong, what} ->
        IO.puts(:stderr, "bin/bench: #{what}\n\n#{usage()}")
        System.halt(2)
    end
  end

  @doc "What a command line asks for."
  @spec parse([String.t()]) ::
          :help | :plots | {:run, [{module, arguments}], write? :: boolean} | {:wrong, String.t()}
  def parse(argv) do
    {flags, words} = Enum.split_with(argv, &String.starts_with?(&1, "-"))

    cond do
      Enum.any?(flags, &(&1 in ["-h", "--help"])) -> :help
      unknown = Enum.find(flags, &(&1 != "--write")) -> {:wrong, "what is #{unknown}?"}
      words == ["plots"] -> :plots
      true -> parse_words(words, flags != [])
    end
  end

  defp parse_words([], write?) do
    {:run, for(module <- all(), may_run?(module), do: {module, defaults(module)}), write?}
  end

  defp parse_words([name | words], write?) do
    with {:ok, module} <- find(name),
         {:ok, numbers} <- numbers(words),
         {:ok, arguments} <- arguments(module.about(), numbers) do
      {:run, [{module, arguments}], write?}
    end
  end

  defp defaults(module), do: Map.new(module.about().arguments)

  defp may_run?(module) do
    may? = not Map.has_key?(module.about(), :root) or System.cmd("id", ["-u"]) == {"0\n", 0}
    unless may?, do: progress("#{module.about().name} is left out: it needs root")
    may?
  end

  defp find(name) do
    case Enum.find(all(), &(&1.about().name == name)) do
      nil -> {:wrong, "what is #{name}?"}
      module -> {:ok, module}
    end
  end

  defp numbers(words) do
    case Enum.find(words, &(not (&1 =~ ~r/\A[1-9][0-9]*\z/))) do
      nil -> {:ok, Enum.map(words, &String.to_integer/1)}
      word -> {:wrong, "what is #{word}?"}
    end
  end

  defp arguments(about, numbers) do
    {arguments, rest} =
      Enum.map_reduce(about.arguments, numbers, fn
        {key, default}, [] -> {{key, default}, []}
        {key, default}, rest when is_list(default) -> {{key, rest}, []}
        {key, _default}, [number | rest] -> {{key, number}, rest}
      end)

    if rest == [],
      do: {:ok, Map.new(arguments)},
      else: {:wrong, "#{about.name} takes at most #{length(about.arguments)} numbers"}
  end

  @doc "How it is called."
  @spec usage :: String.t()
  def usage do
    """
    bin/bench [--write] [NAME [NUMBER...]]

    Measures on the loopback, and prints tables: one benchmark, or all of them.
    With --write also to docs/performance/, of which `bin/bench plots` makes pictures.

    #{Enum.map_join(all(), "\n", &usage(&1.about()))}
    """
  end

  defp usage(about), do: "  #{words(about)}\n      #{about.text}"

  defp words(about),
    do:
      about.name <>
        Enum.map_join(about.arguments, fn {key, default} -> argument(key, default) end)

  defp argument(key, default) when is_list(default),
    do: " [#{String.upcase("#{key}")}... (#{Enum.join(default, " ")})]"

  defp argument(key, default), do: " [#{String.upcase("#{key}")} (#{default})]"

  @doc "All benchmarks as docs/performance.md shows them."
  @spec table :: String.t()
  def table do
    rows =
      for module <- all(),
          about = module.about(),
          do: "| `bin/bench #{words(about)}` | #{about.text} |\n"

    "| command | what it measures |\n|---|---|\n#{rows}"
  end

  @doc "The command that runs a benchmark with these arguments."
  @spec command(about, arguments) :: String.t()
  def command(about, arguments) do
    numbers = for {key, _} <- about.arguments, do: arguments |> Map.fetch!(key) |> List.wrap()
    path = if stock?(), do: ["LIBCLUSTER_PATH=../libcluster"], else: []
    Enum.join(path ++ ["bin/bench", about.name | List.flatten(numbers)], " ")
  end

  @doc "True where the stock strategy is there: with `LIBCLUSTER_PATH`, or libcluster from Hex."
  @spec stock? :: boolean
  def stock?, do: Code.ensure_loaded?(Cluster.Strategy.Gossip)

  @doc "Tells whoever waits what is being measured."
  @spec progress(String.t()) :: :ok
  def progress(text), do: IO.puts(:stderr, "bin/bench: #{text}")

  defp build(examples) do
    chosen = examples |> Enum.uniq() |> Enum.flat_map(&["--example", &1])

    build = ~w(build --quiet --release --locked --workspace) ++ chosen
    _ = if chosen != [], do: {_, 0} = System.cmd("cargo", build, into: IO.stream(:stdio, :line))
    :ok
  end

  defp measure(module, arguments, write?) do
    about = module.about()
    progress(about.name)

    for table <- arguments |> module.run() |> List.wrap() do
      table = %{table | command: command(about, arguments)}
      IO.puts(Table.text(table))
      if write?, do: IO.puts("written to #{Table.write(table)}\n")
    end
  end
end
