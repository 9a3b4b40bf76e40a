defmodule NativeGossip.Events do
  # Each kind of fault has some of these.
  @of_faults ~w(step address group interface wanted reason target failing missing of some code text)a

  # The one table of events. An event is `{name, fields}`; `sentence/2` below says it to a person.
  # What a field is stands in `NativeGossip.Events.Fields`.
  @table [
    heartbeat_sent: [
      level: :debug,
      telemetry: [:heartbeat, :sent],
      doc: "a heartbeat was sent; only with libcluster's `debug` flag"
    ],
    heartbeat_received: [
      level: :debug,
      fields: ~w(node source interface taken lost)a,
      telemetry: [:heartbeat, :received],
      doc: "another node's heartbeat came; only with libcluster's `debug` flag"
    ],
    packets_refused: [
      level: :warning,
      fields: ~w(cause packets source interface)a,
      telemetry: [:packets, :refused],
      doc: "packets were not taken, all for one cause"
    ],
    group_joined: [
      level: :info,
      fields: ~w(group interface heartbeat_form)a,
      telemetry: [:group, :joined],
      doc:
        "the group is heard on an interface; where it comes and goes, when that has lasted for a while"
    ],
    broadcast_chosen: [
      level: :info,
      fields: ~w(target heartbeat_form)a,
      telemetry: [:broadcast, :chosen],
      doc: "heartbeats go to a broadcast address, and no group is joined"
    ],
    group_left: [
      level: :info,
      fields: ~w(group interface)a,
      telemetry: [:group, :left],
      doc:
        "the group is not heard on an interface any more, which has gone or changed, or where it cannot be " <>
          "rejoined"
    ],
    peers_silent: [
      level: :info,
      fields: ~w(group interface)a,
      telemetry: [:group, :peers_silent],
      doc: "connected nodes are not heard on an interface any more: the group is rejoined"
    ],
    peer_connected: [
      level: :info,
      fields: ~w(node)a,
      telemetry: [:peer, :connected],
      doc:
        "a node is connected that was not; more and more rarely where its connections end all day"
    ],
    peer_unreachable: [
      level: :warning,
      fields: ~w(node)a,
      telemetry: [:peer, :unreachable],
      doc: "a node that is heard cannot be connected to"
    ],
    connect_failed: [
      level: :warning,
      telemetry: [:connect, :failed],
      fields: ~w(node probe)a,
      doc: "why it cannot, as a probe found out (option `probe`); again when the cause changes"
    ],
    clock_off: [
      level: :warning,
      fields: ~w(node off_ms)a,
      telemetry: [:clock, :off],
      doc:
        "a node's clock is wrong, or this one's; its heartbeats proved to be new, and are taken"
    ],
    unproven: [
      level: :warning,
      fields: ~w(node off_ms)a,
      telemetry: [:clock, :unproven],
      doc:
        "the same, and the heartbeat may be recorded: it was taken as option `authentication` is " <>
          "`:compatible`"
    ],
    clock_moved: [
      level: :warning,
      fields: ~w(node by_ms off_ms)a,
      telemetry: [:clock, :moved],
      doc: "the clock of a node that is known was set"
    ],
    clock_stepped: [
      level: :info,
      fields: ~w(by_ms)a,
      telemetry: [:clock, :stepped],
      doc: "the clock of this host was set"
    ],
    name_shared: [
      level: :warning,
      fields: ~w(node)a,
      telemetry: [:name, :shared],
      doc: "two BEAMs have one name, which may be this node's"
    ],
    fault_raised: [
      level: :warning,
      fields: [:fault],
      may_have: @of_faults,
      telemetry: [:fault, :raised],
      doc: "something does not work, and is tried again"
    ],
    fault_cleared: [
      level: :info,
      fields: [:fault],
      may_have: @of_faults,
      telemetry: [:fault, :cleared],
      doc: "what did not work does; where it comes and goes, when that has lasted for a while"
    ],
    node_unnamed: [
      level: :warning,
      fields: ~w(node)a,
      telemetry: [:node, :unnamed],
      doc: "this node has no name, some seconds after the start"
    ],
    node_stopped: [
      level: :warning,
      fields: ~w(node)a,
      telemetry: [:node, :stopped],
      doc: "this node has lost its name"
    ],
    node_named: [
      level: :info,
      fields: ~w(node)a,
      telemetry: [:node, :named],
      doc: "this node, which had no name, has one"
    ],
    node_drained: [
      level: :info,
      telemetry: [:node, :drained],
      doc: "`NativeGossip.drain/1` was called: this node says that it leaves, then nothing more"
    ],
    cluster_awaited: [
      level: :warning,
      fields: ~w(awaited outcome connected absent alive waited_ms)a,
      may_have: [:heard],
      telemetry: [:cluster, :awaited],
      doc: "a start has waited for the cluster (`NativeGossip.Await`)"
    ],
    cookie_weak: [
      level: :warning,
      telemetry: [:cookie, :weak],
      doc:
        "the cookie was made by Erlang, so that it can be found by trying, and strangers are heard"
    ],
    schedulers_crowded: [
      level: :warning,
      fields: ~w(loops schedulers)a,
      telemetry: [:schedulers, :crowded],
      doc: "the loops hold all dirty IO schedulers of this BEAM"
    ],
    seed_resolved: [
      level: :info,
      fields: ~w(name addresses)a,
      telemetry: [:seed, :resolved],
      doc: "a name of option `seeds` has other addresses, or can be resolved again"
    ],
    seed_unresolved: [
      level: :warning,
      fields: ~w(name reason)a,
      telemetry: [:seed, :unresolved],
      doc: "a name of option `seeds` cannot be resolved any more"
    ],
    seeds_cut: [
      level: :warning,
      fields: ~w(max)a,
      telemetry: [:seeds, :cut],
      doc: "the names of option `seeds` have more addresses than are sent to"
    ],
    option_warning: [
      level: :warning,
      fields: [:warning],
      may_have: [:address, :group],
      telemetry: [:option, :warning],
      doc: "options are allowed together that may surprise"
    ]
  ]

  row = fn {name, row} -> "| `#{name}` | #{row[:level]} | #{row[:doc]} |\n" end

  @moduledoc """
  What happens, told to people. Whoever finds something out makes an event, `{name, fields}`: the Rust half
  and the modules beside this one. Each is emitted as telemetry (`NativeGossip.Telemetry`), and the log is one
  handler of it (`NativeGossip.Events.Log`). Level, sentence and fields stand here; the sentences of which there
  are many kinds in modules below this one, as `NativeGossip.Events.Fault` and `NativeGossip.Events.Refusal`.

  | event | level | meaning |
  |---|---|---|
  #{Enum.map(@table, row)}
  Packets refused as `cluster`, `filtered`, `over_limit` or `doctor` are told at the level of information, and so are a
  clock that was set to the right time, and a cluster that was awaited and is there.
  """

  import NativeGossip.Events.Words

  alias NativeGossip.Events.{Awaited, Fault, Fields, OptionWarning, Refusal, Seeds, ThisNode}
  alias NativeGossip.Probe.Explanation

  @type name :: atom
  @type t :: {name, fields :: %{optional(atom) => term}}
  @type level :: :debug | :info | :warning

  # In ms. A clock that is off by no more is right: `FRESH` in native/core/src/trust/clocks.rs.
  @right 60_000

  @doc "Emits an event of a topology: its handlers, of which the log is one, run in the calling process."
  @spec emit(topology :: atom, t) :: :ok
  def emit(topology, {name, fields}) do
    {measurements, metadata} = Fields.split(fields)
    :telemetry.execute(telemetry(name), measurements, Map.put(metadata, :topology, topology))
  end

  @doc "The names of all events."
  @spec names() :: [name]
  def names, do: Keyword.keys(@table)

  @doc "The causes of a refusal that have a sentence."
  @spec refusals() :: [atom]
  defdelegate refusals, to: Refusal, as: :causes

  @doc "The level at which an event is logged."
  @spec level(name, fields :: map) :: level
  def level(:packets_refused, %{cause: cause}), do: Refusal.level(cause)
  def level(:clock_moved, %{off_ms: off_ms}) when abs(off_ms) <= @right, do: :info
  def level(:cluster_awaited, %{outcome: :ok}), do: :info
  def level(name, _fields), do: @table[name][:level]

  @doc """
  The name of the telemetry event.

      iex> NativeGossip.Events.telemetry(:group_joined)
      [:native_gossip, :group, :joined]
  """
  @spec telemetry(name) :: [atom, ...]
  def telemetry(name), do: [:native_gossip | Keyword.fetch!(@table, name)[:telemetry]]

  @doc "What an event brings along: what each one of this name has, and what it may have."
  @spec fields(name) :: {[atom], [atom]}
  def fields(name), do: {@table[name][:fields] || [], @table[name][:may_have] || []}

  @doc "When an event comes."
  @spec meaning(name) :: String.t()
  def meaning(name), do: @table[name][:doc]

  @doc """
  The event in a sentence for a person, with what to do where something is to be done.

      iex> eth0 = %{name: "eth0", index: 2, address: {10, 0, 0, 5}}
      iex> fields = %{group: {233, 252, 1, 32}, interface: eth0, heartbeat_form: :sealed}
      iex> NativeGossip.Events.sentence(:group_joined, fields)
      "joined 233.252.1.32 on eth0 (10.0.0.5), heartbeats sealed and signed"
  """
  @spec sentence(name, fields :: map) :: String.t()
  def sentence(:heartbeat_sent, _), do: "heartbeat"

  # Up to the name of the node it is the stock strategy's line.
  def sentence(:heartbeat_received, %{node: node, interface: interface}),
    do: "received heartbeat from #{node}#{on(interface)}"

  def sentence(:packets_refused, %{cause: cause, packets: packets, source: source} = fields) do
    "packets refused as #{cause}: #{packets}, the last one from #{socket_address(source)}" <>
      "#{on(fields.interface)}; #{Refusal.meaning(cause)}"
  end

  def sentence(:group_joined, %{group: group, interface: interface, heartbeat_form: form}),
    do: "joined #{address(group)} on #{interface(interface)}, heartbeats #{form(form)}"

  def sentence(:broadcast_chosen, %{target: target, heartbeat_form: form}),
    do: "sending to #{socket_address(target)} by broadcast, heartbeats #{form(form)}"

  def sentence(:group_left, %{group: group, interface: interface}),
    do: "left #{address(group)} on #{interface(interface)}"

  def sentence(:peers_silent, %{group: group, interface: interface}) do
    "connected nodes are not heard any more by #{address(group)} on #{interface(interface)}; " <>
      "the group is rejoined. A switch that forgets its members may need a querier (IGMP or MLD)"
  end

  # The stock strategy's lines.
  def sentence(:peer_connected, %{node: node}), do: "connected to #{node_name(node)}"

  def sentence(:peer_unreachable, %{node: node}) do
    "unable to connect to #{node_name(node)}; trying again while it is heard. Both nodes need the same " <>
      "cookie, and this one has to reach the other's name, its epmd and its distribution port"
  end

  def sentence(:connect_failed, %{node: node, probe: probe}) do
    "no connection to #{inspect(node)} (#{probe.cause}): #{Explanation.sentence(probe)}"
  end

  def sentence(:clock_off, %{node: node, off_ms: off}) do
    "the clock of #{node_name(node)} is #{off(off)}; its heartbeats are taken, as they answer this " <>
      "node's. Set the wrong one of both clocks (NTP)"
  end

  def sentence(:unproven, %{node: node, off_ms: off}) do
    "the clock of #{node_name(node)} is #{off(off)}, or its heartbeat was recorded; it is taken, as " <>
      "option authentication is :compatible. Set the wrong one of both clocks (NTP); if both are right, " <>
      "somebody sends recorded heartbeats"
  end

  def sentence(:clock_moved, %{node: node, by_ms: by, off_ms: off}) do
    is = if abs(off) <= @right, do: "right", else: off(off)
    "the clock of #{node_name(node)} was set #{moved(by)}; it is #{is} now"
  end

  def sentence(:clock_stepped, %{by_ms: by}) do
    "the clock of this host was set #{moved(by)}; other nodes hear from this one as if it had started now"
  end

  def sentence(:name_shared, %{node: node}) do
    "two BEAMs speak as #{node_name(node)}, and each is taken for the other. Give one of them another name"
  end

  def sentence(:fault_raised, %{fault: _} = fault), do: Fault.raised(fault)
  def sentence(:fault_cleared, %{fault: _} = fault), do: Fault.cleared(fault)

  def sentence(name, fields)
      when name in [:node_unnamed, :node_stopped, :node_named, :node_drained],
      do: ThisNode.sentence(name, fields)

  def sentence(:cluster_awaited, seen), do: Awaited.sentence(seen)

  def sentence(:cookie_weak, _) do
    "the cookie of this node was made by Erlang and has 36 bits: whoever forges a heartbeat can find it by " <>
      "trying. Give all nodes one of your own, as of openssl rand -hex 32, or set authentication: :required"
  end

  def sentence(:schedulers_crowded, %{loops: loops, schedulers: schedulers}) do
    "#{loops} loops hold all #{schedulers} dirty IO schedulers of this BEAM, and files wait for them: " <>
      "start it with +SDio #{loops + 8}"
  end

  def sentence(name, fields) when name in [:seed_resolved, :seed_unresolved, :seeds_cut],
    do: Seeds.sentence(name, fields)

  def sentence(:option_warning, %{warning: _} = warning), do: OptionWarning.sentence(warning)
end
