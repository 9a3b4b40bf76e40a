defmodule NativeGossip.Test.Told do
  @moduledoc """
  Every event with fields that it may have, and what a person reads of it.
  """

  alias NativeGossip.Events

  # That no sentence is empty is nothing that a test wants to know.
  @dialyzer {:no_underspecs, [events: 0]}

  @group {233, 252, 1, 32}
  @group_v6 {0xFF02, 0, 0, 0, 0, 0, 1, 0x32}
  @eth0 %{name: "eth0", index: 2, address: {10, 0, 0, 5}}
  @eth0_v6 %{name: "eth0", index: 2, address: {0xFE80, 0, 0, 0, 0, 0, 0, 5}}

  @told [
    heartbeat_sent: {%{}, "heartbeat"},
    heartbeat_received:
      {%{node: "a@h", source: {{10, 0, 0, 9}, 45_892}, interface: "eth0", taken: 9, lost: 1},
       "received heartbeat from a@h on eth0"},
    heartbeat_received:
      {%{node: "a@h", source: {{10, 0, 0, 9}, 45_892}, interface: nil, taken: nil, lost: nil},
       "received heartbeat from a@h"},
    packets_refused:
      {%{
         cause: :unsealed,
         packets: 3,
         source: {{10, 0, 0, 9}, 45_892},
         interface: "eth0"
       },
       "packets refused as unsealed: 3, the last one from 10.0.0.9:45892 on eth0; its sender has no " <>
         "secret, while this node has one. Give it the same (option secret)"},
    group_joined:
      {%{group: @group, interface: @eth0, heartbeat_form: :sealed},
       "joined 233.252.1.32 on eth0 (10.0.0.5), heartbeats sealed and signed"},
    group_joined:
      {%{group: @group_v6, interface: @eth0_v6, heartbeat_form: :plain},
       "joined ff02::1:32 on eth0 (fe80::5), heartbeats plain"},
    group_joined:
      {%{group: @group, interface: @eth0, heartbeat_form: :signed},
       "joined 233.252.1.32 on eth0 (10.0.0.5), heartbeats signed"},
    broadcast_chosen:
      {%{target: {{10, 0, 0, 255}, 45_892}, heartbeat_form: :sealed},
       "sending to 10.0.0.255:45892 by broadcast, heartbeats sealed and signed"},
    broadcast_chosen:
      {%{target: {{10, 0, 0, 255}, 45_892}, heartbeat_form: :signed},
       "sending to 10.0.0.255:45892 by broadcast, heartbeats signed"},
    group_left: {%{group: @group, interface: @eth0}, "left 233.252.1.32 on eth0 (10.0.0.5)"},
    peers_silent:
      {%{group: @group, interface: @eth0},
       "connected nodes are not heard any more by 233.252.1.32 on eth0 (10.0.0.5); the group is " <>
         "rejoined. A switch that forgets its members may need a querier (IGMP or MLD)"},
    peer_connected: {%{node: "a@10.0.0.5"}, ~s|connected to :"a@10.0.0.5"|},
    peer_unreachable:
      {%{node: "never_an_atom@10.0.0.5"},
       ~s|unable to connect to :"never_an_atom@10.0.0.5"; trying again while it is heard. Both | <>
         "nodes need the same cookie, and this one has to reach the other's name, its epmd and its " <>
         "distribution port"},
    connect_failed:
      {%{
         node: :"a@10.0.0.5",
         probe: %NativeGossip.Probe.Result{
           node: :"a@10.0.0.5",
           cause: :epmd_refused,
           facts: %NativeGossip.Probe.Facts{
             at: ~U[2026-01-01 00:00:00Z],
             address: {10, 0, 0, 5},
             epmd_port: 4369
           }
         }
       },
       ~s|no connection to :"a@10.0.0.5" (epmd_refused): nothing listens at 10.0.0.5:4369, where its | <>
         "epmd should be, or a firewall rejects it. Start epmd there (a node with a name does), see that no " <>
         "firewall rejects its port, that it listens on this address and that ERL_EPMD_PORT is the same on all " <>
         "nodes"},
    clock_off:
      {%{node: "never_an_atom@10.0.0.5", off_ms: -780_000},
       ~s|the clock of :"never_an_atom@10.0.0.5" is 13 min behind this node's; its heartbeats are taken, | <>
         "as they answer this node's. Set the wrong one of both clocks (NTP)"},
    unproven:
      {%{node: "never_an_atom@10.0.0.5", off_ms: 7_200_000},
       ~s|the clock of :"never_an_atom@10.0.0.5" is 2 h ahead of this node's, or its heartbeat was | <>
         "recorded; it is taken, as option authentication is :compatible. Set the wrong one of both " <>
         "clocks (NTP); if both are right, somebody sends recorded heartbeats"},
    clock_moved:
      {%{node: "never_an_atom@10.0.0.5", by_ms: 978_307_200_000, off_ms: 978_307_200_250},
       ~s|the clock of :"never_an_atom@10.0.0.5" was set 11323 days ahead; it is 11323 days ahead of | <>
         "this node's now"},
    clock_moved:
      {%{node: "never_an_atom@10.0.0.5", by_ms: -90_000, off_ms: -60_000},
       ~s|the clock of :"never_an_atom@10.0.0.5" was set 90 s back; it is right now|},
    clock_stepped:
      {%{by_ms: -31_500},
       "the clock of this host was set 31 s back; other nodes hear from this one as if it had started now"},
    name_shared:
      {%{node: "never_an_atom@10.0.0.5"},
       ~s|two BEAMs speak as :"never_an_atom@10.0.0.5", and each is taken for the other. Give one of them | <>
         "another name"},
    fault_raised:
      {%{fault: :scan, step: :interfaces, code: 24, text: "Too many open files"},
       "cannot list the interfaces of this host: Too many open files; trying again. Raise the " <>
         "limit of open files (ulimit -n)"},
    fault_raised:
      {%{fault: :no_echo, group: @group, interface: @eth0},
       "cannot hear 233.252.1.32 on eth0 (10.0.0.5): the own heartbeats do not come back; the group is " <>
         "rejoined. If that does not help, see whether a firewall of this host drops them"},
    fault_cleared:
      {%{fault: :scan, step: :interfaces, code: 24, text: "Too many open files"},
       "now able to list the interfaces of this host"},
    node_unnamed:
      {%{node: :nonode@nohost},
       "this node has no name: it sends no heartbeats until it is alive. Start it with --name or " <>
         "--sname, a release with RELEASE_DISTRIBUTION and RELEASE_NODE"},
    node_stopped:
      {%{node: :nonode@nohost},
       "this node is no longer alive: it sends no heartbeats until Node.start/2 gives it a name"},
    node_named: {%{node: :a@h}, "alive as a@h: sending heartbeats"},
    node_drained:
      {%{},
       "this node leaves: it says so where it has a secret, then sends no heartbeats and connects to nobody"},
    cluster_awaited:
      {%{
         awaited: 2,
         outcome: :ok,
         connected: [:b@h, :"c@10.0.0.7"],
         absent: [],
         alive: true,
         waited_ms: 812,
         heard: 2
       }, ~s|waited 0.8 s for 2 other nodes: connected to 2, :b@h, :"c@10.0.0.7"|},
    cluster_awaited:
      {%{
         awaited: 3,
         outcome: :error,
         connected: [:b@h],
         absent: [],
         alive: true,
         waited_ms: 10_000,
         heard: 2
       },
       "waited 10 s for 3 other nodes: not all are there, and the start goes on: connected to 1, :b@h; heard 2 within " <>
         "the last day. See the lines about nodes that cannot be connected to"},
    cluster_awaited:
      {%{
         awaited: [:b@h, :c@h],
         outcome: :error,
         connected: [:b@h],
         absent: [:c@h],
         alive: true,
         waited_ms: 10_000,
         heard: 1
       },
       "waited 10 s for :b@h, :c@h: not all are there, and the start goes on: connected to 1, :b@h, and not to :c@h; " <>
         "heard 1 within the last day. See whether the others run"},
    cluster_awaited:
      {%{
         awaited: 1,
         outcome: :error,
         connected: [],
         absent: [],
         alive: true,
         waited_ms: 10_000,
         heard: 0
       },
       "waited 10 s for 1 other node: not all are there, and the start goes on: connected to none; heard 0 within the " <>
         "last day. No heartbeat of another node was taken: see whether others run, and whether packets were " <>
         "refused"},
    cluster_awaited:
      {%{
         awaited: 1,
         outcome: :error,
         connected: [],
         absent: [],
         alive: true,
         waited_ms: 0
       },
       "waited 0.0 s for 1 other node: not all are there, and the start goes on: connected to none. The topology does not " <>
         "run: start Cluster.Supervisor before NativeGossip.Await, and see whether the names of the topology " <>
         "are the same"},
    cookie_weak:
      {%{},
       "the cookie of this node was made by Erlang and has 36 bits: whoever forges a heartbeat can find it " <>
         "by trying. Give all nodes one of your own, as of openssl rand -hex 32, or set authentication: " <>
         ":required"},
    schedulers_crowded:
      {%{loops: 12, schedulers: 10},
       "12 loops hold all 10 dirty IO schedulers of this BEAM, and files wait for them: start it " <>
         "with +SDio 20"},
    seed_resolved:
      {%{name: "app", addresses: [{10, 0, 0, 1}, {10, 0, 0, 2}]},
       ~s|resolved "app" (option seeds) to 10.0.0.1, 10.0.0.2|},
    seed_resolved:
      {%{name: "app", addresses: for(n <- 1..9, do: {10, 0, 0, n})},
       ~s|resolved "app" (option seeds) to 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, | <>
         "10.0.0.6, 10.0.0.7, 10.0.0.8 and more"},
    seed_unresolved:
      {%{name: "app", reason: :nxdomain},
       ~s|cannot resolve "app" (option seeds): nxdomain; trying again|},
    seed_unresolved:
      {%{name: "app", reason: {:error, "x"}},
       ~s|cannot resolve "app" (option seeds): {:error, "x"}; trying again|},
    seeds_cut:
      {%{max: 256},
       "the names of option seeds have more than 256 addresses together: no heartbeats are sent to " <>
         "the rest. Name fewer hosts, or a broadcast address"},
    option_warning:
      {%{warning: :bound_to_one_address, address: {10, 0, 0, 5}},
       "bound to 10.0.0.5 (option if_addr), and such a socket hears no multicast: leave " <>
         "if_addr out, and name the interface with multicast_if"},
    option_warning:
      {%{warning: :broadcast_to_group, group: @group},
       "broadcast_only is set, and multicast_addr is the multicast group 233.252.1.32, which is not " <>
         "joined: set multicast_addr to the broadcast address of the network"},
    option_warning:
      {%{warning: :secret_nil},
       "secret is nil, so heartbeats are plain. If it should come from the environment, take it with " <>
         "System.fetch_env!/1; if plain is meant, leave the option out"},
    option_warning:
      {%{warning: :secret_padded},
       "a secret begins or ends with white space, which is part of it, so a node that has it without " <>
         "is not found. Files often end with a newline; String.trim/1 takes it away, on all nodes"},
    option_warning:
      {%{warning: :secret_documented},
       "a secret is one that examples show (README.md, docs), so everybody knows it. Take one of mix native_gossip.gen.secret; " <>
         "with a list as secret it is changed node by node"},
    option_warning:
      {%{warning: :secret_short},
       "a secret has fewer than 16 bytes: whoever records one heartbeat can find it by trying. Take one of " <>
         "mix native_gossip.gen.secret; with a list as secret it is changed node by node"},
    option_warning:
      {%{warning: :unused_interfaces},
       "broadcast_only is set, and multicast_if has no effect on broadcasts: multicast_addr, the " <>
         "broadcast address of one network, says which interface sends"}
  ]

  @doc "The events: of a name as many as have sentences of their own."
  @spec events :: [{Events.name(), {fields :: map, sentence :: String.t()}}]
  def events, do: @told
end
