defmodule NativeGossip.Events.Fields do
  @moduledoc """
  What the fields of events are: measurements, which are numbers that can be added up or drawn, and metadata.
  """

  # What does not stand among these is metadata.
  @measurements [
    packets: "how many were refused for this cause since the last event of it",
    off_ms:
      "how far the clock of the node is ahead of this one's, in ms; behind it, it is negative",
    by_ms: "how far a clock was set ahead, in ms; back, it is negative",
    loops: "how many strategies run in this BEAM",
    schedulers: "how many dirty IO schedulers it has",
    failing: "of a fault of seeds: how many are not reached",
    missing: "of the fault `join_limit`: on how many interfaces the group is not joined",
    waited_ms: "how long it took, in ms",
    heard:
      "how many other nodes' heartbeats were taken within the last day, where the topology runs",
    of: "how many there are, of which some are failing or missing"
  ]

  @metadata [
    node:
      "the name of the node: a string where it was only heard, which may never become an atom",
    interface:
      "of a packet the name of the interface that it came by, or nil where the system does not tell; else " <>
        "a map of the interface's `name`, `index` and `address`",
    taken:
      "how many of its heartbeats were taken since it was heard first, or nil where it does not sign",
    lost:
      "how many of them did not come meanwhile, by their numbers, or nil where it does not sign",
    cause: "of a refusal, as in `NativeGossip.counters/1`",
    source: "where the heartbeat came from, or the last of the packets, `{address, port}`",
    group: "the address of the multicast group",
    heartbeat_form: "how they are sent: `:sealed` (and signed), `:signed` or `:plain`",
    target: "where heartbeats are sent to, `{address, port}`",
    name: "the name of a host in option `seeds`",
    addresses: "what the name was resolved to, sorted",
    probe: "what the probe found, a `NativeGossip.Probe.Result`",
    reason: "why: of a name, as `:inet.getaddrs/2` says it; of an interface, a word",
    awaited: "which nodes were awaited, or how many others",
    outcome: "`:ok` where they are connected, or `:error`",
    connected: "the nodes that are connected",
    absent: "those that were awaited by name and are not connected",
    alive: "whether this node has a name",
    max: "how many addresses are sent to",
    warning: "which warning: a word, as `:secret_short`",
    fault: "which fault: a word, as `:socket` or `:no_echo`",
    step: "at which step there is a fault: a word, as `:bind`",
    address: "an address, or `{address, port}`",
    wanted:
      "the interface as option `multicast_if` has it, `{:name, name}` or `{:address, address}`",
    some: "the first ones that are failing or missing, three at most",
    code: "the number of the system's error, or nil",
    text: "what the system calls it"
  ]

  @measured Keyword.keys(@measurements)

  @doc """
  The measurements and the metadata among an event's fields. A `count` of 1 is among the measurements of each
  event.

      iex> NativeGossip.Events.Fields.split(%{node: "a@h", off_ms: -780_000})
      {%{count: 1, off_ms: -780_000}, %{node: "a@h"}}
  """
  @spec split(fields :: map) :: {%{:count => 1, optional(term) => term}, metadata :: map}
  def split(fields) do
    {measurements, metadata} = Map.split(fields, @measured)
    {Map.put(measurements, :count, 1), metadata}
  end

  @doc "Whether a field is a measurement."
  @spec measurement?(field :: atom) :: boolean
  def measurement?(field), do: field in @measured

  @doc "All measurements, with what they are."
  @spec measurements() :: [{field :: atom, String.t()}]
  def measurements, do: @measurements

  @doc "All metadata, with what they are."
  @spec metadata() :: [{field :: atom, String.t()}]
  def metadata, do: @metadata
end
