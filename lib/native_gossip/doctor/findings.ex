defmodule NativeGossip.Doctor.Findings do
  @moduledoc """
  From facts to findings, the surest first, in the order of `NativeGossip.Doctor.Kind`. Nothing is asked of the
  system here.
  """

  import NativeGossip.Events.Words

  alias NativeGossip.Doctor.{Facts, Finding, Kind}
  alias NativeGossip.Doctor.Findings.{Loss, Nodes}
  alias NativeGossip.Events.{Fault, Refusal}

  @doc "The findings, the surest first."
  @spec of(Facts.t()) :: [Finding.t()]
  def of(%Facts{} = facts) do
    found =
      Enum.flat_map(facts.faults, &fault/1) ++
        Enum.flat_map(facts.interfaces, &interface(&1, facts)) ++
        Nodes.clocks(facts) ++
        Enum.flat_map(facts.refusals, &refusal(&1, facts)) ++
        Nodes.of(facts) ++ Loss.of(facts) ++ to(facts)

    # Of one kind: in the order of above.
    place = fn %{kind: kind} -> Enum.find_index(Kind.all(), &(&1 == kind)) end
    Enum.sort_by(found ++ alone(facts, found), place)
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
      %{^cause => kind} -> [Finding.new(kind, Fault.raised(fault), cause: cause)]
      _ -> []
    end
  end

  defp interface(%{echo: {:unsent, reason}} = interface, facts) do
    seen =
      "cannot send to #{group(facts)} by #{interface(interface)}: #{reason}#{forbidden(reason)}"

    [Finding.new(:send_refused, seen, cause: reason)]
  end

  defp interface(%{echo: :unheard} = interface, facts) do
    seen =
      "the doctor's own packets to #{group(facts)} do not come back on #{interface(interface)}"

    [Finding.new(:own_unheard, seen)]
  end

  # A VPN among other interfaces may well have none.
  defp interface(%{multicast?: false, loopback?: false, heard: 0} = interface, facts) do
    if needed?(interface, facts),
      do: [
        Finding.new(
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
    here = Facts.elsewhere(facts) == []
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

    Finding.new(kind, seen, cause: cause)
  end

  # The loop has one source of a cause. Where there is no other cause, whoever is not taken has this one.
  defp from(_refusal, %{refusals: [_], untaken: [_, _ | _] = untaken}),
    do: ", from #{Finding.some(untaken, &address/1)}"

  defp from(%{source: nil}, _facts), do: ""

  defp from(%{source: source, interface: interface}, _facts),
    do: ", from #{socket_address(source)}#{on(interface)}"

  # One host, asked beside the group.

  defp to(%{to: %{host: host, sent: {:error, reason}}}),
    do: [Finding.new(:send_refused, "cannot send to #{host}: #{reason}", cause: reason)]

  defp to(%{to: %{arrived: arrived} = to} = facts) do
    cond do
      :multicast in arrived and :unicast in arrived ->
        []

      :multicast in arrived ->
        [
          Finding.new(
            :unicast_lost,
            "the doctor at #{to.host} gets what is sent to #{group(facts)}, and not what is sent to it alone"
          )
        ]

      :unicast in arrived ->
        [
          Finding.new(
            :multicast_lost,
            "the doctor at #{to.host} gets what is sent to it, and not what is sent to #{group(facts)}"
          )
        ]

      true ->
        [
          Finding.new(
            :to_unanswered,
            "no doctor answers at #{to.host}, port #{facts.options.port}"
          )
        ]
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
    :hangs,
    :multicast_lost
  ]

  defp alone(facts, found) do
    if length(facts.nodes) < 2 and Facts.elsewhere(facts) == [] and
         not Enum.any?(found, &(&1.kind in @explains)),
       do: [
         Finding.new(:alone, "#{heard(facts.nodes)} in #{facts.seconds} s#{echoed(facts)}",
           remedy: Kind.remedy(:alone) <> other_host(facts)
         )
       ],
       else: []
  end

  defp other_host(%{to: nil, answered: nil}),
    do: ". From here these cannot be told apart: mix native_gossip.doctor --to HOST can"

  defp other_host(_facts), do: ""

  defp heard([]), do: "no heartbeat was heard"

  defp heard([node]),
    do: "no heartbeat but that of #{inspect(node.name)}, of this host, was heard"

  defp echoed(%{interfaces: interfaces}) do
    case for %{echo: :heard} = interface <- interfaces, do: interface(interface) do
      [] -> ""
      heard -> "; the doctor's own packet came back on #{Enum.join(heard, ", ")}"
    end
  end

  defp group(%{options: options}), do: socket_address({options.group, options.port})
end
