defmodule NativeGossip.Telemetry do
  alias NativeGossip.Events
  alias NativeGossip.Events.{Fields, Log}

  # The first list is never empty.
  words = fn always, maybe ->
    Enum.map_join(always, ", ", &"`#{&1}`") <> Enum.map_join(maybe, &", `#{&1}`?")
  end

  row = fn name ->
    {always, maybe} = Events.fields(name)
    {measured, told} = Enum.split_with(always, &Fields.measurement?/1)
    {maybe_measured, maybe_told} = Enum.split_with(maybe, &Fields.measurement?/1)

    "| `#{inspect(Events.telemetry(name))}` | #{words.([:count | measured], maybe_measured)} " <>
      "| #{words.([:topology | told], maybe_told)} | #{Events.meaning(name)} |\n"
  end

  meaning = fn {field, meaning} -> "| `#{field}` | #{meaning} |\n" end

  @moduledoc """
  What happens, as events of `:telemetry`.

      :telemetry.attach("my_app.unreachable", [:native_gossip, :peer, :unreachable], &MyApp.page/4, nil)

  Each measurement and each word of metadata stands below; one with a `?` comes where it applies. The same
  events make the log, whose levels are in `NativeGossip.Events`. Beside them, each connection attempt makes an
  event of libcluster: `[:libcluster, :connect_node, :ok]` or `[:libcluster, :connect_node, :error]`.

  | event | measurements | metadata | when |
  |---|---|---|---|
  #{Enum.map(Events.names(), row)}
  ## Measurements

  | measurement | what it is |
  |---|---|
  | `count` | 1 |
  #{Enum.map(Fields.measurements(), meaning)}
  ## Metadata

  Addresses are those of `:inet`: tuples of four or eight integers.

  | metadata | what it is |
  |---|---|
  | `topology` | the name of the topology in the configuration of libcluster |
  #{Enum.map(Fields.metadata(), meaning)}
  ## Handlers

  A handler runs in the process that has found out what happened, most often the one that sends and receives
  heartbeats: one that waits holds them up, and `NativeGossip.status/1` and `NativeGossip.peers/1` refuse to be
  called there. Have it send a message, or count. One that fails is detached by
  `:telemetry`, and harms nothing else.

  The log is a handler, too, attached when the application `native_gossip` starts, or with the first strategy where
  it is not started. `detach_log/0` has your own handler tell what happens in its place:

      # in the module of your application, before Cluster.Supervisor starts
      :ok = NativeGossip.Telemetry.detach_log()
      :ok = :telemetry.attach_many("my_app.gossip", NativeGossip.Telemetry.events(), &MyApp.Gossip.handle/4, nil)

  Heartbeats are events with libcluster's `debug` flag alone: without it none of them reaches the BEAM. What is
  counted of them has no events, and costs nothing: read `NativeGossip.counters/1`.
  """

  @doc """
  The names of all events, in the order of the table.

      iex> [:native_gossip, :peer, :connected] in NativeGossip.Telemetry.events()
      true
  """
  @spec events() :: [[atom, ...]]
  def events, do: Enum.map(Events.names(), &Events.telemetry/1)

  # Words of metadata of which there are few: a name of a node is none, as strangers may make some up.
  @tags [:cause, :fault, :warning, :outcome]

  @doc """
  Metrics of the events for whatever reports `Telemetry.Metrics`, as Phoenix LiveDashboard does:

      # in the module MyAppWeb.Telemetry
      def metrics, do: NativeGossip.Telemetry.metrics() ++ [...]

  For each event of the log there is a counter, as `native_gossip.peer.connected.count`; for packets refused a
  sum, `native_gossip.packets.refused.packets`; for each other measurement that an event always has, the last
  value, as `native_gossip.clock.off.off_ms`. The tags are `topology`, and where they are metadata of the event
  `cause`, `fault`, `warning` and `outcome`. The last values of clocks have the tag `node`, too.

  Raises where the library `telemetry_metrics` is not there.
  """
  @spec metrics() :: [struct, ...]
  def metrics, do: metrics(Telemetry.Metrics)

  # The library is no dependency: it is there where the application has it.
  defp metrics(library) do
    unless Code.ensure_loaded?(library) do
      raise "NativeGossip.Telemetry.metrics/0 makes metrics of the library telemetry_metrics, which is not there. " <>
              ~S(Add {:telemetry_metrics, "~> 1.0"} to the deps of your mix.exs)
    end

    for name <- Events.names(),
        Events.level(name, %{}) != :debug,
        {kind, measurement, tags, options} <- metrics_of(name) do
      metric = Enum.join(Events.telemetry(name) ++ [measurement], ".")
      options = [tags: [:topology | tags], description: Events.meaning(name)] ++ options
      apply(library, kind, [metric, options])
    end
  end

  defp metrics_of(name) do
    {fields, _maybe} = Events.fields(name)
    {measured, told} = Enum.split_with(fields, &Fields.measurement?/1)
    tags = Enum.filter(told, &(&1 in @tags))
    # The clocks of two nodes are two values.
    whose = Enum.filter(told, &(&1 == :node))

    last = fn measurement -> {:last_value, measurement, tags ++ whose, unit(measurement)} end
    sum = fn measurement -> {:sum, measurement, tags, []} end
    values = for m <- measured, do: if(m == :packets, do: sum.(m), else: last.(m))
    [{:counter, :count, tags, []} | values]
  end

  defp unit(measurement) do
    if String.ends_with?(Atom.to_string(measurement), "_ms"), do: [unit: :millisecond], else: []
  end

  @doc "Has the events logged, as is done when the application `native_gossip` starts."
  @spec attach_log() :: :ok
  defdelegate attach_log, to: Log, as: :attach

  @doc "Has the events not logged any more, until `attach_log/0` or another start of the application."
  @spec detach_log() :: :ok
  defdelegate detach_log, to: Log, as: :detach
end
