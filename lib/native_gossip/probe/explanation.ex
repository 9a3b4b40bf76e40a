defmodule NativeGossip.Probe.Explanation do
  @moduledoc """
  Says to a person what a probe found: what was seen, where something else was expected, and what to do
  (`NativeGossip.Probe.Cause.remedy/1`).

  What came by the network is quoted (`inspect/1`), so it writes no lines of its own.
  """

  import NativeGossip.Events.Words

  alias NativeGossip.Probe
  alias NativeGossip.Probe.{Cause, Facts, Result}

  # Of a reason that is a term: a module that stands for epmd may answer with anything.
  @max_reason 200

  # Characters of a name that came by the network.
  @max_name 64

  @doc """
  What was seen, and what to do.

      iex> facts = %NativeGossip.Probe.Facts{at: ~U[2026-01-01 00:00:00Z], address: {10, 0, 0, 6}, epmd_port: 4369}
      iex> result = %NativeGossip.Probe.Result{node: :"b@10.0.0.6", cause: :epmd_filtered, facts: facts}
      iex> NativeGossip.Probe.Explanation.sentence(result)
      "nothing comes back from 10.0.0.6:4369, where its epmd should be. Let TCP to this port through, " <>
        "in the firewalls of both hosts and between them; or correct the name, where no host has this address"
  """
  @spec sentence(Result.t()) :: String.t()
  def sentence(%Result{cause: cause} = result), do: "#{seen(result)}. #{Cause.remedy(cause)}"

  @doc "What was seen."
  @spec seen(Result.t()) :: String.t()
  def seen(%Result{cause: cause, node: node, facts: facts}), do: seen(cause, node, facts)

  @spec seen(Cause.t(), node, Facts.t()) :: String.t()
  defp seen(:not_alive, _node, _facts), do: "this node has no name, so it connects to nobody"
  defp seen(:own_name, _node, _facts), do: "it has the name of this node"
  defp seen(:connected, _node, _facts), do: "it is connected"

  defp seen(:name_form, _node, facts) do
    "its name is #{if Probe.long?(facts.host), do: "long", else: "short"}, and that of this node, " <>
      "#{inspect(facts.ours)}, is not"
  end

  defp seen(:name_unresolved, _node, facts),
    do: "this host finds no address for #{inspect(facts.host)}: #{reason(facts.reason)}"

  defp seen(:name_loopback, node, facts) do
    "its name leads to #{address(facts.address)}, the loopback of this host" <>
      "#{heard(facts)}, and there #{obstacle(node, facts)}"
  end

  defp seen(:name_elsewhere, node, facts) do
    "its name leads to #{address(facts.address)}#{heard(facts)}, and there " <>
      obstacle(node, facts)
  end

  defp seen(:host_unreachable, _node, facts),
    do: "#{address(facts.address)} cannot be reached: #{reason(facts.reason)}"

  defp seen(:epmd_refused, _node, facts),
    do: "nothing listens at #{epmd(facts)}, where its epmd should be, or a firewall rejects it"

  defp seen(:epmd_filtered, _node, facts) do
    "nothing comes back from #{epmd(facts)}, where its epmd should be" <>
      forbidden(facts.reason)
  end

  defp seen(:epmd_silent, _node, facts),
    do: "what listens at #{epmd(facts)}, where its epmd should be, says nothing"

  defp seen(:epmd_foreign, _node, facts),
    do: "what answers at #{epmd(facts)}, where its epmd should be, is no epmd"

  defp seen(:epmd_module, _node, facts),
    do: "#{inspect(facts.epmd_module)} does not find it: #{reason(facts.reason)}"

  defp seen(:name_unregistered, node, facts) do
    known =
      case facts.registered do
        [] -> "names no node"
        names -> "names #{Enum.map_join(names, ", ", &quoted/1)}"
      end

    "the epmd at #{epmd(facts)} does not know #{inspect(short(node))}: it #{known}"
  end

  defp seen(:port_refused, _node, facts),
    do: "nothing listens at #{its_port(facts)}, the port that epmd names"

  defp seen(:port_filtered, _node, facts) do
    "nothing comes back from #{its_port(facts)}, the port that epmd names" <>
      forbidden(facts.reason)
  end

  defp seen(:silent, _node, facts),
    do: "it takes the connection at #{its_port(facts)} and says nothing"

  defp seen(:closed, _node, facts),
    do: "#{its_port(facts)} closes the connection in the middle of the handshake"

  defp seen(:tls_there, _node, facts),
    do: "it speaks TLS at #{its_port(facts)}, and this node does not"

  defp seen(:tls_here, _node, facts),
    do: "this node speaks TLS, and it does not, at #{its_port(facts)}"

  defp seen(:tls_both, _node, facts),
    do: "it speaks TLS at #{its_port(facts)}, as this node does, and a probe cannot look further"

  defp seen(:not_a_node, _node, facts),
    do: "what answers at #{its_port(facts)} is no Erlang node"

  defp seen(:busy, _node, facts),
    do: "it is in the middle of another handshake with this host, at #{its_port(facts)}"

  defp seen(:not_allowed, _node, facts),
    do: "it lets only some nodes connect, at #{its_port(facts)}, and not the probe"

  defp seen(:half_open, _node, facts),
    do: "it takes an earlier connection for one that still stands, at #{its_port(facts)}"

  defp seen(:other_node, _node, facts),
    do: "the node that answers at #{its_port(facts)} is #{quoted(facts.answered_as)}"

  defp seen(:kept_apart, _node, facts) do
    "it answers at #{its_port(facts)}, and this node disconnects it again and again, as global does to prevent " <>
      "overlapping partitions"
  end

  defp seen(:cookie, _node, facts) do
    "it answers at #{its_port(facts)} up to the cookie's challenge, and yet there is no connection"
  end

  defp seen(:reachable, _node, facts),
    do: "it answers at #{its_port(facts)} up to the cookie's challenge, which was not tried"

  defp seen(:probe_failed, _node, facts),
    do: "the probe itself failed: #{reason(facts.reason)}"

  # What was met at an address that is not the node's. The words of the cause itself, without the address twice.
  defp obstacle(node, facts), do: seen(facts.obstacle, node, facts)

  defp heard(%{heard_from: nil}), do: ""
  defp heard(%{heard_from: from}), do: ", while it is heard from #{address(from)}"

  defp forbidden(reason) when reason in [:eperm, :eacces],
    do: ": a firewall of this host forbids it"

  defp forbidden(_reason), do: ""

  defp epmd(facts), do: socket_address({facts.address, facts.epmd_port})
  defp its_port(facts), do: socket_address({facts.address, facts.port})

  # Eight names of a stranger's are no longer than a line may be.
  defp quoted(name), do: name |> String.slice(0, @max_name) |> inspect()

  defp short(node), do: node |> Atom.to_string() |> String.split("@") |> hd()

  defp reason(reason) when is_exception(reason), do: cut(Exception.message(reason))
  defp reason(reason) when is_atom(reason), do: "#{reason}"
  defp reason(reason), do: cut(inspect(reason, limit: 10, printable_limit: @max_reason))

  defp cut(text), do: text |> String.replace(~r/\s+/, " ") |> String.slice(0, @max_reason)
end
