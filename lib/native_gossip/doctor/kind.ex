defmodule NativeGossip.Doctor.Kind do
  alias NativeGossip.Probe.Cause

  # The one table of findings, the surest first: what is seen of this host before what is concluded of others.
  @table [
    socket: [
      expected: "the port is opened, and shared with the nodes of this host",
      remedy:
        "End what holds the port alone, or give all nodes another one (options port, if_addr)"
    ],
    interface_missing: [
      expected: "every interface of option multicast_if is there, up, and has an address",
      remedy: "Correct option multicast_if, or set the interface up (ip address)"
    ],
    no_interface: [
      expected: "an interface to other hosts is up and has an address of the group's family",
      remedy: "Set one up (ip address); a container may need the network of its host"
    ],
    join_refused: [
      expected: "the system lets the group be joined",
      remedy: "See the reason; ip maddress shows what is joined"
    ],
    send_refused: [
      expected: "the system sends to the group",
      remedy:
        "Let UDP to the port out of this host (nft list ruleset, iptables -S), and see that it has a route " <>
          "to the group (ip route get)"
    ],
    own_unheard: [
      expected: "what this host sends to a group that it has joined comes back to it",
      remedy:
        "Let UDP to the port into this host (nft list ruleset, iptables -S, firewall-cmd): whoever cannot hear " <>
          "itself hears nobody"
    ],
    secret: [
      expected: "all nodes have the same secret, or none",
      remedy: "Compare option secret of the topology here and at the sender"
    ],
    name_shared: [
      expected: "each BEAM has a name of its own",
      remedy: "Give one of the two another name"
    ],
    clock: [
      expected: "all clocks are right within a minute",
      remedy: "Set the wrong one of both clocks (NTP: timedatectl, chronyc tracking)"
    ],
    unsigned: [
      expected: "every node signs, as this topology demands (option authentication)",
      remedy:
        "Give the sender this strategy and the secret, or set authentication: :compatible here meanwhile"
    ],
    other_cluster: [
      expected: "all nodes of a cluster have the same option cluster",
      remedy:
        "Compare it here and at the sender. If two clusters share the group, nothing is to be done"
    ],
    filtered: [
      expected: "the names of all nodes match option allow",
      remedy:
        "Add a pattern to option allow, or rename the node. If it is to be kept out, nothing is to be done"
    ],
    foreign: [
      expected: "nothing but heartbeats of this cluster comes to the group and port",
      remedy: "See what sends it; give the nodes a group or port of their own"
    ],
    name_forms: [
      expected: "all names are long (app@10.0.0.5, app@host.lan), or all are short (app@host)",
      remedy: "Start all nodes with --name, or all with --sname"
    ],
    lossy: [
      expected: "what is sent arrives",
      remedy:
        "Look for a bad cable, a full queue or weak radio between the two (ip -s link, ethtool -S, ping): nodes " <>
          "meet nevertheless, and later"
    ],
    epmd: [
      expected: "epmd runs where a node with a name does",
      remedy: "Start a node with a name, which starts it, or epmd -daemon"
    ],
    hangs: [
      expected: "a node that epmd names answers",
      remedy: Cause.remedy(:silent)
    ],
    unconnectable: [
      expected: "a node that is heard can be connected to",
      remedy: "See `NativeGossip.Probe.Cause`"
    ],
    no_multicast: [
      expected: "the interface of the group has multicast switched on",
      remedy:
        "Switch it on (ip link set dev NAME multicast on), name another interface (option multicast_if), or use " <>
          "option seeds where the network has no multicast, as many VPNs and clouds"
    ],
    multicast_lost: [
      expected: "what comes by unicast comes by multicast too",
      remedy:
        "Between the two a switch, an access point or a firewall drops multicast: see IGMP snooping (a querier is " <>
          "needed) and rules for 224.0.0.0/4; or use option seeds"
    ],
    unicast_lost: [
      expected: "what comes by multicast comes by unicast too",
      remedy:
        "Let UDP to the port through to single hosts too: seeds need it. Without seeds nothing is to be done"
    ],
    fell_silent: [
      expected: "a node that is connected is heard",
      remedy:
        "See there whether its process is stopped (kill -CONT) and its strategy runs; and on the way from it, a " <>
          "firewall, or a switch that forgets who wants the group (a querier is needed)"
    ],
    hidden: [
      expected: "the nodes of a cluster are no hidden ones",
      remedy:
        "Node.list/0 does not name it, and Node.list(:connected) does. Start it without -hidden; if it is meant to " <>
          "be hidden, nothing is to be done"
    ],
    to_unanswered: [
      expected: "the doctor at the other host answers",
      remedy:
        "Start mix native_gossip.doctor --answer there, with the same port. If it runs, UDP to or from this port " <>
          "is blocked between the two"
    ],
    alone: [
      expected: "another node is heard",
      remedy:
        "See that one runs, has a name, and has the same options port and multicast_addr; that UDP to the port is " <>
          "let through between the hosts; that both are on one network; and that its switch has a querier, where " <>
          "it has IGMP snooping"
    ]
  ]

  row = fn {kind, row} -> "| `#{kind}` | #{row[:expected]} | #{row[:remedy]} |\n" end

  @markdown "| finding | what was expected | what to do |\n|---|---|---|\n" <>
              Enum.map_join(@table, row)

  @moduledoc """
  What may be wrong: the one table of the findings of `NativeGossip.Doctor`, the surest first, with what was expected
  and what to do. `unconnectable` has the remedy of its cause.

  #{@markdown}
  """

  @type t ::
          unquote(
            @table
            |> Keyword.keys()
            |> Enum.reverse()
            |> Enum.reduce(fn kind, more -> {:|, [], [kind, more]} end)
          )

  @doc "All kinds, the surest first."
  @spec all() :: [t, ...]
  def all, do: unquote(Keyword.keys(@table))

  @doc "What was expected instead of what was seen."
  @spec expected(t) :: String.t()
  def expected(kind), do: @table[kind][:expected]

  @doc "What to do."
  @spec remedy(t) :: String.t()
  def remedy(kind), do: @table[kind][:remedy]

  @doc "The table in Markdown."
  @spec table() :: String.t()
  def table, do: @markdown
end
