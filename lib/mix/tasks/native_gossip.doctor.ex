defmodule Mix.Tasks.NativeGossip.Doctor do
  @shortdoc "Says why nodes do not meet"
  @moduledoc """
  Looks from this host at the group of a topology, and says what is wrong: `NativeGossip.Doctor`.

      $ mix native_gossip.doctor
      $ mix native_gossip.doctor --topology lan --seconds 20
      $ mix native_gossip.doctor --port 45892 --multicast-if eth0

  It runs beside the nodes of this host, and starts no application. Without options it takes the only topology of
  `config :libcluster, topologies: …` that has `NativeGossip.Strategy`.

  | option | meaning |
  |---|---|
  | `--topology NAME` | the topology of the configuration |
  | `--port`, `--multicast-addr`, `--multicast-if`, `--if-addr`, `--broadcast-only`, `--secret`, `--cluster`, `--allow` | take the place of what the configuration has; `--multicast-if` and `--allow` may be given again. Others can read a `--secret` in the list of processes |
  | `--seconds N` | how long to listen (6) |
  | `--no-probe` | probes no node |
  | `--to HOST` | asks the doctor at another host, by unicast and by the group |
  | `--answer` | is that doctor: for a minute, or `--seconds` |
  | `--json` | the report as JSON, and nothing else |

  The exit status is 0 where nothing wrong was found, and 1 for a finding.

  In a release there is no Mix: call `NativeGossip.Doctor.run/1` in the remote shell of a node.
  """
  use Mix.Task

  alias NativeGossip.Doctor
  alias NativeGossip.Doctor.Report

  @config [
    port: :integer,
    multicast_addr: :string,
    multicast_if: :keep,
    if_addr: :string,
    broadcast_only: :boolean,
    secret: :string,
    cluster: :string,
    allow: :keep
  ]

  @switches [
              topology: :string,
              seconds: :integer,
              probe: :boolean,
              json: :boolean,
              to: :string,
              answer: :boolean
            ] ++ @config

  @impl true
  def run(arguments) do
    options = parse(arguments)
    configure()
    {:ok, _} = Application.ensure_all_started(:crypto)

    report = options |> asked() |> examine()
    terminal? = IO.ANSI.enabled?()

    IO.puts(if options[:json], do: Report.json(report), else: Report.text(report, terminal?))
    # As Mix has it: the status of the command.
    if report.findings != [], do: exit({:shutdown, 1})
  end

  # With config/runtime.exs, where a secret most often is: it may need what a node has in its environment.
  defp configure do
    Mix.Task.run("app.config")
  rescue
    error in [System.EnvError, ArgumentError, RuntimeError] ->
      Mix.raise(
        "the configuration of this project fails: #{Exception.message(error)}. Set what a node of it has, as in " <>
          "GOSSIP_SECRET=… mix native_gossip.doctor"
      )
  end

  defp parse(arguments) do
    case OptionParser.parse(arguments, strict: @switches) do
      {options, [], []} ->
        options

      {_, [argument | _], _} ->
        Mix.raise("unknown argument #{argument}. #{help()}")

      {_, _, [{option, nil} | _]} ->
        Mix.raise("unknown option #{option}, or it needs a value. #{help()}")

      {_, _, [{option, value} | _]} ->
        Mix.raise("#{option} cannot be #{value}. #{help()}")
    end
  end

  defp help, do: "See mix help native_gossip.doctor"

  defp asked(options) do
    topology = if name = options[:topology], do: String.to_atom(name)

    [
      topology: topology,
      config: config(options),
      seconds: seconds(options[:seconds]),
      probe: Keyword.get(options, :probe, true),
      to: options[:to],
      answer: Keyword.get(options, :answer, false),
      progress: progress(options)
    ]
  end

  defp seconds(nil), do: nil

  # With the name that the option has here.
  defp seconds(seconds) do
    range = Doctor.seconds_range()

    if seconds in range,
      do: seconds,
      else:
        Mix.raise("--seconds cannot be #{seconds}: #{range.first} to #{range.last}. #{help()}")
  end

  # What may be given again is a list, and "all" the word for it.
  defp config(options) do
    for {name, type} <- @config, Keyword.has_key?(options, name) do
      values = Keyword.get_values(options, name)
      {name, if(type == :keep, do: listed(name, values), else: List.last(values))}
    end
  end

  defp listed(:multicast_if, ["all"]), do: :all
  defp listed(_name, values), do: values

  # On a terminal alone, and never among what is read by a program.
  defp progress(options) do
    if IO.ANSI.enabled?() and not Keyword.get(options, :json, false),
      do: &IO.puts(:stderr, IO.ANSI.format([:faint, "… #{&1}"])),
      else: &Function.identity/1
  end

  defp examine(asked) do
    Doctor.run(asked)
  rescue
    error in ArgumentError -> Mix.raise(Exception.message(error))
  end
end
