defmodule NativeGossip.Status.Text do
  @moduledoc """
  A status in lines for people.
  """

  import NativeGossip.Events.Words

  alias NativeGossip.{Events, Peer, Status}

  # The longest label and two spaces.
  @width 12

  @doc "The topology, and how many peers it has."
  @spec title(Status.t()) :: String.t()
  def title(status) do
    counts =
      for state <- Peer.state_names(), count = status.peers[state], count > 0, do: {state, count}

    draining = if status.draining, do: ["draining"], else: []
    faults = if status.faults == [], do: [], else: [several(length(status.faults), "fault")]
    name(status.topology) <> ": " <> Enum.join(peers(counts) ++ draining ++ faults, ", ")
  end

  defp name(topology) when is_atom(topology), do: to_string(topology)
  defp name(topology), do: inspect(topology)

  defp peers([]), do: ["no peer heard"]

  defp peers([{state, count} | rest]) do
    first = "#{several(count, "peer")} #{Peer.state_word(state)}"
    [first | for({state, count} <- rest, do: "#{count} #{Peer.state_word(state)}")]
  end

  @doc "All else, a line for each thing."
  @spec lines(Status.t()) :: [String.t()]
  def lines(status) do
    [
      {"node", [this_node(status)]},
      {"socket", [socket(status.socket)]},
      {"interface", Enum.map(status.memberships, &membership(&1, status.socket))},
      {"heartbeats", [heartbeats(status)]},
      {"packets", [packets(status)]},
      {"refused", refused(status, Events.refusals())},
      {"signing", signing(status)},
      {"overload", overload(status)},
      {"fault", Enum.map(status.faults, &fault/1)}
    ]
    |> Enum.flat_map(fn {label, texts} -> labelled(label, texts) end)
  end

  defp labelled(label, texts) do
    labels = [label | List.duplicate("", length(texts))]
    for {label, text} <- Enum.zip(labels, texts), do: String.pad_trailing(label, @width) <> text
  end

  defp this_node(%{node: nil}), do: "not alive: it sends nothing"
  defp this_node(%{incarnation: nil} = status), do: to_string(status.node)

  defp this_node(status),
    do: "#{status.node}, incarnation #{hex(status.incarnation)}"

  @doc """
  An incarnation, as it is written.

      iex> NativeGossip.Status.Text.hex(0xE7AD310755131A04)
      "e7ad310755131a04"
  """
  @spec hex(non_neg_integer) :: String.t()
  def hex(incarnation),
    do: incarnation |> Integer.to_string(16) |> String.downcase() |> String.pad_leading(16, "0")

  defp socket(socket) do
    kind = if socket.broadcast, do: "broadcast", else: "group"
    where = "#{socket_address(socket.address)}, #{kind} #{socket_address(socket.target)}"
    deaf = if socket.broadcast or socket.hears_groups, do: "", else: ", hears no groups"
    open(socket) <> ", " <> where <> deaf
  end

  defp open(%{open: true}), do: "open"
  defp open(%{fault: nil}), do: "not open yet"

  defp open(%{fault: fault}),
    do: "closed for #{span(fault.since_ms)} (#{Events.Fault.cause(fault)})"

  defp membership(membership, socket) do
    interface =
      case membership do
        %{name: nil, address: address} -> address(address)
        %{name: name, address: nil} -> name
        %{} -> interface(membership)
      end

    causes = Enum.map(membership.faults, &Events.Fault.cause/1)
    joined = if membership.joined, do: "joined", else: "not joined"
    echo = if membership.joined and socket.hears_groups, do: heard(membership), else: []
    interface <> ": " <> Enum.join([joined | echo] ++ causes, ", ")
  end

  defp heard(membership) do
    echo = membership.echo_ms
    heard = membership.heard_ms

    own =
      if echo, do: ["own heartbeat back #{span(echo)} ago"], else: ["no own heartbeat back yet"]

    own ++ if(heard, do: ["another host heard #{span(heard)} ago"], else: [])
  end

  defp heartbeats(status) do
    failures = status.send_failures
    failed = if failures > 0, do: ", refused by the system #{several(failures, "time")}", else: ""
    interval = span(status.interval_ms)

    "#{form(status.heartbeat_form)}, #{interval} apart at most, #{status.counters.sent} sent#{failed}"
  end

  defp packets(%{counters: counters} = status) do
    counts = [
      "#{counters.accepted} accepted",
      "#{counters.copied} copied",
      "#{counters.echoed} own",
      "#{refusals(counters)} refused"
    ]

    # Elsewhere the interfaces tell.
    echo =
      if status.socket.broadcast and status.echo_ms,
        do: ", own heartbeat back #{span(status.echo_ms)} ago",
        else: ""

    "#{counters.received} received: #{Enum.join(counts, ", ")}#{echo}"
  end

  defp refusals(counters),
    do: counters |> Map.take(Events.refusals()) |> Map.values() |> Enum.sum()

  @doc "Of each of these causes that there was, how many packets were refused, and where the last one came from."
  @spec refused(Status.t(), causes :: [atom]) :: [String.t()]
  def refused(status, causes) do
    for cause <- causes, last = status.last_refused[cause] do
      "#{status.counters[cause]} #{cause}, the last #{span(last.ms)} ago from " <>
        socket_address(last.source) <> on(last.interface)
    end
  end

  defp signing(%{readiness: %{signed: []}}), do: []

  defp signing(%{readiness: readiness}) do
    signed =
      for {count, place} <- Enum.with_index(readiness.signed, 1),
          do: "#{count} with secret #{place}"

    [Enum.join(signed ++ ["#{readiness.unsigned} unsigned"], ", ") <> ", within a day"]
  end

  defp overload(%{overloaded: false}), do: []
  defp overload(_status), do: ["more arrives than is looked at (option receive_limit)"]

  defp fault(fault), do: "#{Events.Fault.raised(fault)} (for #{span(fault.since_ms)})"
end
