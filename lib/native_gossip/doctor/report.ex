defmodule NativeGossip.Doctor.Report do
  @moduledoc """
  What the doctor saw and found. IEx shows it as text; `text/2` and `json/1` are for others.
  """

  import NativeGossip.Events.Words

  alias NativeGossip.Doctor.{Facts, Finding}
  alias NativeGossip.Json
  alias NativeGossip.Probe.Cause

  @enforce_keys [:facts, :findings]
  defstruct @enforce_keys

  @type t :: %__MODULE__{facts: Facts.t(), findings: [Finding.t()]}

  # Nodes that are listed one by one.
  @max_nodes 20

  # What else than a probe stands in the way of nodes that answer one.
  @beyond_probes [:cookie, :kept_apart]

  @doc "As lines for a person, coloured where the terminal takes it."
  @spec text(t, ansi? :: boolean) :: String.t()
  def text(%__MODULE__{facts: facts, findings: findings}, ansi? \\ false) do
    [head(facts), seen(facts), found(findings, facts)]
    |> IO.ANSI.format(ansi?)
    |> IO.iodata_to_binary()
    |> String.trim_trailing()
  end

  defp head(%{topology: topology, options: options, seconds: seconds}) do
    secret = if options.secret?, do: "with a secret", else: "without a secret"
    where = socket_address({options.group, options.port})
    [:bright, "#{inspect(topology)}, #{where}, #{secret}, #{seconds} s", :reset, "\n"]
  end

  defp seen(facts) do
    lines =
      Enum.map(facts.interfaces, &joined/1) ++
        nodes(facts.nodes) ++
        Enum.map(facts.refusals, &refusal/1) ++
        untaken(facts.untaken) ++ asked(facts) ++ notes(facts)

    for line <- lines, do: ["  ", line, "\n"]
  end

  defp joined(interface) do
    "#{interface(interface)}: joined, #{echo(interface.echo)}, " <>
      "#{packets(interface.heard)} of other hosts"
  end

  defp echo(:heard), do: "own packet heard"
  defp echo(:unheard), do: "own packet NOT heard"
  defp echo({:unsent, reason}), do: "own packet not sent (#{reason})"
  defp echo(:untested), do: "own packet not tried"

  defp packets(count), do: several(count, "packet")

  defp nodes([]), do: ["no node heard"]

  defp nodes(nodes) do
    listed = for node <- Enum.take(nodes, @max_nodes), do: heard(node)
    more = length(nodes) - @max_nodes
    if more > 0, do: listed ++ ["and #{more} more nodes heard"], else: listed
  end

  defp heard(node) do
    by = if node.interfaces == [], do: "", else: " on #{Enum.join(node.interfaces, ", ")}"
    missing = if node.missing > 0, do: ", #{node.missing} missing", else: ""
    "heard #{inspect(node.name)}#{place(node)}#{by}: #{packets(node.packets)}#{missing}"
  end

  defp place(%{here?: true}), do: " of this host"
  defp place(%{source: source}), do: " from #{address(source)}"

  defp refusal(%{cause: cause, packets: count, source: nil}),
    do: "refused as #{cause}: #{packets(count)}"

  defp refusal(%{cause: cause, packets: count, source: source}),
    do: "refused as #{cause}: #{packets(count)}, from #{socket_address(source)}"

  defp untaken([]), do: []

  defp untaken(addresses),
    do: ["nothing is taken from #{Finding.some(addresses, &address/1)}"]

  defp asked(%{probes: probes} = facts) do
    answering = Enum.count(probes, &(Cause.none?(&1.cause) or &1.cause in @beyond_probes))

    probed =
      if probes == [],
        do: [],
        else: [
          "probed: #{answering} of #{length(probes)} answered, up to the cookie's challenge"
        ]

    to = if facts.to, do: [to(facts.to)], else: []
    answered = if facts.answered, do: [answered(facts.answered)], else: []
    epmd = if facts.epmd == :runs, do: ["epmd runs on this host"], else: []
    probed ++ epmd ++ to ++ answered
  end

  defp to(%{host: host, arrived: arrived, others: others, lost: lost}) do
    came =
      for way <- [:unicast, :multicast],
          do: "#{way} #{if way in arrived, do: "arrived", else: "NOT answered"}"

    others = for other <- others, do: "another doctor answered, at #{address(other)}"
    "asked the doctor at #{host}: #{Enum.join(came ++ answered_of(lost) ++ others, ", ")}"
  end

  defp answered_of(nil), do: []
  defp answered_of({lost, of}), do: ["#{of - lost} of #{of} questions answered"]

  defp answered([]), do: "answered no doctor"
  defp answered(doctors), do: "answered the doctor at #{Enum.map_join(doctors, ", ", &address/1)}"

  # What the doctor did not do, where that may be taken for a fault.
  defp notes(%{options: options}) do
    seeds =
      if options.seeds > 0,
        do: [
          "note: heartbeats to seeds are not heard by the doctor, as they go to one node alone"
        ],
        else: []

    broadcast =
      if options.broadcast_only,
        do: ["note: broadcasts have no echo that can be tried"],
        else: []

    seeds ++ broadcast
  end

  defp found([], %{nodes: nodes}),
    do: [
      :green,
      "Nothing wrong found, #{several(length(nodes), "node")} heard#{here(nodes)}.",
      :reset
    ]

  defp found(findings, _facts) do
    [
      [:red, several(length(findings), "finding"), ", the surest first:", :reset, "\n"],
      findings |> Enum.with_index(1) |> Enum.map(&finding/1)
    ]
  end

  defp here(nodes) do
    case Enum.count(nodes, & &1.here?) do
      0 -> ""
      count -> ", #{count} of this host"
    end
  end

  defp finding({finding, number}) do
    [
      [:red, "#{number}. #{finding.kind}", :reset, ": #{finding.seen}\n"],
      "   expected: #{finding.expected}\n",
      "   to do: #{finding.remedy}\n"
    ]
  end

  @doc "As JSON on one line: `ok`, `nodes_heard`, `findings` and `facts`."
  @spec json(t) :: String.t()
  def json(%__MODULE__{facts: facts, findings: findings}) do
    Json.encode(%{
      ok: findings == [],
      nodes_heard: length(facts.nodes),
      findings: Enum.map(findings, &Map.from_struct/1),
      facts: facts |> Map.from_struct() |> Map.update!(:probes, &probes/1)
    })
  end

  defp probes(probes), do: for(probe <- probes, do: Map.take(probe, [:node, :cause]))
end
