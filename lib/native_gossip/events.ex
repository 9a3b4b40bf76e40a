defmodule NativeGossip.Events do
  # The one table of events. An event is `{name, fields}`; `sentence/2` below says it to a person.
  @table [
    heartbeat_sent: [
      level: :debug,
      telemetry: [:heartbeat, :sent],
      doc: "a heartbeat was sent; only with libcluster's `debug` flag"
    ],
    heartbeat_received: [
      level: :debug,
      telemetry: [:heartbeat, :received],
      doc: "another node's heartbeat came; only with libcluster's `debug` flag"
    ],
    packets_refused: [
      level: :warning,
      telemetry: [:packets, :refused],
      doc: "packets were not taken, all for one cause"
    ],
    group_joined: [
      level: :info,
      telemetry: [:group, :joined],
      doc: "the group is heard on an interface from now on"
    ],
    broadcast_chosen: [
      level: :info,
      telemetry: [:broadcast, :chosen],
      doc: "heartbeats go to a broadcast address, and no group is joined"
    ],
    group_left: [
      level: :info,
      telemetry: [:group, :left],
      doc: "the group is not heard on an interface any more, which has gone or changed"
    ],
    peers_silent: [
      level: :info,
      telemetry: [:group, :peers_silent],
      doc: "connected nodes are not heard on an interface any more: the group is rejoined"
    ],
    peer_connected: [
      level: :info,
      telemetry: [:peer, :connected],
      doc: "a node is connected that was not"
    ],
    peer_unreachable: [
      level: :warning,
      telemetry: [:peer, :unreachable],
      doc: "a node that is heard cannot be connected to"
    ],
    connect_failed: [
      level: :warning,
      telemetry: [:connect, :failed],
      doc: "why it cannot, as a probe found out (option `probe`); again when the cause changes"
    ],
    clock_off: [
      level: :warning,
      telemetry: [:clock, :off],
      doc:
        "a node's clock is wrong, or this one's; its heartbeats proved to be new, and are taken"
    ],
    unproven: [
      level: :warning,
      telemetry: [:clock, :unproven],
      doc:
        "the same, and the heartbeat may be recorded: it was taken as option `authentication` is " <>
          "`:compatible`"
    ],
    clock_moved: [
      level: :warning,
      telemetry: [:clock, :moved],
      doc: "the clock of a node that is known was set"
    ],
    clock_stepped: [
      level: :info,
      telemetry: [:clock, :stepped],
      doc: "the clock of this host was set"
    ],
    name_shared: [
      level: :warning,
      telemetry: [:name, :shared],
      doc: "two BEAMs have one name, which may be this node's"
    ],
    fault_raised: [
      level: :warning,
      telemetry: [:fault, :raised],
      doc: "something does not work, and is tried again"
    ],
    fault_cleared: [
      level: :info,
      telemetry: [:fault, :cleared],
      doc: "what did not work does"
    ],
    node_unnamed: [
      level: :warning,
      telemetry: [:node, :unnamed],
      doc: "this node has no name, some seconds after the start"
    ],
    node_stopped: [
      level: :warning,
      telemetry: [:node, :stopped],
      doc: "this node has lost its name"
    ],
    node_named: [
      level: :info,
      telemetry: [:node, :named],
      doc: "this node, which had no name, has one"
    ],
    node_drained: [
      level: :info,
      telemetry: [:node, :drained],
      doc: "`NativeGossip.drain/1` was called: this node says that it leaves, then nothing more"
    ],
    cookie_weak: [
      level: :warning,
      telemetry: [:cookie, :weak],
      doc:
        "the cookie was made by Erlang, so that it can be found by trying, and strangers are heard"
    ],
    schedulers_crowded: [
      level: :warning,
      telemetry: [:schedulers, :crowded],
      doc: "the loops hold all dirty IO schedulers of this BEAM"
    ],
    seed_resolved: [
      level: :info,
      telemetry: [:seed, :resolved],
      doc: "a name of option `seeds` has other addresses, or can be resolved again"
    ],
    seed_unresolved: [
      level: :warning,
      telemetry: [:seed, :unresolved],
      doc: "a name of option `seeds` cannot be resolved any more"
    ],
    seeds_cut: [
      level: :warning,
      telemetry: [:seeds, :cut],
      doc: "the names of option `seeds` have more addresses than are sent to"
    ],
    option_warning: [
      level: :warning,
      telemetry: [:option, :warning],
      doc: "options are allowed together that may surprise"
    ]
  ]

  row = fn {name, row} ->
    telemetry = inspect([:native_gossip | row[:telemetry]])
    "| `#{name}` | #{row[:level]} | `#{telemetry}` | #{row[:doc]} |\n"
  end

  @moduledoc """
  What happens, told to people. Whoever finds something out makes an event, `{name, fields}`: the Rust half
  and the modules beside this one. Level, sentence and name for telemetry stand here; the sentences of faults,
  refusals and warnings of options in `NativeGossip.Events.Fault`, `NativeGossip.Events.Refusal` and
  `NativeGossip.Events.OptionWarning`. Telemetry is not emitted yet: its names are kept for it.

  | event | level | telemetry | meaning |
  |---|---|---|---|
  #{Enum.map(@table, row)}
  Packets refused as `cluster`, `filtered` or `over_limit` are told at the level of information, and so is a
  clock that was set to the right time.
  """

  import Cluster.Logger, only: [debug: 2, info: 2, warn: 2]
  import NativeGossip.Events.Words

  alias NativeGossip.Events.{Fault, OptionWarning, Refusal}
  alias NativeGossip.Probe.Explanation

  @type name :: atom
  @type t :: {name, fields :: %{optional(atom) => term}}
  @type level :: :debug | :info | :warning

  # In ms. A clock that is off by no more is right: `trust/mod.rs` calls its stamps fresh.
  @right 60_000

  # Addresses of a seed in one line.
  @shown 8

  @doc "Writes an event to the log, as a line of the topology."
  @spec log(topology :: atom, t) :: :ok
  def log(topology, {name, fields}) do
    sentence = sentence(name, fields)

    case level(name, fields) do
      :debug -> debug(topology, sentence)
      :info -> info(topology, sentence)
      :warning -> warn(topology, sentence)
    end

    :ok
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
  def level(name, _fields), do: @table[name][:level]

  @doc """
  The name of the telemetry event.

      iex> NativeGossip.Events.telemetry(:group_joined)
      [:native_gossip, :group, :joined]
  """
  @spec telemetry(name) :: [atom, ...]
  def telemetry(name), do: [:native_gossip | @table[name][:telemetry]]

  @doc """
  The event in a sentence for a person, with what to do where something is to be done.

      iex> eth0 = %{name: "eth0", index: 2, address: {10, 0, 0, 5}}
      iex> fields = %{group: {233, 252, 1, 32}, interface: eth0, heartbeats: :sealed}
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

  def sentence(:group_joined, %{group: group, interface: interface, heartbeats: form}),
    do: "joined #{address(group)} on #{interface(interface)}, heartbeats #{form(form)}"

  def sentence(:broadcast_chosen, %{target: target, heartbeats: form}),
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

  def sentence(:node_unnamed, _) do
    "this node has no name: it sends no heartbeats until it is alive. Start it with --name or --sname, " <>
      "a release with RELEASE_DISTRIBUTION and RELEASE_NODE"
  end

  def sentence(:node_stopped, _),
    do: "this node is no longer alive: it sends no heartbeats until Node.start/2 gives it a name"

  def sentence(:node_named, %{node: node}), do: "alive as #{node}: sending heartbeats"

  def sentence(:node_drained, _) do
    "this node leaves: it says so where it has a secret, then sends no heartbeats and connects to nobody"
  end

  def sentence(:cookie_weak, _) do
    "the cookie of this node was made by Erlang and has 36 bits: whoever forges a heartbeat can find it by " <>
      "trying. Give all nodes one of your own, as of openssl rand -hex 32, or set authentication: :required"
  end

  def sentence(:schedulers_crowded, %{loops: loops, schedulers: schedulers}) do
    "#{loops} loops hold all #{schedulers} dirty IO schedulers of this BEAM, and files wait for them: " <>
      "start it with +SDio #{loops + 8}"
  end

  def sentence(:seed_resolved, %{name: name, addresses: addresses}) do
    {shown, rest} = Enum.split(addresses, @shown)
    more = if rest == [], do: "", else: " and more"
    "resolved #{inspect(name)} (option seeds) to #{Enum.map_join(shown, ", ", &address/1)}#{more}"
  end

  def sentence(:seed_unresolved, %{name: name, reason: reason}) do
    reason = if is_atom(reason), do: reason, else: inspect(reason)
    "cannot resolve #{inspect(name)} (option seeds): #{reason}; trying again"
  end

  def sentence(:seeds_cut, %{max: max}) do
    "the names of option seeds have more than #{max} addresses together: no heartbeats are sent to the " <>
      "rest. Name fewer hosts, or a broadcast address"
  end

  def sentence(:option_warning, %{warning: _} = warning), do: OptionWarning.sentence(warning)
end
