defmodule NativeGossip.Options do
  alias NativeGossip.Options.{
    Address,
    Boolean,
    IntegerRange,
    Interfaces,
    Label,
    OneOf,
    Patterns,
    Rules,
    Secret,
    Seeds,
    Type
  }

  # The one table of options: it documents them, completes them and checks them.
  @schema [
    port: [
      type: {IntegerRange, 1..65_535},
      default: 45_892,
      doc: "UDP port, bound and sent to"
    ],
    if_addr: [
      type: Address,
      default: {0, 0, 0, 0},
      doc:
        "address to bind, of the family of `multicast_addr`: where that is IPv6 the default is `::`; " <>
          "except on Windows, a socket bound to one host's address hears no multicast"
    ],
    multicast_if: [
      type: Interfaces,
      default: nil,
      doc:
        "the interfaces that send and join, by address or by name; `:all` are those that there " <>
          "are at the moment; the system's choice without it"
    ],
    multicast_addr: [
      type: Address,
      default: {233, 252, 1, 32},
      doc: "the group; with `broadcast_only`, the broadcast address, which is IPv4"
    ],
    multicast_ttl: [
      type: {IntegerRange, 0..255},
      default: 1,
      doc: "TTL (IPv6: hop limit) of what is sent: 1 stays on the LAN"
    ],
    broadcast_only: [
      type: Boolean,
      default: false,
      doc: "no group is joined"
    ],
    secret: [
      type: Secret,
      default: nil,
      doc:
        "heartbeats are sealed and signed with it, and plain without; of a list the first seals and signs, " <>
          "and every one opens and verifies, so that it can be changed node by node"
    ],
    seal: [
      type: {Boolean, :strict},
      default: true,
      doc:
        "with a secret: `false` sends heartbeats plain and signed, and takes plain ones: the road from a " <>
          "plain cluster to a secret"
    ],
    authentication: [
      type: {OneOf, [:compatible, :required]},
      default: :compatible,
      doc:
        "`:required` takes only signed heartbeats that are not recorded; `:compatible` takes those of the " <>
          "stock strategy, too"
    ],
    cluster: [
      type: Label,
      default: nil,
      doc:
        "a label: heartbeats that carry another one are not for this node, so clusters may share a group; " <>
          "it is part of the key of signatures"
    ],
    allow: [
      type: Patterns,
      default: nil,
      doc:
        "the names of nodes that are heard, every one without it; checked before a name is an atom"
    ],
    seeds: [
      type: Seeds,
      default: [],
      doc:
        "hosts or broadcast addresses that heartbeats are sent to besides the group; names are " <>
          "resolved again and again; `port` where none is given"
    ],
    heartbeat_interval: [
      type: {IntegerRange, 1..3_600_000},
      default: 5_000,
      doc: "upper bound of the random gap between heartbeats, in ms"
    ],
    max_peers: [
      type: {IntegerRange, 1..100_000},
      default: 4_096,
      doc:
        "names remembered, and names taken in at once, a quarter (at least 16) from one address; " <>
          "one more every 10 s after that"
    ],
    receive_limit: [
      type: {IntegerRange, 1..1_000_000},
      default: 200_000,
      doc: "packets a second that are looked at; the kernel drops the rest"
    ],
    probe: [
      type: {Boolean, :strict},
      default: true,
      doc:
        "a node that cannot be connected to is probed, rarely, and the log says why; where `connect` is " <>
          "not of `:net_kernel`, nothing is probed"
    ]
  ]

  @moduledoc """
  The options of `NativeGossip.Strategy`: documented, completed and checked by one table.

  A type is a module, see `NativeGossip.Options.Type`. What options demand of each other is checked by
  `NativeGossip.Options.Rules`.
  """

  @derive {Inspect, except: [:secret]}
  @enforce_keys Keyword.keys(@schema)
  defstruct @enforce_keys

  @typedoc """
  Complete and checked: an address is a tuple, `secret` a list, `multicast_if` nil, `:all` or a list
  of addresses and names, `seeds` a list of `{host, port}`, `allow` a list, empty where every name is heard.
  All addresses are of one family.
  """
  @type t :: %__MODULE__{
          port: :inet.port_number(),
          if_addr: :inet.ip_address(),
          multicast_if: nil | :all | [:inet.ip_address() | String.t()],
          multicast_addr: :inet.ip_address(),
          multicast_ttl: 0..255,
          broadcast_only: boolean,
          secret: [binary],
          seal: boolean,
          authentication: :compatible | :required,
          cluster: String.t() | nil,
          allow: [String.t()],
          seeds: [{:inet.ip_address() | String.t(), :inet.port_number()}],
          heartbeat_interval: pos_integer,
          max_peers: pos_integer,
          receive_limit: pos_integer,
          probe: boolean
        }

  # How alike a mistyped name must be to the one that is suggested.
  @alike 0.8

  @doc """
  The options as a table in Markdown.
  """
  @spec table() :: String.t()
  def table do
    rows =
      for {name, spec} <- @schema do
        "| `#{name}` | #{default(spec)} | #{Type.expected(spec[:type])} | #{spec[:doc]} |\n"
      end

    "| option | default | forms | meaning |\n|---|---|---|---|\n#{rows}"
  end

  defp default(spec),
    do: if(spec[:default] == nil, do: "none", else: "`#{inspect(spec[:default])}`")

  @doc """
  Completes and checks the `config` of a topology.

  Raises `ArgumentError` with the option, what was given and what is expected.
  """
  @spec validate!(keyword, topology :: atom) :: t
  def validate!(config, topology) do
    unless Keyword.keyword?(config) do
      refuse!(topology, "config", "a keyword list", "another term, not shown for its secrets")
    end

    for {name, _} <- config, not Keyword.has_key?(@schema, name) do
      refuse!(topology, "config", "options among #{known()}", inspect(name) <> suggestion(name))
    end

    values = for {name, spec} <- @schema, do: {name, value!(config, name, spec, topology)}
    options = __MODULE__ |> struct!(values) |> complete(config)

    case Rules.check(options, config) do
      :ok -> options
      {:error, {name, expected, shown}} -> refuse!(topology, option(name), expected, shown)
    end
  end

  @typedoc "How heartbeats are sent: sealed and signed, plain and signed, or plain."
  @type heartbeat_form :: :sealed | :signed | :plain

  @doc """
  What a secret does for the heartbeats: without one they are plain.
  """
  @spec heartbeat_form(t) :: heartbeat_form
  def heartbeat_form(%__MODULE__{secret: []}), do: :plain
  def heartbeat_form(%__MODULE__{seal: false}), do: :signed
  def heartbeat_form(%__MODULE__{}), do: :sealed

  # What follows from another option where nothing is given.
  defp complete(options, config) do
    family = Address.family(options.multicast_addr)

    %{
      options
      | if_addr: if(config[:if_addr], do: options.if_addr, else: Address.unspecified(family)),
        seeds: Enum.uniq(for {host, port} <- options.seeds, do: {host, port || options.port})
    }
  end

  defp value!(config, name, spec, topology) do
    given = Keyword.get(config, name, spec[:default])

    case Type.parse(spec[:type], given) do
      {:ok, value} -> value
      :error -> refuse!(topology, option(name), Type.expected(spec[:type]), Type.written(given))
      {:error, shown} -> refuse!(topology, option(name), Type.expected(spec[:type]), shown)
    end
  end

  defp known, do: Enum.map_join(@schema, ", ", fn {name, _} -> inspect(name) end)

  defp suggestion(name) do
    alike = fn known -> String.jaro_distance("#{name}", "#{known}") end
    likest = @schema |> Keyword.keys() |> Enum.max_by(alike)
    if alike.(likest) >= @alike, do: "; did you mean #{inspect(likest)}?", else: ""
  end

  defp option(name), do: "option #{inspect(name)}"

  @spec refuse!(atom, String.t(), String.t(), String.t()) :: no_return
  defp refuse!(topology, what, expected, given) do
    raise ArgumentError,
          "topology #{inspect(topology)}, #{what} of NativeGossip.Strategy: " <>
            "expected #{expected}, got: #{given}"
  end
end
