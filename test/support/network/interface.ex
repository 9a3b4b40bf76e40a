defmodule NativeGossip.Test.Network.Interface do
  @moduledoc """
  The interfaces of a host, one for each LAN it is on: `eth0` on LAN 0, `eth1` on LAN 1.

  The hardware address follows from host and LAN, as a card keeps its own: else the other hosts would
  talk to the old one for as long as they remember it.
  """
  alias NativeGossip.Dev.{Await, Namespace}
  alias NativeGossip.Test.Network.Host

  @type lan :: 0..1

  @doc """
  Makes the interface and plugs it into its LAN.

  Options: `:up` (true); `:address`: true (the default) for the host's own on that LAN, false for
  none, or another.
  """
  @spec plug(Host.t(), lan, keyword) :: :ok
  def plug(host, lan \\ 0, options \\ []) do
    make(host, lan)
    address = Keyword.get(options, :address, true)
    if address, do: add_address(host, lan, address)
    if Keyword.get(options, :up, true), do: up(host, lan)
    :ok
  end

  @doc "Removes it, and with it its address and its routes."
  @spec unplug(Host.t(), lan) :: :ok
  def unplug(host, lan \\ 0), do: Namespace.ip(host.enter, ["link del eth#{lan}"])

  @doc """
  Removes it and makes it again at once, with the address and the index it had: whoever looks only
  before and after sees no difference. What programs had joined there is gone.
  """
  @spec replug(Host.t(), lan) :: :ok
  def replug(host, lan \\ 0) do
    shown = Namespace.read(host.enter, ~w(ip -o link show eth#{lan}))
    [index, _] = String.split(shown, ":", parts: 2)
    card = "index #{index} #{card(host, lan)}"
    # In one call, so that hardly ever somebody looks in between.
    again = ["link del eth#{lan}", "link add eth#{lan} #{card}", "link set eth#{lan} up"]
    Namespace.ip(host.enter, again ++ address_commands(host, lan, true))
    attach(host, lan)
    up(host, lan)
  end

  @doc "Sets it up; with an address it has its routes again."
  @spec up(Host.t(), lan) :: :ok
  def up(host, lan \\ 0) do
    Namespace.ip(host.enter, ["link set eth#{lan} up"])
    add_route(host, lan)
    await_carrier(host, lan)
  end

  @doc "Switches multicast off on it: the flag that an interface of a VPN may lack."
  @spec without_multicast(Host.t(), lan) :: :ok
  def without_multicast(host, lan \\ 0),
    do: Namespace.ip(host.enter, ["link set eth#{lan} multicast off"])

  @doc "Gives it an address, the host's own on that LAN or another; if it is up, with its routes."
  @spec add_address(Host.t(), lan, String.t() | true) :: :ok
  def add_address(host, lan \\ 0, address \\ true) do
    Namespace.ip(host.enter, address_commands(host, lan, address))
    add_route(host, lan)
  end

  @doc """
  The same host with an address on `lo` too, by which it is then called: these others find it there,
  whatever becomes of its address on LAN 0.
  """
  @spec with_steady_address(Host.t(), [Host.t()]) :: Host.t()
  def with_steady_address(host, others) do
    address = "10.99.0.#{host.number}"
    Namespace.ip(host.enter, ["address add #{address}/32 dev lo"])
    for other <- others, do: Namespace.ip(other.enter, ["route add #{address}/32 dev eth0"])
    %{host | address: address}
  end

  @doc "What it is called on the other side, where the bridge of its LAN is."
  @spec port(Host.t(), lan) :: String.t()
  def port(host, lan \\ 0), do: "veth#{lan}-#{host.number}"

  defp make(host, lan) do
    Namespace.ip(host.enter, ["link add eth#{lan} #{card(host, lan)}"])
    attach(host, lan)
  end

  defp card(%Host{switch: switch} = host, lan) do
    number = host.number |> Integer.to_string(16) |> String.pad_leading(2, "0")
    peer = "peer name #{port(host, lan)} netns #{switch.os_pid}"
    "address 02:00:00:00:0#{lan}:#{number} type veth #{peer}"
  end

  defp attach(%Host{switch: switch} = host, lan),
    do: Namespace.ip(switch.enter, ["link set #{port(host, lan)} master br#{lan} up"])

  defp address_commands(%Host{family: :inet} = host, lan, address) do
    address = if address == true, do: Host.address(:inet, lan, host.number), else: address
    ["address add #{address}/24 broadcast + dev eth#{lan}"]
  end

  # Without the search for duplicates, which takes seconds, an address can be used at once.
  defp address_commands(%Host{family: :inet6} = host, lan, true) do
    [
      "link set eth#{lan} addrgenmode none",
      "address add fe80::#{host.number}/64 dev eth#{lan} nodad",
      "address add #{Host.address(:inet6, lan, host.number)}/64 dev eth#{lan} nodad"
    ]
  end

  # By the family's own rules IPv6 multicast has a route wherever an interface is up. Of several
  # interfaces the one on the first LAN is the machine's choice.
  defp add_route(%Host{family: :inet6}, _lan), do: :ok

  defp add_route(host, lan) do
    if Namespace.read(host.enter, ~w(ip -4 -o address show dev eth#{lan} up)) != "",
      do: Namespace.ip(host.enter, ["route replace 224.0.0.0/4 dev eth#{lan} metric #{lan}"])

    :ok
  end

  # A frame sent before both ends are up is lost without a word.
  defp await_carrier(host, lan) do
    Await.until(
      "#{port(host, lan)} forwards",
      fn -> Namespace.read(host.switch.enter, ~w(bridge link show dev #{port(host, lan)})) end,
      &(&1 =~ "state forwarding" and &1 =~ "LOWER_UP")
    )

    :ok
  end
end
