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
  @spec interface(%{
          :name => String.t(),
          :address => :inet.ip_address(),
          optional(atom) => term
        }) :: String.t()
  def interface(%{name: name, address: address}), do: "#{name} (#{address(address)})"

  @doc "The interface by which a packet came, where the system tells."
  @spec on(String.t() | nil) :: String.t()
  def on(nil), do: ""
  def on(name), do: " on #{name}"

  @doc """
  A number of things.

      iex> {NativeGossip.Events.Words.several(1, "node"), NativeGossip.Events.Words.several(2, "node")}
      {"1 node", "2 nodes"}
  """
  @spec several(non_neg_integer, String.t()) :: String.t()
  def several(1, what), do: "1 #{what}"
  def several(count, what), do: "#{count} #{what}s"

  @doc """
  The first of some things, and how many more there are.

      iex> NativeGossip.Events.Words.first([:a, :b, :c], 2, &inspect/1)
      ":a, :b and 1 more"
  """
  @spec first([item], pos_integer, (item -> String.t())) :: String.t() when item: term
  def first(items, count, write) do
    {shown, rest} = Enum.split(items, count)
    more = if rest == [], do: "", else: " and #{length(rest)} more"
    Enum.map_join(shown, ", ", write) <> more
  end

  @doc "How heartbeats are sent."
  @spec form(NativeGossip.Options.heartbeat_form()) :: String.t()
  def form(:sealed), do: "sealed and signed"
  def form(:signed), do: "signed"
  def form(:plain), do: "plain"

  @doc """
  A span of milliseconds, in the largest unit of which there are two.

      iex> for ms <- [1_500, -119_000, 780_000, 7_200_000, 978_307_200_000] do
      ...>   NativeGossip.Events.Words.span(ms)
      ...> end
      ["1.5 s", "119 s", "13 min", "2 h", "11323 days"]
  """
  @spec span(milliseconds :: integer) :: String.t()
  def span(ms) when ms < 0, do: span(-ms)
  def span(ms) when ms < 10_000, do: "#{Float.round(ms / 1_000, 1)} s"
  def span(ms) when ms < 120_000, do: "#{div(ms, 1_000)} s"
  def span(ms) when ms < 7_200_000, do: "#{div(ms, 60_000)} min"
  def span(ms) when ms < 172_800_000, do: "#{div(ms, 3_600_000)} h"
  def span(ms), do: "#{div(ms, 86_400_000)} days"

  @doc """
  Where a clock is, seen from this node's.

      iex> NativeGossip.Events.Words.off(-780_000)
      "13 min behind this node's"
  """
  @spec off(milliseconds :: integer) :: String.t()
  def off(ms) when ms < 0, do: "#{span(ms)} behind this node's"
  def off(ms), do: "#{span(ms)} ahead of this node's"

  @doc "By how much a clock was set, and in which direction."
  @spec moved(milliseconds :: integer) :: String.t()
  def moved(ms) when ms < 0, do: "#{span(ms)} back"
  def moved(ms), do: "#{span(ms)} ahead"

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
