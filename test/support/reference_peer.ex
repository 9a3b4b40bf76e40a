defmodule NativeGossip.Test.ReferencePeer do
  @moduledoc """
  A peer written from the packet's description alone, with nothing of this project in it.

      plain:   "heartbeat::" ETF [trailer]
      sealed:  IV(16) AES-256-CBC(key = SHA-256(secret), PKCS #7)("heartbeat::" ETF [trailer])

  `encode/2` and `decode/2` are pure. The process opens a socket like any member of the group, sends
  what it is told to send, and tells its owner whom it hears: `{:heard, name}`, or
  `{:refused, reason}` for a packet that is no heartbeat under its secret.
  """
  use GenServer

  @prelude "heartbeat::"
  @loopback {127, 0, 0, 1}

  @type secret :: String.t() | nil
  @type refusal :: :undecryptable | :malformed

  @doc "A heartbeat of `name`, sealed if there is a secret."
  @spec encode(node, secret) :: binary
  def encode(name, secret \\ nil) do
    seal(@prelude <> :erlang.term_to_binary(%{node: name}), secret)
  end

  @doc "Seals any plaintext, also one that is no heartbeat; without a secret it stays as it is."
  @spec seal(binary, secret) :: binary
  def seal(plaintext, secret), do: seal(plaintext, secret, :crypto.strong_rand_bytes(16))

  @doc "The same with an IV that is not random."
  @spec seal(binary, secret, iv :: binary) :: binary
  def seal(plaintext, nil, _iv), do: plaintext

  def seal(plaintext, secret, iv) do
    pad = 16 - rem(byte_size(plaintext), 16)
    padded = plaintext <> :binary.copy(<<pad>>, pad)
    iv <> :crypto.crypto_one_time(:aes_256_cbc, key(secret), iv, padded, true)
  end

  @doc "The name in a heartbeat, whatever follows its term."
  @spec decode(binary, secret) :: {:ok, node} | {:error, refusal}
  def decode(packet, secret \\ nil) do
    with {:ok, plaintext} <- unseal(packet, secret), do: parse(plaintext)
  end

  defp unseal(packet, nil), do: {:ok, packet}

  defp unseal(<<iv::binary-size(16), ciphertext::binary>>, secret)
       when ciphertext != "" and rem(byte_size(ciphertext), 16) == 0 do
    padded = :crypto.crypto_one_time(:aes_256_cbc, key(secret), iv, ciphertext, false)
    pad = :binary.last(padded)
    length = byte_size(padded) - pad

    if pad in 1..16 and binary_part(padded, length, pad) == :binary.copy(<<pad>>, pad),
      do: {:ok, binary_part(padded, 0, length)},
      else: {:error, :undecryptable}
  end

  defp unseal(_packet, _secret), do: {:error, :undecryptable}

  defp parse(@prelude <> term) do
    case :erlang.binary_to_term(term) do
      %{node: name} when is_atom(name) -> {:ok, name}
      _ -> {:error, :malformed}
    end
  rescue
    ArgumentError -> {:error, :malformed}
  end

  defp parse(_plaintext), do: {:error, :malformed}

  defp key(secret), do: :crypto.hash(:sha256, secret)

  @doc """
  Opens the socket. Nothing it sends leaves the machine unless another interface is given.

  Options: `:port` (required), `:group` (`{233, 252, 1, 32}`), `:interface` (`{127, 0, 0, 1}`; it
  sends and joins there), `:secret`, `:owner` (the caller), `:raw` (false): tells its owner
  `{:packet, packet}` instead, of each one as it is.
  """
  @spec start_link(keyword) :: GenServer.on_start()
  def start_link(options) do
    GenServer.start_link(__MODULE__, Keyword.put_new(options, :owner, self()))
  end

  @doc "Sends one heartbeat of `name` to the group, sealed if the peer has a secret."
  @spec heartbeat(GenServer.server(), node) :: :ok
  def heartbeat(peer, name), do: GenServer.call(peer, {:heartbeat, name})

  @doc "Sends these bytes to the group as they are."
  @spec send_packet(GenServer.server(), binary) :: :ok
  def send_packet(peer, packet), do: GenServer.call(peer, {:send, packet})

  @impl true
  def init(options) do
    port = Keyword.fetch!(options, :port)
    group = Keyword.get(options, :group, {233, 252, 1, 32})
    interface = Keyword.get(options, :interface, @loopback)

    socket_options =
      [
        :binary,
        active: true,
        ip: {0, 0, 0, 0},
        broadcast: true,
        multicast_if: interface,
        multicast_ttl: 1,
        multicast_loop: true,
        add_membership: {group, interface}
      ] ++ share_port(:os.type())

    with {:ok, socket} <- :gen_udp.open(port, socket_options) do
      {:ok,
       %{
         socket: socket,
         to: {group, port},
         secret: Keyword.get(options, :secret),
         raw?: Keyword.get(options, :raw, false),
         owner: Keyword.fetch!(options, :owner)
       }}
    else
      {:error, reason} -> {:stop, reason}
    end
  end

  # Sockets on one port must agree: on Linux one that set only one of the two options cannot share
  # with one that set only the other. So both are set, and before the bind, as raw options are.
  defp share_port({:unix, :linux}),
    do: [{:raw, 1, 2, <<1::native-32>>}, {:raw, 1, 15, <<1::native-32>>}]

  defp share_port({:unix, _}),
    do: [{:raw, 0xFFFF, 4, <<1::native-32>>}, {:raw, 0xFFFF, 0x200, <<1::native-32>>}]

  defp share_port(_), do: [reuseaddr: true]

  @impl true
  def handle_call({:heartbeat, name}, _from, state) do
    {:reply, transmit(state, encode(name, state.secret)), state}
  end

  def handle_call({:send, packet}, _from, state), do: {:reply, transmit(state, packet), state}

  defp transmit(%{socket: socket, to: {group, port}}, packet) do
    :gen_udp.send(socket, group, port, packet)
  end

  @impl true
  def handle_info({:udp, socket, _address, _port, packet}, %{socket: socket, raw?: true} = state) do
    send(state.owner, {:packet, packet})
    {:noreply, state}
  end

  def handle_info({:udp, socket, _address, _port, packet}, %{socket: socket} = state) do
    case decode(packet, state.secret) do
      {:ok, name} -> send(state.owner, {:heard, name})
      {:error, reason} -> send(state.owner, {:refused, reason})
    end

    {:noreply, state}
  end

  # OTP hands back what ICMP said of an earlier packet; to a datagram peer it means nothing.
  def handle_info({:udp_error, _socket, _reason}, state), do: {:noreply, state}
end
