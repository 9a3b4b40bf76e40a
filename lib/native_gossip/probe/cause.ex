defmodule NativeGossip.Probe.Cause do
  # The one table of causes, in the order in which a probe meets them. What was seen is said by
  # `NativeGossip.Probe.Explanation`; what does not depend on it stands here.
  @table [
    not_alive: [
      meaning: "this node has no name, so it connects to nobody",
      remedy:
        "Start it with --name or --sname, a release with RELEASE_DISTRIBUTION and RELEASE_NODE"
    ],
    own_name: [
      meaning: "the other node has the name of this one",
      remedy: "Give one of the two another name"
    ],
    connected: [
      meaning: "the nodes are connected",
      remedy: "Nothing is to be done"
    ],
    name_form: [
      meaning:
        "one node has a long name (a dot or an address after the @), the other a short one",
      remedy: "Start all nodes with --name, or all with --sname"
    ],
    name_unresolved: [
      meaning: "this host finds no address for the part of the name after the @",
      remedy:
        "Add it to the name server or to /etc/hosts of this host, or name the node by its address, as app@10.0.0.5"
    ],
    name_loopback: [
      meaning: "the name leads to this host's own loopback, where the node is not",
      remedy:
        "Name the node by an address or a host name that leads to it from other hosts, or correct /etc/hosts"
    ],
    name_elsewhere: [
      meaning: "the name leads to another host than the one that is heard",
      remedy:
        "Correct the name server or /etc/hosts of this host, or name the node by its address"
    ],
    host_unreachable: [
      meaning: "the network says that the host cannot be reached",
      remedy:
        "See that the host is up, that this one has a route to it, and that no firewall rejects TCP to it"
    ],
    epmd_refused: [
      meaning: "nothing listens where the host's epmd should be, or a firewall rejects it",
      remedy:
        "Start epmd there (a node with a name does), see that no firewall rejects its port, that it listens on this address and that ERL_EPMD_PORT is the same on all nodes"
    ],
    epmd_filtered: [
      meaning: "the way to the host's epmd is blocked: nothing comes back",
      remedy:
        "Let TCP to this port through, in the firewalls of both hosts and between them; or correct the " <>
          "name, where no host has this address"
    ],
    epmd_silent: [
      meaning: "what listens where epmd should be takes the connection and says nothing",
      remedy:
        "See whether epmd hangs there (kill -CONT, or restart it), or what else has its port"
    ],
    epmd_foreign: [
      meaning: "what answers where epmd should be is not epmd",
      remedy:
        "See which program has the port there, and that ERL_EPMD_PORT is the same on all nodes"
    ],
    epmd_module: [
      meaning: "the module that stands for epmd here (-epmd_module) does not find the node",
      remedy: "See what that module knows of the node"
    ],
    name_unregistered: [
      meaning: "the host's epmd does not know the name",
      remedy:
        "See that the node runs on that host and not behind another epmd, as that of a container; if epmd was restarted, restart the node"
    ],
    port_refused: [
      meaning: "epmd names a port of the node, and nothing listens there",
      remedy:
        "See that the node is alive and listens on this address (inet_dist_use_interface), and that no firewall rejects the port"
    ],
    port_filtered: [
      meaning: "epmd is reached, and the way to the node's own port is blocked",
      remedy:
        "Let TCP to it through; inet_dist_listen_min and inet_dist_listen_max give all nodes known ports"
    ],
    silent: [
      meaning: "the node takes the connection and says nothing: it hangs, or is stopped",
      remedy:
        "See what the process does there: stopped (kill -CONT), out of memory, or in a debugger"
    ],
    closed: [
      meaning: "the connection was closed in the middle of the handshake",
      remedy:
        "Read the log of the other node; a node of another OTP release may refuse what it does not know"
    ],
    tls_there: [
      meaning: "the other node speaks TLS, and this one does not",
      remedy: "Start all nodes with -proto_dist inet_tls, or none"
    ],
    tls_here: [
      meaning: "this node speaks TLS, and the other one does not",
      remedy: "Start all nodes with -proto_dist inet_tls, or none"
    ],
    tls_both: [
      meaning: "both nodes speak TLS, and a probe cannot look further",
      remedy: "Compare the certificates, the TLS options and the cookies of both nodes"
    ],
    not_a_node: [
      meaning: "what answers at the node's port is not an Erlang node",
      remedy:
        "See which program has the port there; if the node ended, epmd may still name its old port"
    ],
    busy: [
      meaning: "the node is in the middle of another handshake with this host",
      remedy: "Wait for the next probe"
    ],
    not_allowed: [
      meaning:
        "the node lets only some nodes connect (net_kernel:allow/1); it does not list the probe",
      remedy: "See that net_kernel:allow/1 of that node has the name of this one"
    ],
    half_open: [
      meaning: "the node takes an earlier connection for one that still stands",
      remedy: "Wait until it notices (net_ticktime, a minute), or call Node.disconnect/1 there"
    ],
    other_node: [
      meaning: "another node answers at the port that epmd names",
      remedy:
        "See that the name leads to the right host; in containers, that each node has an address or a port of its own"
    ],
    kept_apart: [
      meaning:
        "the node answers, and this one disconnects it again and again: global, to prevent overlapping partitions, " <>
          "or a call of Node.disconnect/1",
      remedy:
        "Find the pair of nodes that do not reach each other, which the log of global names, and mend their network"
    ],
    cookie: [
      meaning: "the node answers up to the cookie's challenge, and yet there is no connection",
      remedy: "Give both nodes the same cookie"
    ],
    reachable: [
      meaning: "the node answers up to the cookie's challenge; the cookie was not tried",
      remedy: "Connect with Node.connect/1; if that fails, compare the cookies"
    ],
    probe_failed: [
      meaning: "the probe itself failed, so the cause is not known",
      remedy: "See the reason; where it is emfile, raise the limit of open files (ulimit -n)"
    ]
  ]

  row = fn {cause, row} -> "| `#{cause}` | #{row[:meaning]} | #{row[:remedy]} |\n" end

  @markdown "| cause | what it means | what to do |\n|---|---|---|\n" <>
              Enum.map_join(@table, row)

  @moduledoc """
  Why a node is not connected: the one table of causes, with what each means and what to do.

  #{@markdown}
  """

  @type t ::
          unquote(
            @table
            |> Keyword.keys()
            |> Enum.reverse()
            |> Enum.reduce(fn cause, more -> {:|, [], [cause, more]} end)
          )

  @doc "All causes."
  @spec all() :: [t, ...]
  def all, do: unquote(Keyword.keys(@table))

  @doc """
  Whether nothing stands in the way that could be found.

      iex> NativeGossip.Probe.Cause.none?(:reachable)
      true
  """
  @spec none?(t) :: boolean
  def none?(cause), do: cause in [:connected, :reachable]

  @doc "What it means, in a few words."
  @spec meaning(t) :: String.t()
  def meaning(cause), do: @table[cause][:meaning]

  @doc "What to do."
  @spec remedy(t) :: String.t()
  def remedy(cause), do: @table[cause][:remedy]

  @doc "The table in Markdown."
  @spec table() :: String.t()
  def table, do: @markdown
end
