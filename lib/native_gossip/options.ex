defmodule NativeGossip.Options do
  # The one table of options: it documents them, completes them and checks them.
  @schema [
    port: [
      type: {:integer, 1..65_535},
      default: 45_892,
      doc: "UDP port, bound and sent to"
    ],
    if_addr: [
      type: :address,
      default: {0, 0, 0, 0},
      doc:
        "address to bind, of the family of `multicast_addr`: where that is IPv6 the default is `::`; " <>
          "on Linux a socket bound to one host's address hears no multicast"
    ],
    multicast_if: [
      type: :interfaces,
      default: nil,
      doc:
        "the interfaces that send and join, by address or by name; `:all` are those that there " <>
          "are at the moment; the system's choice without it"
    ],
    multicast_addr: [
      type: :address,
      default: {233, 252, 1, 32},
      doc: "the group; with `broadcast_only`, the broadcast address, which is IPv4"
    ],
    multicast_ttl: [
      type: {:integer, 0..255},
      default: 1,
      doc: "TTL (IPv6: hop limit) of what is sent: 1 stays on the LAN"
    ],
    broadcast_only: [
      type: :boolean,
      default: false,
      doc: "no group is joined"
    ],
    secret: [
      type: :secret,
      default: nil,
      doc:
        "heartbeats are sealed with it; of a list the first seals and every one opens, " <>
          "so that it can be changed node by node"
    ],
    seeds: [
      type: :seeds,
      default: [],
      doc:
        "hosts or broadcast addresses that heartbeats are sent to besides the group; names are " <>
          "resolved again and again; `port` where none is given"
    ],
    heartbeat_interval: [
      type: {:integer, 1..3_600_000},
      default: 5_000,
      doc: "upper bound of the random gap between heartbeats, in ms"
    ],
    max_peers: [
      type: {:integer, 1..100_000},
      default: 4_096,
      doc:
        "names remembered, and names taken in at once, a quarter (at least 16) from one address; " <>
          "one more every 10 s after that"
    ],
    receive_limit: [
      type: {:integer, 1..1_000_000},
      default: 20_000,
      doc: "packets a second that are looked at; the kernel drops the rest"
    ]
  ]

  @moduledoc """
  The options of `NativeGossip.Strategy`: documented, completed and checked by one table.
  """

  alias NativeGossip.Options.{Address, Interface, Seed}

  @typedoc """
  Complete and checked: an address is a tuple, `secret` a list, `multicast_if` nil, `:all` or a list
  of addresses and names, `seeds` a list of `{host, port}`. All addresses are of one family.
  """
  @type t :: %{atom => term}

  @doc """
  The options as a table in Markdown.
  """
  @spec table() :: String.t()
  def table do
    rows =
      for {name, spec} <- @schema do
        "| `#{name}` | #{default(spec)} | #{expected(spec[:type])} | #{spec[:doc]} |\n"
      end

    "| option | default | forms | meaning |\n|---|---|---|---|\n#{rows}"
  end

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
      known = Enum.map_join(@schema, ", ", fn {name, _} -> inspect(name) end)
      refuse!(topology, "config", "options among #{known}", inspect(name))
    end

    options =
      Map.new(@schema, fn {name, spec} -> {name, value!(config, name, spec, topology)} end)

    family = Address.family(options.multicast_addr)

    options =
      Map.merge(options, %{
        if_addr: if(config[:if_addr], do: options.if_addr, else: Address.unspecified(family)),
        seeds: Enum.uniq(for {host, port} <- options.seeds, do: {host, port || options.port})
      })

    check_group!(options, config, topology)
    check_families!(options, family, config, topology)
    check_scopes!(options, config, topology)
    options
  end

  @doc """
  What is allowed and may yet surprise, in sentences for the log.
  """
  @spec warnings(t, {family :: atom, name :: atom}) :: [String.t()]
  def warnings(options, os \\ :os.type())

  def warnings(%{broadcast_only: true} = options, _os) do
    unjoined_group(options.multicast_addr) ++ unused_interfaces(options.multicast_if)
  end

  def warnings(%{if_addr: bound, multicast_addr: group}, {:unix, :linux}) do
    if bound in [Address.unspecified(Address.family(group)), group] do
      []
    else
      [
        "bound to #{:inet.ntoa(bound)} (option if_addr), and on Linux such a socket hears no " <>
          "multicast: leave if_addr out, and name the interface with multicast_if"
      ]
    end
  end

  def warnings(_options, _os), do: []

  defp unjoined_group({first, _, _, _} = group) when first in 224..239 do
    [
      "broadcast_only is set, and multicast_addr is the multicast group #{:inet.ntoa(group)}, " <>
        "which is not joined: set multicast_addr to the broadcast address of the network"
    ]
  end

  defp unjoined_group(_address), do: []

  # A single address is what a configuration of the stock strategy may have, to no effect.
  defp unused_interfaces(nil), do: []
  defp unused_interfaces([address]) when is_tuple(address), do: []

  defp unused_interfaces(_given) do
    [
      "broadcast_only is set, and multicast_if has no effect on broadcasts: " <>
        "multicast_addr, the broadcast address of one network, says which interface sends"
    ]
  end

  defp value!(config, name, spec, topology) do
    given = Keyword.get(config, name, spec[:default])

    case cast(spec[:type], given) do
      {:ok, value} ->
        value

      :error ->
        refuse!(topology, "option #{inspect(name)}", expected(spec[:type]), inspect(given))

      {:error, shown} ->
        refuse!(topology, "option #{inspect(name)}", expected(spec[:type]), shown)
    end
  end

  defp cast({:integer, range}, n) when is_integer(n),
    do: if(n in range, do: {:ok, n}, else: :error)

  defp cast(:boolean, value) when is_boolean(value), do: {:ok, value}

  defp cast(:address, value), do: Address.parse(value)

  defp cast(:interfaces, value) when value in [nil, :all], do: {:ok, value}
  defp cast(:interfaces, []), do: :error
  defp cast(:interfaces, value), do: each(value, &Interface.parse/1)

  defp cast(:seeds, value) do
    most = Seed.most()

    case each(value, &Seed.parse/1) do
      {:ok, seeds} when length(seeds) > most -> {:error, "#{length(seeds)} of them"}
      result -> result
    end
  end

  defp cast(:secret, nil), do: {:ok, []}
  defp cast(:secret, secret) when is_binary(secret), do: {:ok, [secret]}

  defp cast(:secret, [_ | _] = secrets) do
    if not List.improper?(secrets) and Enum.all?(secrets, &is_binary/1),
      do: {:ok, secrets},
      else: {:error, "another term, not shown"}
  end

  defp cast(:secret, _value), do: {:error, "another term, not shown"}
  defp cast(_type, _value), do: :error

  # A single one stands for a list of one.
  defp each(value, parse) when not is_list(value), do: each([value], value, parse)

  defp each(values, parse),
    do: if(List.improper?(values), do: :error, else: each(values, values, parse))

  defp each(values, given, parse) do
    parsed = Enum.map(values, &{&1, parse.(&1)})

    case List.keyfind(parsed, :error, 1) do
      {culprit, :error} -> {:error, shown(inspect(culprit), given)}
      nil -> {:ok, Enum.uniq(for {_, {:ok, value}} <- parsed, do: value)}
    end
  end

  defp shown(culprit, given) when is_list(given), do: "#{culprit}, in #{inspect(given)}"
  defp shown(_culprit, given), do: inspect(given)

  defp expected({:integer, first..last//_}), do: "an integer from #{first} to #{last}"
  defp expected(:boolean), do: "true or false"
  defp expected(:address), do: "an IPv4 or IPv6 address, as a tuple or a string without a %zone"

  defp expected(:interfaces),
    do: "nil, :all, an address, an interface's name, or a list of addresses and names"

  defp expected(:seeds) do
    "a list of at most #{Seed.most()} targets, or one: an address, a host's name, " <>
      "\"host:port\", \"[IPv6]:port\" or {host, port}"
  end

  defp expected(:secret), do: "nil, a string, or a list of strings that is not empty"

  defp default(spec),
    do: if(spec[:default] == nil, do: "none", else: "`#{inspect(spec[:default])}`")

  defp check_group!(%{broadcast_only: broadcast_only?} = options, config, topology) do
    case {broadcast_only?, Address.family(options.multicast_addr),
          elem(options.multicast_addr, 0)} do
      {true, :inet, _} -> :ok
      {false, :inet, first} when first in 224..239 -> :ok
      {false, :inet6, first} when first in 0xFF00..0xFFFF -> :ok
      _ -> refuse_group!(broadcast_only?, config, topology)
    end
  end

  @spec refuse_group!(boolean, keyword, atom) :: no_return
  defp refuse_group!(broadcast_only?, config, topology) do
    expected =
      if broadcast_only?,
        do: "an IPv4 address where broadcast_only is set, as IPv6 has no broadcast",
        else:
          "a multicast address, 224.0.0.0 to 239.255.255.255 or ff00::/8, " <>
            "where broadcast_only is not set"

    refuse!(topology, "option :multicast_addr", expected, inspect(config[:multicast_addr]))
  end

  # One socket speaks one family.
  defp check_families!(options, family, config, topology) do
    wanted = if family == :inet, do: "IPv4", else: "IPv6"
    group = :inet.ntoa(options.multicast_addr)
    expected = "an #{wanted} address, as multicast_addr (#{group}) is one"

    for {name, address} <- addresses(options), Address.family(address) != family do
      refuse_address!(name, address, expected, config, topology)
    end

    :ok
  end

  # Every interface has a network fe80::/10 of its own, and a tuple cannot say which one is meant.
  defp check_scopes!(options, config, topology) do
    expected = "an address that is not link-local (fe80::/10): those need a zone"

    for {name, {first, _, _, _, _, _, _, _} = address} <- addresses(options),
        first in 0xFE80..0xFEBF and name != :multicast_if do
      refuse_address!(name, address, expected, config, topology)
    end

    :ok
  end

  # Each address that an option gives, beside the group.
  defp addresses(options) do
    interfaces = if is_list(options.multicast_if), do: options.multicast_if, else: []
    hosts = for {host, _port} <- options.seeds, do: host

    for {name, values} <- [if_addr: [options.if_addr], multicast_if: interfaces, seeds: hosts],
        address when is_tuple(address) <- values,
        do: {name, address}
  end

  @spec refuse_address!(atom, :inet.ip_address(), String.t(), keyword, atom) :: no_return
  defp refuse_address!(name, address, expected, config, topology) do
    shown = shown(:inet.ntoa(address), config[name])
    refuse!(topology, "option #{inspect(name)}", expected, shown)
  end

  @spec refuse!(atom, String.t(), String.t(), String.t()) :: no_return
  defp refuse!(topology, what, expected, given) do
    raise ArgumentError,
          "topology #{inspect(topology)}, #{what} of NativeGossip.Strategy: " <>
            "expected #{expected}, got: #{given}"
  end
end
