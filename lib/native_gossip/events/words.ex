defmodule NativeGossip.Events.Words do
  @moduledoc """
  How addresses, interfaces and nodes are written in the log.
  """

  @doc "An address."
  @spec address(:inet.ip_address()) :: String.t()
  def address(address), do: address |> :inet.ntoa() |> to_string()

  @doc """
  An address with its port.

      iex> NativeGossip.Events.Words.socket_address({{10, 0, 0, 5}, 4000})
      "10.0.0.5:4000"
      iex> NativeGossip.Events.Words.socket_address({{0xFD00, 0, 0, 0, 0, 0, 0, 5}, 4000})
      "[fd00::5]:4000"
  """
  @spec socket_address({:inet.ip_address(), :inet.port_number()}) :: String.t()
  def socket_address({ip, port}) when tuple_size(ip) == 8, do: "[#{address(ip)}]:#{port}"
  def socket_address({ip, port}), do: "#{address(ip)}:#{port}"

  @doc """
  An interface with the address that is used of it.

      iex> NativeGossip.Events.Words.interface(%{name: "eth0", index: 2, address: {10, 0, 0, 5}})
      "eth0 (10.0.0.5)"
  """
  @spec interface(%{name: String.t(), address: :inet.ip_address()}) :: String.t()
  def interface(%{name: name, address: address}), do: "#{name} (#{address(address)})"

  @doc "The interface by which a packet came, where the system tells."
  @spec on(String.t() | nil) :: String.t()
  def on(nil), do: ""
  def on(name), do: " on #{name}"

  @doc "The family of an address."
  @spec family(:inet.ip_address()) :: String.t()
  def family(address) when tuple_size(address) == 4, do: "IPv4"
  def family(address) when tuple_size(address) == 8, do: "IPv6"

  @doc """
  A node's name as `inspect/1` writes its atom. Makes no atom: a name that was only heard has none.

      iex> NativeGossip.Events.Words.node_name("app@10.0.0.5")
      ":\\"app@10.0.0.5\\""
  """
  @spec node_name(String.t()) :: String.t()
  def node_name(name) do
    inspect(String.to_existing_atom(name))
  rescue
    ArgumentError -> ":" <> inspect(name)
  end
end
