defmodule NativeGossip.Doctor.Ear do
  @moduledoc """
  A socket of the doctor's own that has joined the group on one interface, beside those of the nodes of this host.

  It is bound to the address of the group: so it takes nothing from a node of this host that is sent to that node
  alone. By it the doctor sends its packet, and sees whether that comes back; and it tells from which addresses packets
  came: of those that are refused, the events of the loop tell few.

  The packet has the opening of a heartbeat, and a map in which there is no node. So each node refuses it, the stock
  strategy too: it makes no atom and no connection. Its length is that of a sealed packet, which the stock
  strategy with a secret tries to open, and drops. What is sent to the group has a TTL of 0: it does not leave this
  host, and whether it is heard here is no different from one that does.
  """

  alias NativeGossip.Options.Address
  alias NativeGossip.Probe.Bounded

  @prelude "heartbeat::"

  # Addresses that are kept: a flood with forged ones may not fill the memory.
  @max_addresses 256

  # The longest datagram that is looked at.
  @longest 2_048

  @type t :: %{socket: :socket.socket(), interface: map, target: map, tag: binary}

  @typedoc """
  What was heard, but for packets of doctors: how many datagrams of other hosts, and from which addresses any came.
  """
  @type heard :: %{
          others: non_neg_integer,
          addresses: [:inet.ip_address()]
        }

  @doc "A packet of the doctor, with a tag of 16 bytes by which it is known again."
  @spec packet(tag :: <<_::128>>, kind :: byte) :: <<_::512>>
  def packet(tag, kind) do
    @prelude <> :erlang.term_to_binary(%{"native_gossip_doctor" => <<kind>> <> tag})
  end

  @doc "The tag and the kind of a packet of a doctor; nil of any other."
  @spec read(binary) :: {tag :: <<_::128>>, kind :: byte} | nil
  def read(packet) do
    prefix = binary_part(packet(<<0::128>>, 0), 0, 47)

    case packet do
      <<^prefix::binary-size(47), kind, tag::binary-size(16)>> -> {tag, kind}
      _ -> nil
    end
  end

  @doc "Opens one on an interface, as events have it. It belongs to the calling process."
  @spec open(map, group :: :inet.ip_address(), :inet.port_number()) :: {:ok, t} | {:error, atom}
  def open(interface, group, port) do
    # Where a system has no such sockets, that is raised.
    case Bounded.attempt(fn -> opened(interface, group, port) end) do
      {:ok, opened} -> opened
      {:error, _} -> {:error, :notsup}
    end
  end

  defp opened(interface, group, port) do
    family = Address.family(group)
    target = target(group, port, interface.index)

    with {:ok, socket} <- :socket.open(family, :dgram, :udp) do
      ear = %{
        socket: socket,
        interface: interface,
        target: target,
        tag: :crypto.strong_rand_bytes(16)
      }

      case prepare(ear, family, group) do
        :ok ->
          {:ok, ear}

        {:error, reason} ->
          close(ear)
          {:error, word(reason)}
      end
    end
  end

  @spec close(t) :: :ok
  def close(%{socket: socket}) do
    _ = :socket.close(socket)
    :ok
  end

  @doc "Where a socket sends to, or is bound. The scope is there for link-local addresses, and changes nothing of others."
  @spec target(:inet.ip_address(), :inet.port_number(), scope :: non_neg_integer) :: map
  def target(address, port, scope) do
    case Address.family(address) do
      :inet -> %{family: :inet, addr: address, port: port}
      :inet6 -> %{family: :inet6, addr: address, port: port, scope_id: scope, flowinfo: 0}
    end
  end

  defp prepare(%{socket: socket, target: target, interface: interface}, family, group) do
    options = [{{:socket, :reuseaddr}, true} | options(family, group, interface)]

    with :ok <- set(socket, options),
         # Old systems do not know it, and hear more than was joined here.
         _ = :socket.setopt(socket, {:ip, :multicast_all}, false),
         do: :socket.bind(socket, target)
  end

  defp options(:inet, group, %{address: address}) do
    [
      {{:ip, :multicast_ttl}, 0},
      {{:ip, :multicast_loop}, true},
      {{:ip, :multicast_if}, address},
      {{:ip, :add_membership}, %{multiaddr: group, interface: address}}
    ]
  end

  defp options(:inet6, group, %{index: index}) do
    [
      {{:ipv6, :v6only}, true},
      {{:ipv6, :multicast_hops}, 0},
      {{:ipv6, :multicast_loop}, true},
      {{:ipv6, :multicast_if}, index},
      {{:ipv6, :add_membership}, %{multiaddr: group, interface: index}}
    ]
  end

  defp set(socket, options) do
    Enum.reduce_while(options, :ok, fn {option, value}, :ok ->
      case :socket.setopt(socket, option, value) do
        :ok -> {:cont, :ok}
        error -> {:halt, error}
      end
    end)
  end

  @doc "Sends the own packet, and says whether it came back: up to three times, and `patience` ms after each."
  @spec echo(t, patience :: pos_integer, tries :: 0..3) :: NativeGossip.Doctor.Facts.echo()
  def echo(ear, patience, tries \\ 3)
  def echo(_ear, _patience, 0), do: :unheard

  def echo(ear, patience, tries) do
    case transmit(ear.socket, packet(ear.tag, 0), ear.target) do
      :ok ->
        if echoed?(ear, now() + patience), do: :heard, else: echo(ear, patience, tries - 1)

      {:error, reason} ->
        {:unsent, reason}
    end
  end

  defp echoed?(%{tag: tag} = ear, deadline) do
    case receive_until(ear.socket, deadline) do
      {:ok, _source, packet} -> read(packet) == {tag, 0} or echoed?(ear, deadline)
      :over -> false
    end
  end

  @doc """
  Listens until this monotonic time in ms. `own` are the addresses of this host, and the function is called with the
  source and the bytes of each packet of a doctor.
  """
  @spec listen(t, own :: [:inet.ip_address()], deadline :: integer, (map, binary -> term)) ::
          heard
  def listen(ear, own, deadline, at_doctor),
    do: listen(ear, own, deadline, at_doctor, %{others: 0, addresses: []})

  defp listen(ear, own, deadline, at_doctor, heard) do
    case receive_until(ear.socket, deadline) do
      {:ok, source, packet} ->
        if read(packet), do: at_doctor.(source, packet)
        listen(ear, own, deadline, at_doctor, note(heard, source, packet, own))

      :over ->
        heard
    end
  end

  defp note(heard, %{addr: address}, packet, own) do
    cond do
      read(packet) != nil -> heard
      address in own -> keep(heard, address)
      true -> keep(%{heard | others: heard.others + 1}, address)
    end
  end

  defp keep(%{addresses: addresses} = heard, address) do
    if address in addresses or length(addresses) >= @max_addresses,
      do: heard,
      else: %{heard | addresses: [address | addresses]}
  end

  @doc "The next datagram of a socket, until this monotonic time in ms."
  @spec receive_until(:socket.socket(), deadline :: integer) ::
          {:ok, source :: map, binary} | :over
  def receive_until(socket, deadline) do
    case :socket.recvfrom(socket, @longest, [], max(0, deadline - now())) do
      {:ok, {source, packet}} -> {:ok, source, packet}
      # What ICMP says of an earlier packet is of no concern.
      {:error, :econnrefused} -> receive_until(socket, deadline)
      {:error, _timeout} -> :over
    end
  end

  @doc "Sends a packet."
  @spec transmit(:socket.socket(), binary, target :: map) :: :ok | {:error, atom}
  def transmit(socket, packet, target) do
    case :socket.sendto(socket, packet, target) do
      :ok -> :ok
      {:error, reason} -> {:error, word(reason)}
    end
  end

  # Some errors come with what was left to be sent.
  defp word(reason) when is_atom(reason), do: reason
  defp word({reason, _rest}) when is_atom(reason), do: reason
  defp word(_other), do: :unknown

  defp now, do: System.monotonic_time(:millisecond)
end
