defmodule NativeGossip.Events.Words do
  @moduledoc """
  How addresses, interfaces and nodes are written in the log.
  """

  @doc "An address."
  @spec address(:inet.ip_address()) :: String.t()
  def address(address), do: address |> :inet.ntoa() |> to_string()

  @doc "An address with its port."
  @spec socket_address({:inet.ip_address(), :inet.port_number()}) :: String.t()
  def socket_address({ip, port}) when tuple_size(ip) == 8, do: "[#{address(ip)}]:#{port}"
  def socket_address({ip, port}), do: "#{address(ip)}:#{port}"

  @doc "An interface with the address that is used of it."
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

  @doc "A node's name as `inspect/1` writes its atom. Makes no atom: a name that was only heard has none."
  @spec node_name(String.t()) :: String.t()
  def node_name(name) do
    inspect(String.to_existing_atom(name))
  rescue
    ArgumentError -> ":" <> inspect(name)
  end
end
