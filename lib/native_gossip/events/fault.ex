defmodule NativeGossip.Events.Fault do
  @moduledoc """
  The sentences of a fault: what cannot be done, with the options that ask for it, why, and what to do.
  """

  import NativeGossip.Events.Words

  @typedoc "A fault as the Rust half tells it: a map with `:fault`, its kind, and the fields of the kind."
  @type t :: %{required(:fault) => atom, optional(atom) => term}

  @doc "That something does not work."
  @spec raised(t, os :: {family :: atom, name :: atom}) :: String.t()
  def raised(fault, os \\ :os.type()) do
    "cannot #{step(fault)}: #{cause(fault)}; #{meanwhile(fault)}#{hint(fault, os)}"
  end

  @doc "That it works again."
  @spec cleared(t) :: String.t()
  def cleared(fault), do: "now able to #{step(fault)}"

  @doc """
  An error of the system's, and what to do where that is known: for what is raised, and is no fault of a loop.

      iex> NativeGossip.Events.Fault.error(%{code: 24, text: "Too many open files"}, {:unix, :linux})
      "Too many open files. Raise the limit of open files (ulimit -n)"
  """
  @spec error(%{code: integer | nil, text: String.t()}, os :: {family :: atom, name :: atom}) ::
          String.t()
  def error(%{code: _, text: text} = error, os \\ :os.type()), do: text <> hint(error, os)

  # What was tried.

  defp step(%{fault: :socket, step: :open}), do: "open a UDP socket"
  defp step(%{fault: :socket, step: :nonblocking}), do: "make the socket non-blocking"
  defp step(%{fault: :socket, step: :reuse_address}), do: "share the port (SO_REUSEADDR)"
  defp step(%{fault: :socket, step: :reuse_port}), do: "share the port (SO_REUSEPORT)"
  defp step(%{fault: :socket, step: :only_v6}), do: "keep the socket to IPv6 (IPV6_V6ONLY)"
  defp step(%{fault: :socket, step: :broadcast}), do: "allow broadcasts (SO_BROADCAST)"
  defp step(%{fault: :socket, step: :ttl}), do: "set the TTL (option multicast_ttl)"

  defp step(%{fault: :socket, step: :loop}),
    do: "have multicast come back to this host (IP_MULTICAST_LOOP)"

  defp step(%{fault: :socket, step: :packet_info}), do: "tell groups and interfaces apart"
  defp step(%{fault: :socket, step: :watch}), do: "watch the socket"
  defp step(%{fault: :socket, step: :receive}), do: "receive"

  defp step(%{fault: :socket, step: :bind, address: address}),
    do: "bind to #{socket_address(address)} (options if_addr, port)"

  defp step(%{fault: :scan, step: :interfaces}), do: "list the interfaces of this host"
  defp step(%{fault: :scan, step: :route}), do: "look up the route to the group"

  defp step(%{fault: :interface_missing, group: group, wanted: wanted}),
    do: "join #{address(group)} on #{wanted(wanted)} (option multicast_if)"

  defp step(%{fault: :no_interface, group: group}),
    do: "join #{address(group)} (options multicast_addr, multicast_if)"

  defp step(%{fault: :loopback_only, group: group}),
    do: "find nodes of other hosts by #{address(group)} (option multicast_if)"

  defp step(%{fault: :join, group: group, interface: interface}),
    do: "join #{address(group)} on #{interface(interface)} (options multicast_addr, multicast_if)"

  defp step(%{fault: :join_limit, group: group, missing: missing, of: all, some: some}) do
    "join #{address(group)} on #{missing} of #{all} interfaces, as " <>
      "#{Enum.map_join(some, ", ", &interface/1)} (option multicast_if)"
  end

  defp step(%{fault: :no_echo, group: group, interface: interface}),
    do: "hear #{address(group)} on #{interface(interface)}"

  defp step(%{fault: :send_by, target: target, interface: interface}) do
    "send to #{socket_address(target)} by #{interface(interface)} " <>
      "(options multicast_addr, multicast_if)"
  end

  defp step(%{fault: :send_to, target: target}),
    do: "send to #{socket_address(target)} (options multicast_addr, port)"

  defp step(%{fault: :seeds, failing: 1, some: [seed]}),
    do: "reach #{socket_address(seed)} (option seeds)"

  defp step(%{fault: :seeds, failing: failing, of: all, some: some}) do
    some = Enum.map_join(some, ", ", &socket_address/1)
    "reach #{failing} of #{all} seeds, as #{some} (option seeds)"
  end

  defp wanted({:address, address}), do: "the interface with the address #{address(address)}"
  defp wanted({:name, name}), do: "the interface #{name}"

  @doc "What stood in the way: in the system's words where it was the system."
  @spec cause(t) :: String.t()
  def cause(%{fault: :interface_missing, reason: :down}), do: "the interface is down"

  def cause(%{fault: :interface_missing, reason: :no_such_address}),
    do: "no interface has this address"

  def cause(%{fault: :interface_missing, reason: :no_such_name, group: group}),
    do: "there is no such interface, or it has no #{family(group)} address"

  def cause(%{fault: kind, group: group}) when kind in [:no_interface, :loopback_only],
    do: "no interface but the loopback is up and has an #{family(group)} address"

  def cause(%{fault: :no_echo}), do: "the own heartbeats do not come back"
  def cause(%{text: text}), do: text

  # What goes on.

  defp meanwhile(%{reason: :down}), do: "it is joined when it is up"

  defp meanwhile(%{fault: kind}) when kind in [:interface_missing, :no_interface],
    do: "it is joined when there is one"

  defp meanwhile(%{fault: :loopback_only}), do: "nodes on this host are found meanwhile"
  defp meanwhile(%{fault: :no_echo}), do: "the group is rejoined"
  defp meanwhile(_fault), do: "trying again"

  # What to do, where it is known. The numbers of errors are Linux's.

  @eperm 1
  @eacces 13
  @emfile 24
  @eaddrinuse 98
  @eaddrnotavail 99
  @enetunreach 101
  @enobufs 105
  @econnrefused 111
  @ehostunreach 113

  defp hint(%{fault: :no_echo}, _os),
    do: ". If that does not help, see whether a firewall of this host drops them"

  defp hint(%{code: code} = fault, {:unix, :linux}) do
    case advice(fault, code) do
      nil -> ""
      advice -> ". " <> advice
    end
  end

  defp hint(_fault, _os), do: ""

  defp advice(_fault, @emfile), do: "Raise the limit of open files (ulimit -n)"

  defp advice(%{step: :bind}, @eaddrinuse),
    do: "Another program holds the port alone: end it, or set option port on all nodes"

  defp advice(%{step: :bind}, @eaddrnotavail),
    do: "This host has no such address: correct option if_addr, or leave it out"

  defp advice(%{step: :bind}, @eacces), do: "Set option port to one above 1023 on all nodes"

  defp advice(%{fault: :join_limit, group: group}, @enobufs) when tuple_size(group) == 4,
    do: "Raise the sysctl net.ipv4.igmp_max_memberships, or name the interfaces that are needed"

  defp advice(%{fault: fault}, code) when fault in [:send_by, :send_to, :seeds], do: there(code)
  defp advice(_fault, _code), do: nil

  defp there(@eperm), do: "A firewall of this host forbids it"
  defp there(@enetunreach), do: "This host has no route there"

  # A firewall can have the same said: iptables "port unreachable", firewalld "host prohibited".
  defp there(@econnrefused),
    do: "No node listens on this port there, or a firewall rejects what is sent to it"

  defp there(@ehostunreach),
    do: "No host answers there, or a firewall rejects what is sent to it"

  defp there(_code), do: nil
end
