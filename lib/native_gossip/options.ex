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
      doc: "address to bind; on Linux a socket bound to one host's address hears no multicast"
    ],
    multicast_if: [
      type: {:optional, :address},
      default: nil,
      doc: "address of the interface that sends and joins; the system's choice without it"
    ],
    multicast_addr: [
      type: :address,
      default: {233, 252, 1, 32},
      doc: "the group; with `broadcast_only`, the broadcast address"
    ],
    multicast_ttl: [
      type: {:integer, 0..255},
      default: 1,
      doc: "TTL of what is sent: 1 stays on the LAN"
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

  @typedoc "Complete and checked: an address is a tuple, `secret` a list."
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

    check_group!(options, config, topology)
    options
  end

  @doc """
  What is allowed and may yet surprise, in sentences for the log.
  """
  @spec warnings(t, :os.type()) :: [String.t()]
  def warnings(options, os \\ :os.type())

  def warnings(%{broadcast_only: false, if_addr: bound} = options, {:unix, :linux})
      when bound not in [{0, 0, 0, 0}, options.multicast_addr] do
    [
      "bound to #{:inet.ntoa(bound)} (option if_addr), and on Linux such a socket hears no " <>
        "multicast: leave if_addr out, and name the interface with multicast_if"
    ]
  end

  def warnings(%{broadcast_only: true, multicast_addr: {first, _, _, _} = group}, _os)
      when first in 224..239 do
    [
      "broadcast_only is set, and multicast_addr is the multicast group #{:inet.ntoa(group)}, " <>
        "which is not joined: set multicast_addr to the broadcast address of the network"
    ]
  end

  def warnings(_options, _os), do: []

  defp value!(config, name, spec, topology) do
    given = Keyword.get(config, name, spec[:default])

    case cast(spec[:type], given) do
      {:ok, value} ->
        value

      :error ->
        shown = if name == :secret, do: "another term, not shown", else: inspect(given)
        refuse!(topology, "option #{inspect(name)}", expected(spec[:type]), shown)
    end
  end

  defp cast({:optional, _type}, nil), do: {:ok, nil}
  defp cast({:optional, type}, value), do: cast(type, value)

  defp cast({:integer, range}, n) when is_integer(n),
    do: if(n in range, do: {:ok, n}, else: :error)

  defp cast(:boolean, value) when is_boolean(value), do: {:ok, value}

  # As the stock strategy reads it: "127.1" is an address too.
  defp cast(:address, address) when is_binary(address) do
    with true <- String.valid?(address),
         {:ok, address} <- :inet.parse_ipv4_address(String.to_charlist(address)) do
      {:ok, address}
    else
      _ -> :error
    end
  end

  defp cast(:address, address) when is_tuple(address) do
    if :inet.is_ipv4_address(address), do: {:ok, address}, else: :error
  end

  defp cast(:secret, nil), do: {:ok, []}
  defp cast(:secret, secret) when is_binary(secret), do: {:ok, [secret]}

  defp cast(:secret, [_ | _] = secrets) do
    if not List.improper?(secrets) and Enum.all?(secrets, &is_binary/1),
      do: {:ok, secrets},
      else: :error
  end

  defp cast(_type, _value), do: :error

  defp expected({:optional, type}), do: "nil or " <> expected(type)
  defp expected({:integer, first..last//_}), do: "an integer from #{first} to #{last}"
  defp expected(:boolean), do: "true or false"
  defp expected(:address), do: "an IPv4 address, as a tuple or a string"
  defp expected(:secret), do: "nil, a string, or a list of strings that is not empty"

  defp default(spec),
    do: if(spec[:default] == nil, do: "none", else: "`#{inspect(spec[:default])}`")

  defp check_group!(%{broadcast_only: false, multicast_addr: {first, _, _, _}}, config, topology)
       when first not in 224..239 do
    expected =
      "a multicast address, 224.0.0.0 to 239.255.255.255, where broadcast_only is not set"

    refuse!(topology, "option :multicast_addr", expected, inspect(config[:multicast_addr]))
  end

  defp check_group!(_options, _config, _topology), do: :ok

  @spec refuse!(atom, String.t(), String.t(), String.t()) :: no_return
  defp refuse!(topology, what, expected, given) do
    raise ArgumentError,
          "topology #{inspect(topology)}, #{what} of NativeGossip.Strategy: " <>
            "expected #{expected}, got: #{given}"
  end
end
