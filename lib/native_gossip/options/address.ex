defmodule NativeGossip.Options.Address do
  @moduledoc """
  An IPv4 or IPv6 address of a configuration or of a name server, as a tuple.
  """
  @behaviour NativeGossip.Options.Type

  @type family :: :inet | :inet6

  @doc """
  Reads a tuple or a string; of IPv4 every form that the stock strategy reads, as `"127.1"`.

  An IPv4 address in IPv6's clothes (`::ffff:10.0.0.1`) is the IPv4 address: an IPv6 socket does not
  reach it. A zone (`fe80::1%eth0`) is refused: the tuple has no room for it.

      iex> NativeGossip.Options.Address.parse("127.1")
      {:ok, {127, 0, 0, 1}}
      iex> NativeGossip.Options.Address.parse("::ffff:10.0.0.1")
      {:ok, {10, 0, 0, 1}}
      iex> NativeGossip.Options.Address.parse("fe80::1%eth0")
      :error
  """
  @impl true
  @spec parse(term) :: {:ok, :inet.ip_address()} | :error
  def parse(text) when is_binary(text), do: read(text, &:inet.parse_ipv4_address/1)

  def parse({0, 0, 0, 0, 0, 0xFFFF, high, low})
      when high in 0..0xFFFF//1 and low in 0..0xFFFF//1 do
    {:ok, {div(high, 256), rem(high, 256), div(low, 256), rem(low, 256)}}
  end

  def parse(tuple) when is_tuple(tuple),
    do: if(:inet.is_ip_address(tuple), do: {:ok, tuple}, else: :error)

  def parse(_other), do: :error

  @impl true
  def expected, do: "an IPv4 or IPv6 address, as a tuple or a string without a %zone"

  @doc """
  As `parse/1`, but of IPv4 only four decimal numbers.

      iex> NativeGossip.Options.Address.parse_strict("127.1")
      :error
  """
  @spec parse_strict(term) :: {:ok, :inet.ip_address()} | :error
  def parse_strict(text) when is_binary(text), do: read(text, &:inet.parse_ipv4strict_address/1)
  def parse_strict(other), do: parse(other)

  @doc """
  The family of an address.
  """
  @spec family(:inet.ip_address()) :: family
  def family(address) when tuple_size(address) == 4, do: :inet
  def family(address) when tuple_size(address) == 8, do: :inet6

  @doc """
  The address of a family that stands for all of the host's own.
  """
  @spec unspecified(family) :: :inet.ip_address()
  def unspecified(:inet), do: {0, 0, 0, 0}
  def unspecified(:inet6), do: {0, 0, 0, 0, 0, 0, 0, 0}

  defp read(text, parse_ipv4) do
    with true <- String.valid?(text) and not String.contains?(text, "%"),
         characters = String.to_charlist(text),
         {:error, _} <- parse_ipv4.(characters),
         {:ok, address} <- :inet.parse_ipv6strict_address(characters) do
      parse(address)
    else
      {:ok, address} -> {:ok, address}
      _ -> :error
    end
  end
end
