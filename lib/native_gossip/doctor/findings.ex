defmodule NativeGossip.Doctor.Findings do
  @moduledoc """
  From facts to findings, the surest first, in the order of `NativeGossip.Doctor.Kind`. Nothing is asked of the
  system here.
  """

  import NativeGossip.Events.Words

  alias NativeGossip.Doctor.{Facts, Finding, Kind}
  alias NativeGossip.Events.{Fault, Refusal}
  alias NativeGossip.Probe
  alias NativeGossip.Probe.Explanation

  # Names of a list that are written out.
  @shown 3

  @doc "The findings, the surest first."
  @spec of(Facts.t()) :: [Finding.t()]
  def of(%Facts{} = facts) do
    found =
      Enum.flat_map(facts.faults, &fault/1) ++
        Enum.flat_map(facts.interfaces, &interface(&1, facts)) ++
        clocks(facts) ++
        Enum.flat_map(facts.refusals, &refusal(&1, facts)) ++
        names(facts) ++
        lossy(facts) ++
        epmd(facts) ++
        unconnectable(facts) ++
        silent(facts) ++
        hidden(facts) ++ to(facts)

    # Of one kind: in the order of above.
    place = fn %{kind: kind} -> Enum.find_index(Kind.all(), &(&1 == kind)) end
    Enum.sort_by(found ++ alone(facts, found), place)
  end

  defp finding(kind, seen, more \\ []) do
    %Finding{
      kind: kind,
      cause: more[:cause],
      seen: seen,
      expected: Kind.expected(kind),
      remedy: more[:remedy] || Kind.remedy(kind)
    }
  end

  # This host.

  @of_faults %{
    socket: :socket,
    scan: :no_interface,
    interface_missing: :interface_missing,
    no_interface: :no_interface,
    loopback_only: :no_interface,
    join: :join_refused,
    join_limit: :join_refused
  }

  # A nameless loop sends nothing, so it has no faults of sending.
  defp fault(%{fault: cause} = fault) do
    case @of_faults do
      %{^cause => kind} -> [finding(kind, Fault.raised(fault), cause: cause)]
      _ -> []
    end
  end

  defp interface(%{echo: {:unsent, reason}} = interface, facts) do
    seen =
      "cannot send to #{group(facts)} by #{interface(interface)}: #{reason}#{forbidden(reason)}"

    [finding(:send_refused, seen, cause: reason)]
  end

  defp interface(%{echo: :unheard} = interface, facts) do
    seen =
      "the doctor's own packets to #{group(facts)} do not come back on #{interface(interface)}"

    [finding(:own_unheard, seen)]
  end

  # A VPN among other interfaces may well have none.
  defp interface(%{multicast?: false, loopback?: false, heard: 0} = interface, facts) do
    if needed?(interface, facts),
      do: [
        finding(
          :no_multicast,
          "#{interface(interface)} has multicast switched off, and no other host is heard on it"
        )
      ],
      else: []
  end

  defp interface(_interface, _facts), do: []

  defp forbidden(reason) when reason in [:eperm, :eacces],
    do: ", as a firewall of this host says"

  defp forbidden(_reason), do: ""

  defp needed?(interface, %{interfaces: interfaces, options: %{multicast_if: wanted}}) do
    named? = is_list(wanted) and (interface.name in wanted or interface.address in wanted)
    named? or match?([_], interfaces)
  end

  # What is refused.

  @of_refusals %{
    undecryptable: :secret,
    unsealed: :secret,
    signature: :secret,
    unsigned: :unsigned,
    stale: :clock,
    twin: :name_shared,
    cluster: :other_cluster,
    filtered: :filtered,
    name: :foreign,
    replayed: :foreign,
    over_limit: :foreign
  }

  # Without a secret here a sealed heartbeat looks like anything.
  defp refusal(%{cause: :malformed} = refusal, %{options: %{secret?: false}} = facts) do
    here = nodes_elsewhere(facts) == []
    [refused(if(here, do: :secret, else: :foreign), refusal, facts)]
  end

  defp refusal(%{cause: :malformed} = refusal, facts), do: [refused(:foreign, refusal, facts)]

  defp refusal(%{cause: cause} = refusal, facts),
    do: [refused(Map.get(@of_refusals, cause, :foreign), refusal, facts)]

  defp refused(kind, %{cause: cause, packets: packets} = refusal, facts) do
    # The first sentence; what to do stands in the table.
    [meaning | _] = cause |> Refusal.meaning() |> String.split(". ")

    seen =
      "#{packets} #{if packets == 1, do: "packet is", else: "packets are"} refused as #{cause}" <>
        "#{from(refusal, facts)}: #{meaning}"

    finding(kind, seen, cause: cause)
  end

  # The loop has one source of a cause. Where there is no other cause, whoever is not taken has this one.
  defp from(_refusal, %{refusals: [_], untaken: [_, _ | _] = untaken}),
    do: ", from #{first(untaken, @shown, &address/1)}"

  defp from(%{source: nil}, _facts), do: ""

  defp from(%{source: source, interface: interface}, _facts),
    do: ", from #{socket_address(source)}#{on(interface)}"

  # Names and clocks.

  defp names(facts) do
    shared =
      for name <- facts.shared, do: finding(:name_shared, "two BEAMs speak as #{quoted(name)}")

    shared ++ forms(Enum.split_with(facts.nodes, &long?(&1.name)))
  end

  defp forms({[], _}), do: []
  defp forms({_, []}), do: []

  defp forms({long, short}) do
    [
      finding(
        :name_forms,
        "long names are heard (#{named(long)}) and short ones (#{named(short)})"
      )
    ]
  end

  defp clocks(facts) do
    for %{node: node, off_ms: off} <- facts.clocks do
      finding(:clock, "the clock of #{quoted(node)} is #{span(off)} #{side(off)} this one's")
    end
  end

  defp side(off) when off < 0, do: "behind"
  defp side(_off), do: "ahead of"

  # Loss.

  # Packets, and percent of all, that have to be lost before it is a finding: a queue may overflow now and then.
  @lost 3
  @lossy 10

  defp lossy(facts) do
    nodes =
      for %{missing: missing, received: received} = node <- nodes_elsewhere(facts),
          lossy?(missing, received + missing),
          do: {missing, "#{quoted(node.name)} (#{missing} of #{received + missing})"}

    # The worst first.
    nodes = nodes |> Enum.sort(:desc) |> Enum.map(&elem(&1, 1))

    heard =
      if nodes == [],
        do: [],
        else: [finding(:lossy, "heartbeats do not come: #{first(nodes, @shown, & &1)}")]

    heard ++ unanswered(facts.to)
  end

  defp unanswered(%{lost: {lost, of}, host: host}) do
    if lossy?(lost, of),
      do: [finding(:lossy, "the doctor at #{host} answers #{of - lost} of #{of} questions")],
      else: []
  end

  defp unanswered(_to), do: []

  defp lossy?(lost, of), do: lost >= @lost and 100 * lost >= @lossy * of

  # Connecting.

  defp epmd(%{epmd: {:absent, port}}),
    do: [finding(:epmd, "no epmd runs on this host: nothing listens at port #{port}")]

  defp epmd(_facts), do: []

  # What is no cause, or is said by another finding: busy ends by itself.
  @unsaid [:connected, :reachable, :own_name, :not_alive, :busy, :probe_failed]

  defp unconnectable(facts) do
    mixed? = forms(Enum.split_with(facts.nodes, &long?(&1.name))) != []

    for %{cause: cause} = result <- facts.probes,
        cause not in @unsaid,
        not (mixed? and cause == :name_form),
        not (match?({:absent, _}, facts.epmd) and cause == :epmd_refused and
               here?(result, facts)),
        not beyond_us?(cause, facts) do
      seen = "no connection to #{inspect(result.node)} (#{cause}): #{Explanation.seen(result)}"
      finding(:unconnectable, seen, cause: cause, remedy: Probe.Cause.remedy(cause))
    end
  end

  defp silent(facts) do
    for %{name: name, heard_ms: ms} = node <- facts.silent do
      from = if node.source, do: " from #{address(node.source)}", else: ""

      finding(
        :fell_silent,
        "#{quoted(name)} is connected, and was heard last #{span(ms)} ago#{from}"
      )
    end
  end

  defp hidden(facts) do
    hidden = for %{facts: %{published?: false}, node: node} <- facts.probes, do: inspect(node)

    case hidden do
      [] -> []
      [node] -> [finding(:hidden, "#{node} is a hidden node")]
      nodes -> [finding(:hidden, "hidden nodes are heard: #{first(nodes, @shown, & &1)}")]
    end
  end

  defp here?(%{node: node}, facts) do
    name = Atom.to_string(node)
    Enum.any?(facts.nodes, &(&1.name == name and &1.here?))
  end

  # A BEAM without a name has not the flags of a node: whether a node should speak TLS is not known to it.
  defp beyond_us?(cause, %{ours: nil}), do: cause in [:tls_there, :tls_both]
  defp beyond_us?(cause, _facts), do: cause == :tls_both

  # One host, asked beside the group.

  defp to(%{to: %{host: host, sent: {:error, reason}}}),
    do: [finding(:send_refused, "cannot send to #{host}: #{reason}", cause: reason)]

  defp to(%{to: %{arrived: arrived} = to} = facts) do
    cond do
      :multicast in arrived and :unicast in arrived ->
        []

      :multicast in arrived ->
        [
          finding(
            :unicast_lost,
            "the doctor at #{to.host} gets what is sent to #{group(facts)}, and not what is sent to it alone"
          )
        ]

      :unicast in arrived ->
        [
          finding(
            :multicast_lost,
            "the doctor at #{to.host} gets what is sent to it, and not what is sent to #{group(facts)}"
          )
        ]

      true ->
        [finding(:to_unanswered, "no doctor answers at #{to.host}, port #{facts.options.port}")]
    end
  end

  defp to(%{to: nil}), do: []

  # Nobody. Several nodes on one host may well be all there are.

  @explains [
    :socket,
    :no_interface,
    :interface_missing,
    :join_refused,
    :send_refused,
    :own_unheard,
    :secret,
    :clock,
    :unsigned,
    :other_cluster,
    :filtered,
    :fell_silent,
    :multicast_lost
  ]

  defp alone(facts, found) do
    if length(facts.nodes) < 2 and nodes_elsewhere(facts) == [] and
         not Enum.any?(found, &(&1.kind in @explains)),
       do: [finding(:alone, "#{heard(facts.nodes)} in #{facts.seconds} s#{echoed(facts)}")],
       else: []
  end

  defp heard([]), do: "no heartbeat was heard"
  defp heard([node]), do: "no heartbeat but that of #{quoted(node.name)}, of this host, was heard"

  defp echoed(%{interfaces: interfaces}) do
    case for %{echo: :heard} = interface <- interfaces, do: interface(interface) do
      [] -> ""
      heard -> "; the doctor's own packet came back on #{Enum.join(heard, ", ")}"
    end
  end

  defp nodes_elsewhere(facts), do: Enum.reject(facts.nodes, & &1.here?)

  defp group(%{options: options}), do: socket_address({options.group, options.port})

  defp named(nodes), do: first(nodes, @shown, &quoted(&1.name))

  defp quoted(name), do: inspect(name)

  defp long?(name) do
    [_ | host] = String.split(name, "@", parts: 2)
    Enum.any?(host, &Probe.long?/1)
  end
end
