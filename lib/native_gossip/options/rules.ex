defmodule NativeGossip.Options.Rules do
  @moduledoc """
  What options demand of each other, once each of them is checked for itself.
  """

  alias NativeGossip.{Events, Options}
  alias NativeGossip.Options.{Address, Secret, Type}

  @typedoc "The option that is refused, what it should be, and what was given, both for a person."
  @type refusal :: {option :: atom, expected :: String.t(), shown :: String.t()}

  @doc """
  Checks complete options. `config` is what they were made of: a refusal shows what was given.
  """
  @spec check(Options.t(), config :: keyword) :: :ok | {:error, refusal}
  def check(options, config) do
    with :ok <- check_trust(options),
         :ok <- check_group(options, config),
         :ok <- check_families(options, config) do
      check_scopes(options, config)
    end
  end

  defp check_trust(%{secret: [], authentication: :required}) do
    expected =
      ":compatible without option secret, as only a secret verifies a heartbeat: set the secret of the " <>
        "cluster, or leave authentication out"

    {:error, {:authentication, expected, ":required"}}
  end

  defp check_trust(%{secret: [], seal: false}) do
    expected =
      "true without option secret, as heartbeats are plain then anyway: set the secret of the cluster, " <>
        "or leave seal out"

    {:error, {:seal, expected, "false"}}
  end

  defp check_trust(_options), do: :ok

  defp check_group(%{broadcast_only: broadcast_only?} = options, config) do
    case {broadcast_only?, Address.family(options.multicast_addr),
          elem(options.multicast_addr, 0)} do
      {true, :inet, _} ->
        :ok

      {true, :inet6, _} ->
        expected = "an IPv4 address where broadcast_only is set, as IPv6 has no broadcast"
        {:error, {:multicast_addr, expected, inspect(config[:multicast_addr])}}

      {false, :inet, first} when first in 224..239 ->
        :ok

      {false, :inet6, first} when first in 0xFF00..0xFFFF ->
        :ok

      {false, _, _} ->
        expected =
          "a multicast address, 224.0.0.0 to 239.255.255.255 or ff00::/8, " <>
            "where broadcast_only is not set"

        {:error, {:multicast_addr, expected, inspect(config[:multicast_addr])}}
    end
  end

  # One socket speaks one family.
  defp check_families(options, config) do
    family = Address.family(options.multicast_addr)
    wanted = if family == :inet, do: "IPv4", else: "IPv6"
    group = :inet.ntoa(options.multicast_addr)
    expected = "an #{wanted} address, as multicast_addr (#{group}) is one"
    refuse_first(addresses(options), &(Address.family(&1) != family), expected, config)
  end

  # Every interface has a network fe80::/10 of its own, and a tuple cannot say which one is meant.
  defp check_scopes(options, config) do
    expected = "an address that is not link-local (fe80::/10): those need a zone"
    addresses = for {name, _} = named <- addresses(options), name != :multicast_if, do: named
    refuse_first(addresses, &link_local?/1, expected, config)
  end

  defp link_local?({first, _, _, _, _, _, _, _}), do: first in 0xFE80..0xFEBF
  defp link_local?(_ipv4), do: false

  # Each address that an option gives, beside the group.
  defp addresses(options) do
    interfaces = if is_list(options.multicast_if), do: options.multicast_if, else: []
    hosts = for {host, _port} <- options.seeds, do: host

    for {name, values} <- [if_addr: [options.if_addr], multicast_if: interfaces, seeds: hosts],
        address when is_tuple(address) <- values,
        do: {name, address}
  end

  defp refuse_first(addresses, wrong?, expected, config) do
    case Enum.find(addresses, fn {_name, address} -> wrong?.(address) end) do
      nil ->
        :ok

      {name, address} ->
        shown = address |> :inet.ntoa() |> to_string() |> Type.shown(config[name])
        {:error, {name, expected, shown}}
    end
  end

  @doc """
  What is allowed and may yet surprise. `config` is what the options were made of.
  """
  @spec warnings(Options.t(), config :: keyword, {family :: atom, name :: atom}) :: [Events.t()]
  def warnings(options, config, os \\ :os.type()) do
    unsealed(config) ++
      padded_secret(options.secret) ++ weak_secret(options.secret) ++ network(options, os)
  end

  # As System.get_env/1 returns where the variable is not set.
  defp unsealed(config) do
    if Keyword.has_key?(config, :secret) and config[:secret] == nil,
      do: [warning(:secret_nil, %{})],
      else: []
  end

  defp padded_secret(secrets) do
    if Enum.any?(secrets, &Secret.padded?/1), do: [warning(:secret_padded, %{})], else: []
  end

  # The first is told alone: who replaces it takes a better one.
  defp weak_secret(secrets) do
    cond do
      Enum.any?(secrets, &Secret.documented?/1) -> [warning(:secret_documented, %{})]
      Enum.any?(secrets, &Secret.short?/1) -> [warning(:secret_short, %{})]
      true -> []
    end
  end

  defp network(%{broadcast_only: true} = options, _os) do
    unjoined_group(options.multicast_addr) ++ unused_interfaces(options.multicast_if)
  end

  defp network(%{if_addr: bound, multicast_addr: group}, {:unix, _}) do
    if bound in [Address.unspecified(Address.family(group)), group],
      do: [],
      else: [warning(:bound_to_one_address, %{address: bound})]
  end

  defp network(_options, _os), do: []

  defp unjoined_group({first, _, _, _} = group) when first in 224..239,
    do: [warning(:broadcast_to_group, %{group: group})]

  defp unjoined_group(_address), do: []

  # A single address is what a configuration of the stock strategy may have, to no effect.
  defp unused_interfaces(nil), do: []
  defp unused_interfaces([address]) when is_tuple(address), do: []
  defp unused_interfaces(_given), do: [warning(:unused_interfaces, %{})]

  defp warning(what, fields), do: {:option_warning, Map.put(fields, :warning, what)}
end
