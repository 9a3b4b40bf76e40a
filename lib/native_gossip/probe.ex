defmodule NativeGossip.Probe do
  @moduledoc """
  Works out why a node cannot be connected to, without connecting to it.

      NativeGossip.Probe.run(:"b@10.0.0.6")
      #=> %NativeGossip.Probe.Result{node: :"b@10.0.0.6", cause: :epmd_refused, facts: …}

  It goes the way of `Node.connect/1`, step by step, and stops at the first one that fails: the name of this
  node and of the other, where the name leads, epmd there, the node's port, and the handshake up to the challenge
  (`NativeGossip.Probe.Handshake`). It sends no digest of the cookie: that the cookies differ is concluded where
  nothing else stands in the way and yet the attempt to connect failed.

  It takes 15 s at most, of seven steps of 2 s each, reads 16 KiB at most, makes no atom of what it reads, and never
  raises for what it meets: that it failed is a result too. At the node it leaves one atom for each host that probes
  it, and a line in the log in two cases, in which each attempt to connect leaves one as well: where
  `net_kernel:allow/1` keeps it out, and where the node speaks TLS.

  `NativeGossip.Probe.Cause` has the causes, and `NativeGossip.Probe.Explanation` says a result in a sentence.
  """

  alias NativeGossip.Probe.{Bounded, Cause, Epmd, Facts, Handshake, Outside, Result}

  # In ms, for each step: the answer of a host that is well takes less, also where a packet is lost once (1 s).
  @step 2_000

  # What may come of two probes of one host that meet at a node: the later is told no, or the earlier is ended.
  # In ms, the pause after which it is asked once more.
  @collision_pause 100..400

  # Where the name leads to the wrong host, this is what is met there. A node that is registered there under this
  # name, and has a fault of its own, is the right one: hosts have more addresses than one.
  @elsewhere [
    :host_unreachable,
    :epmd_refused,
    :epmd_filtered,
    :epmd_silent,
    :epmd_foreign,
    :name_unregistered,
    :other_node
  ]

  @typedoc """
    * `:connect`: `:failed` where an attempt to connect has failed, so that a node in whose way nothing stands has
      another cookie; `:untried` (the default) where none was made;
    * `:heard_from`: the address from which the node's heartbeats come;
    * `:disconnected_by`: `:global` where the node was connected and disconnected by it, to prevent overlapping
      partitions. That is no step of a probe: who sees it says so;
    * `:step_timeout`: of each of the at most seven steps, in ms (#{@step});
    * `:outside`: fields of `NativeGossip.Probe.Outside`, for tests.
  """
  @type option ::
          {:connect, :failed | :untried}
          | {:heard_from, :inet.ip_address() | nil}
          | {:disconnected_by, :global | nil}
          | {:step_timeout, pos_integer}
          | {:outside, keyword}

  @doc "Probes a node. Blocks the caller for at most seven steps."
  @spec run(node, [option]) :: Result.t()
  def run(node, options \\ []) when is_atom(node) do
    options =
      Keyword.validate!(options,
        connect: :untried,
        heard_from: nil,
        disconnected_by: nil,
        step_timeout: @step,
        outside: []
      )

    started = now()
    facts = %Facts{at: DateTime.utc_now(), heard_from: options[:heard_from]}

    {cause, facts} =
      case Bounded.attempt(fn -> investigate(node, facts, Map.new(options)) end) do
        {:ok, found} -> found
        {:error, reason} -> {:probe_failed, %{facts | reason: reason}}
      end

    %Result{node: node, cause: cause, facts: %{facts | took_ms: now() - started}}
  end

  @spec investigate(node, Facts.t(), map) :: {Cause.t(), Facts.t()}
  defp investigate(node, facts, options) do
    outside = struct!(Outside.new(), options.outside)
    facts = %{facts | ours: outside.ours}
    probe = Map.merge(options, %{node: node, outside: outside, suspicion: nil})

    case names(probe, facts) do
      {:ok, probe, facts} -> probe |> at_epmd(facts) |> suspected()
      {cause, facts} -> {cause, facts}
    end
  end

  # The names alone.

  defp names(%{outside: %{ours: nil}}, facts), do: {:not_alive, facts}
  defp names(%{node: ours, outside: %{ours: ours}}, facts), do: {:own_name, facts}

  defp names(%{node: node, outside: outside} = probe, facts) do
    with [name, host] when name != "" and host != "" <- parts(node),
         facts = %{facts | host: host},
         {:connected?, false, _} <- {:connected?, node in outside.connected, facts},
         [_, our_host] = parts(outside.ours),
         {:alike?, true, _} <- {:alike?, long?(host) == long?(our_host), facts},
         {_family, _} <- outside.carrier do
      {:ok, Map.merge(probe, %{name: name, host: host, our_host: our_host}), facts}
    else
      {:connected?, true, facts} -> {:connected, facts}
      {:alike?, false, facts} -> {:name_form, facts}
      nil -> {:probe_failed, %{facts | reason: :unknown_proto_dist}}
      _no_node -> {:probe_failed, %{facts | reason: :no_name_of_a_node}}
    end
  end

  defp parts(node), do: node |> Atom.to_string() |> String.split("@")

  # As net_kernel tells them apart, by a dot; an IPv6 address has colons.
  @doc false
  @spec long?(host :: String.t()) :: boolean
  def long?(host), do: String.contains?(host, [".", ":"])

  defp literal(host) do
    case :inet.parse_strict_address(String.to_charlist(host)) do
      {:ok, address} -> address
      {:error, _} -> nil
    end
  end

  # Where the node listens.

  defp at_epmd(%{outside: %{epmd: nil}} = probe, facts) do
    case resolve(probe, facts) do
      {:ok, probe, facts} ->
        facts = %{facts | epmd_port: probe.outside.epmd_port}
        found = Epmd.port(probe.outside, facts.address, probe.name, probe.step_timeout)
        registered(found, probe, facts)

      ended ->
        ended
    end
  end

  defp at_epmd(%{outside: %{epmd: module, carrier: {family, _}}} = probe, facts) do
    facts = %{facts | epmd_module: module}
    ask = fn -> Epmd.ask_module(module, facts, probe.name, family) end

    case Bounded.call(ask, 2 * probe.step_timeout) do
      {:ok, {:ok, address, port}} when port in 1..65_535 ->
        at_address(address, probe, %{facts | port: port})

      {_, reason} ->
        {:epmd_module, probe, %{facts | reason: reason}}
    end
  end

  defp at_address(nil, probe, facts) do
    case resolve(probe, facts) do
      {:ok, probe, facts} -> at_port(probe, facts, 6)
      ended -> ended
    end
  end

  defp at_address(address, probe, facts) when is_tuple(address),
    do: at_port(probe, %{facts | address: address, addresses: [address]}, 6)

  defp registered({:registered, node}, probe, facts),
    do: at_port(probe, %{facts | port: node.port}, node.version)

  defp registered(:unregistered, probe, facts) do
    names = Epmd.names(probe.outside, facts.address, probe.step_timeout)
    {:name_unregistered, probe, %{facts | registered: names}}
  end

  defp registered(:silent, probe, facts), do: {:epmd_silent, probe, facts}
  defp registered(:foreign, probe, facts), do: {:epmd_foreign, probe, facts}

  defp registered({:error, refusal, reason}, probe, facts) do
    cause = refused(refusal, %{refused: :epmd_refused, filtered: :epmd_filtered})

    {cause, probe, %{facts | reason: reason}}
  end

  defp refused(:unreachable, _causes), do: :host_unreachable
  defp refused(:failed, _causes), do: :probe_failed
  defp refused(refusal, causes), do: Map.fetch!(causes, refusal)

  # Where the name leads: as the distribution does, the first address is gone to.

  defp resolve(%{outside: %{carrier: {family, _}} = outside, host: host} = probe, facts) do
    case addresses(outside.resolve, host, family, probe.step_timeout) do
      {:ok, {:ok, [address | _] = addresses}} ->
        # A name may have hundreds.
        facts = %{facts | address: address, addresses: Enum.take(addresses, 8)}
        {:ok, %{probe | suspicion: suspicion(probe, addresses, facts.heard_from)}, facts}

      {:ok, {:error, reason}} ->
        {:name_unresolved, probe, %{facts | reason: reason}}

      {_, reason} ->
        {:name_unresolved, probe, %{facts | reason: reason}}
    end
  end

  # An address leads to itself.
  defp addresses(resolve, host, family, patience) do
    case literal(host) do
      address when tuple_size(address) == 4 and family == :inet -> {:ok, {:ok, [address]}}
      address when tuple_size(address) == 8 and family == :inet6 -> {:ok, {:ok, [address]}}
      _ -> Bounded.call(fn -> resolve.(String.to_charlist(host), family) end, patience)
    end
  end

  # Only a suspicion: hosts have more addresses than one, and a node of this host may well be found by the loopback.
  # It is the cause where the node is not found.
  defp suspicion(probe, [address | _] = addresses, heard_from) do
    cond do
      heard_from != nil and Enum.any?(addresses, &same_host?(&1, heard_from, probe)) -> nil
      loopback?(address) and (heard_from != nil or elsewhere?(probe)) -> :name_loopback
      heard_from != nil -> :name_elsewhere
      true -> nil
    end
  end

  # Another host's name leads to the loopback, and this node is not one that lives there.
  defp elsewhere?(%{host: host, our_host: ours}) do
    own = literal(ours)
    host != ours and not (own != nil and loopback?(own))
  end

  defp same_host?(address, other, probe),
    do: address == other or (ours?(address, probe) and ours?(other, probe))

  defp ours?(address, probe), do: loopback?(address) or address in probe.outside.local

  defp loopback?({127, _, _, _}), do: true
  defp loopback?({0, 0, 0, 0, 0, 0, 0, 1}), do: true
  defp loopback?({0, 0, 0, 0, 0, 0xFFFF, high, _}), do: div(high, 256) == 127
  defp loopback?(_address), do: false

  # The node's port, and who speaks there.

  defp at_port(probe, facts, version, attempt \\ 1) do
    target = {facts.address, facts.port}

    case Handshake.run(probe.outside, target, version, probe.step_timeout) do
      # Another probe of this host, which has the same name, may be there at the same moment.
      found when found in [:interrupted, :closed, {:status, "nok"}] and attempt == 1 ->
        Process.sleep(Enum.random(@collision_pause))
        at_port(probe, facts, version, 2)

      found ->
        {cause, facts} = spoken(found, probe, facts)
        {cause, probe, facts}
    end
  end

  defp spoken({:error, refusal, reason}, _probe, facts) do
    causes = %{refused: :port_refused, filtered: :port_filtered}
    {refused(refusal, causes), %{facts | reason: reason}}
  end

  defp spoken(:silent, _probe, facts), do: {:silent, facts}
  defp spoken(:closed, _probe, facts), do: {:closed, facts}
  defp spoken(:interrupted, _probe, facts), do: {:busy, facts}
  defp spoken(:foreign, _probe, facts), do: {:not_a_node, facts}

  # It was connected a moment before, so the certificates are as they should be.
  defp spoken(:tls, %{outside: %{carrier: {_, :tls}}, disconnected_by: :global}, facts),
    do: {:kept_apart, facts}

  defp spoken(:tls, %{outside: %{carrier: {_, :tls}}}, facts), do: {:tls_both, facts}
  defp spoken(:tls, _probe, facts), do: {:tls_there, facts}

  # A node that answers what is not TLS.
  defp spoken(_found, %{outside: %{carrier: {_, :tls}}}, facts), do: {:tls_here, facts}

  defp spoken({:status, status}, _probe, facts) do
    causes = %{"nok" => :busy, "not_allowed" => :not_allowed, "alive" => :half_open}
    {Map.fetch!(causes, status), %{facts | status: status}}
  end

  defp spoken({:challenged, name, published?}, probe, facts) do
    facts = %{facts | answered_as: name, published?: published?}

    cond do
      name != Atom.to_string(probe.node) -> {:other_node, facts}
      probe.disconnected_by == :global -> {:kept_apart, facts}
      probe.connect == :failed -> {:cookie, facts}
      true -> {:reachable, facts}
    end
  end

  defp suspected({cause, %{suspicion: suspicion}, facts})
       when suspicion != nil and cause in @elsewhere,
       do: {suspicion, %{facts | obstacle: cause}}

  defp suspected({cause, _probe, facts}), do: {cause, facts}

  defp now, do: System.monotonic_time(:millisecond)
end
