defmodule NativeGossip.Test.Network.Filter do
  @moduledoc """
  What gets lost between the hosts of a network, where each of them sees nothing wrong with itself.
  """
  alias NativeGossip.Dev.Namespace
  alias NativeGossip.Test.Network.{Host, Interface}

  # In hundredths of a second: long beyond any test, so that the bridge does not ask again.
  @never 600_000

  @forgotten_ms 1_500

  @doc """
  Drops this percentage of the UDP packets to this port that reach the host, its own included: those of a strategy,
  and none of TCP or of name resolution.
  """
  @spec lose(Host.t(), 1..99, :inet.port_number()) :: :ok
  def lose(host, percent, port),
    do: add_rules(host, :loss, input: "udp dport #{port} numgen random mod 100 < #{percent} drop")

  @doc "Drops this percentage of all packets that reach the host from others."
  @spec lose_all(Host.t(), 1..99) :: :ok
  def lose_all(host, percent),
    do:
      add_rules(host, :loss,
        input:
          "ip saddr != { 127.0.0.0/8, #{host.address} } numgen random mod 100 < #{percent} drop"
      )

  @doc "No other host can connect to this one by TCP: it is told so at once. It can connect to others."
  @spec refuse_connections(Host.t()) :: :ok
  def refuse_connections(host) do
    add_rules(host, :refuse,
      input: "iifname != lo tcp flags & (syn | ack) == syn reject with tcp reset"
    )
  end

  @doc "Nothing passes between two hosts by TCP any more, either way. Heartbeats do."
  @spec block_tcp(Host.t(), Host.t()) :: :ok
  def block_tcp(host, other) do
    add_rules(host, :block,
      input: "ip saddr #{other.address} meta l4proto tcp drop",
      output: "ip daddr #{other.address} meta l4proto tcp drop"
    )
  end

  @doc """
  What TCP to this port of the host meets from now on: `"drop"`, or nft's `"reject with …"`; nil lets it through.
  """
  @spec guard_port(Host.t(), :inet.port_number(), String.t() | nil) :: :ok
  def guard_port(host, port, verdict) do
    Namespace.run(host.enter, ["nft", "add table inet guard; delete table inet guard"])
    if verdict, do: add_rules(host, :guard, input: "tcp dport #{port} #{verdict}"), else: :ok
  end

  @doc "The host drops UDP to this port, that comes in or goes out: as a firewall of its own would."
  @spec drop_udp(Host.t(), :input | :output, :inet.port_number()) :: :ok
  def drop_udp(host, direction, port),
    do: add_rules(host, :drops, [{direction, "udp dport #{port} drop"}])

  @doc "The host drops UDP of another one to this port."
  @spec drop_udp_of(Host.t(), Host.t(), :inet.port_number()) :: :ok
  def drop_udp_of(host, other, port),
    do: add_rules(host, :drops, input: "ip saddr #{other.address} udp dport #{port} drop")

  @doc "No multicast reaches the host from others any more, as in most clouds; broadcast does."
  @spec drop_multicast(Host.t()) :: :ok
  def drop_multicast(host) do
    Namespace.run(
      host.switch.enter,
      ~w(bridge link set dev #{Interface.port(host)} mcast_flood off)
    )
  end

  @doc """
  The bridge of LAN 0 learns who has joined which group, and forwards a group to those alone.

  It is to be told before the hosts join: it asks them once, at its start, and never again. A switch
  that asks every two minutes may leave a host deaf for as long.
  """
  @spec snoop(Host.t()) :: :ok
  def snoop(%Host{switch: switch}) do
    Namespace.ip(switch.enter, [
      # For as long as the answers to its question may take, it forwards to everybody.
      "link set br0 type bridge mcast_igmp_version 3 mcast_query_response_interval 100 " <>
        "mcast_query_interval #{@never} mcast_startup_query_interval #{@never}",
      "link set br0 type bridge mcast_snooping 1 mcast_querier 1"
    ])
  end

  @doc "True where the bridge forwards the group to this host."
  @spec snooped?(Host.t(), String.t()) :: boolean
  def snooped?(host, group) do
    shown = Namespace.read(host.switch.enter, ~w(bridge mdb show dev br0))

    shown
    |> String.split("\n")
    |> Enum.any?(&(&1 =~ "port #{Interface.port(host)} grp #{group} "))
  end

  @doc """
  The bridge forgets that this host has joined the group, and the host is not told.

  A host says twice what it joins, the second time a second later at most: then it is forgotten again.
  """
  @spec forget(Host.t(), String.t()) :: :ok
  def forget(host, group), do: forget(host, group, now())

  defp forget(host, group, since) do
    cond do
      snooped?(host, group) ->
        entry = ~w(bridge mdb del dev br0 port #{Interface.port(host)} grp #{group})
        :ok = Namespace.run(host.switch.enter, entry)
        forget(host, group, now())

      now() - since < @forgotten_ms ->
        Process.sleep(20)
        forget(host, group, since)

      true ->
        :ok
    end
  end

  defp now, do: System.monotonic_time(:millisecond)

  # In a table of its own, for the packets that come in (`input`) or go out (`output`).
  defp add_rules(host, table, rules) do
    chains =
      for {hook, rule} <- rules do
        "add chain inet #{table} #{hook} { type filter hook #{hook} priority 0; }; " <>
          "add rule inet #{table} #{hook} #{rule}"
      end

    Namespace.run(host.enter, ["nft", Enum.join(["add table inet #{table}" | chains], "; ")])
  end
end
