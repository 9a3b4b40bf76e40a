defmodule NativeGossip.Test.SignedHeartbeat do
  @moduledoc """
  Heartbeats with a trailer, made and read by Erlang's crypto from the description of the packet alone, with
  nothing of this project in it:

      plain:   "heartbeat::" ETF trailer
      sealed:  IV(16) AES-256-CBC(key = SHA-256(secret), PKCS #7)("heartbeat::" ETF trailer)

      trailer: "NG" | version 1 (1 byte) | flags (1) | length of the whole trailer (1) | stamp, u64 (8) | label (8)
               where signed: incarnation (8) | seq, u32 (4) | n (1) | n echoes of 8 bytes | later fields | MAC (16)

      MAC = the first 16 bytes of HMAC-SHA-256(K, "native_gossip heartbeat 1" | form | IV where sealed |
            plaintext up to the MAC)
      K   = HKDF-SHA-256(ikm = secret, salt = "native_gossip", info = "heartbeat mac 1" | 0x00 | cluster), 32 bytes
  """

  @prelude "heartbeat::"
  @signed 0b01
  @leaving 0b10

  @enforce_keys [:name]
  defstruct [
    :name,
    :cluster,
    stamp: nil,
    incarnation: 1,
    seq: 1,
    echoes: [],
    flags: @signed,
    version: 1,
    later: ""
  ]

  @typedoc "A stamp of nil is the time at which it is encoded; a trailer alone has no name."
  @type t :: %__MODULE__{
          name: String.t() | nil,
          cluster: String.t() | nil,
          stamp: non_neg_integer | nil,
          incarnation: non_neg_integer,
          seq: non_neg_integer,
          echoes: [non_neg_integer],
          flags: byte,
          version: byte,
          later: binary
        }

  @doc "The flags of a signed heartbeat of a node that leaves."
  @spec leaving :: 3
  def leaving, do: Bitwise.bor(@signed, @leaving)

  @doc """
  A heartbeat under a secret. Without one it has a trailer without a MAC, and `flags` should be 0.

  Options: `:seal` (true where there is a secret), `:iv` (random).
  """
  @spec encode(t, secret :: binary | nil, keyword) :: binary
  def encode(heartbeat, secret, options \\ []) do
    seal? = secret != nil and Keyword.get(options, :seal, true)
    iv = if seal?, do: Keyword.get_lazy(options, :iv, fn -> :crypto.strong_rand_bytes(16) end)
    plaintext = append(@prelude <> etf(heartbeat.name), heartbeat, secret, iv)
    if seal?, do: seal(plaintext, secret, iv), else: plaintext
  end

  @doc "The plaintext with its trailer, whatever it names; `iv` is nil where it stays plain."
  @spec append(binary, t, secret :: binary | nil, iv :: binary | nil) :: binary
  def append(plaintext, heartbeat, secret, iv),
    do: sign(plaintext <> trailer(heartbeat), heartbeat, secret, iv)

  @doc "The bytes that `binary_to_term/1` is given of a name, as OTP 26 and later send it."
  @spec etf(String.t()) :: <<_::64, _::_*8>>
  def etf(name) do
    <<131, 116, 1::32, 119, 4, "node", 119, byte_size(name), name::binary>>
  end

  @doc "The trailer up to its MAC."
  @spec trailer(t) :: binary
  def trailer(%__MODULE__{} = heartbeat) do
    stamp = heartbeat.stamp || System.os_time(:millisecond)
    body = <<stamp::64>> <> label(heartbeat.cluster) <> signed_part(heartbeat)
    mac = if signed?(heartbeat), do: 16, else: 0
    <<"NG", heartbeat.version, heartbeat.flags, 5 + byte_size(body) + mac>> <> body
  end

  defp signed_part(heartbeat) do
    if signed?(heartbeat) do
      echoes = for echo <- heartbeat.echoes, into: "", do: <<echo::64>>

      <<heartbeat.incarnation::64, heartbeat.seq::32, length(heartbeat.echoes)>> <>
        echoes <> heartbeat.later
    else
      ""
    end
  end

  defp signed?(heartbeat), do: Bitwise.band(heartbeat.flags, @signed) != 0

  defp sign(plaintext, heartbeat, secret, iv) do
    if signed?(heartbeat),
      do: plaintext <> mac(plaintext, secret, heartbeat.cluster, iv),
      else: plaintext
  end

  @doc "The label of a cluster."
  @spec label(String.t() | nil) :: <<_::64>>
  def label(nil), do: <<0::64>>
  def label(cluster), do: binary_part(:crypto.hash(:sha256, cluster), 0, 8)

  @doc "The MAC of what stands before it; `iv` is nil where the packet is plain."
  @spec mac(binary, binary, String.t() | nil, binary | nil) :: <<_::128>>
  def mac(plaintext, secret, cluster, iv) do
    form = if iv, do: <<1, iv::binary>>, else: <<0>>
    data = "native_gossip heartbeat 1" <> form <> plaintext
    :sha256 |> hmac(mac_key(secret, cluster), data) |> binary_part(0, 16)
  end

  @doc "The key of the MAC: HKDF, RFC 5869."
  @spec mac_key(binary, String.t() | nil) :: <<_::256>>
  def mac_key(secret, cluster) do
    pseudorandom = hmac(:sha256, "native_gossip", secret)
    hmac(:sha256, pseudorandom, "heartbeat mac 1" <> <<0>> <> (cluster || "") <> <<1>>)
  end

  @doc "The key of the seal."
  @spec seal_key(binary) :: <<_::256>>
  def seal_key(secret), do: :crypto.hash(:sha256, secret)

  defp hmac(hash, key, data), do: :crypto.mac(:hmac, hash, key, data)

  defp seal(plaintext, secret, iv) do
    pad = 16 - rem(byte_size(plaintext), 16)
    padded = plaintext <> :binary.copy(<<pad>>, pad)
    iv <> :crypto.crypto_one_time(:aes_256_cbc, seal_key(secret), iv, padded, true)
  end

  @doc """
  Reads a packet as the stock strategy and a node of this one would together: the name by
  `binary_to_term/1`, and what its trailer says, with the place of the secret by which it is signed.

  `signed_by` is nil where there is no MAC, or one of none of these secrets.
  """
  @spec read(binary, secrets :: [binary], cluster :: String.t() | nil) ::
          {:ok, t, signed_by :: non_neg_integer | nil, form :: :plain | :sealed}
          | {:error, :undecryptable | :malformed | :no_trailer | :cluster}
  def read(packet, secrets, cluster) do
    with {:ok, plaintext, iv, candidates} <- open(packet, secrets),
         {:ok, name, trailer} <- split(plaintext),
         {:ok, heartbeat} <- parse(trailer, name, cluster) do
      signed_by = if signed?(heartbeat), do: signer(plaintext, candidates, cluster, iv)
      {:ok, heartbeat, signed_by, if(iv, do: :sealed, else: :plain)}
    end
  end

  defp open(@prelude <> _ = plain, secrets), do: {:ok, plain, nil, Enum.with_index(secrets)}

  defp open(<<iv::binary-size(16), ciphertext::binary>>, secrets)
       when ciphertext != "" and rem(byte_size(ciphertext), 16) == 0 do
    opened =
      for {secret, place} <- Enum.with_index(secrets),
          padded = :crypto.crypto_one_time(:aes_256_cbc, seal_key(secret), iv, ciphertext, false),
          pad = :binary.last(padded),
          pad in 1..16,
          length = byte_size(padded) - pad,
          binary_part(padded, length, pad) == :binary.copy(<<pad>>, pad),
          @prelude <> _ = plaintext <- [binary_part(padded, 0, length)],
          do: {:ok, plaintext, iv, [{secret, place}]}

    List.first(opened) || {:error, :undecryptable}
  end

  defp open(_packet, _secrets), do: {:error, :undecryptable}

  defp split(@prelude <> term) do
    case :erlang.binary_to_term(term, [:used]) do
      {%{node: name}, used} when is_atom(name) ->
        {:ok, Atom.to_string(name), binary_part(term, used, byte_size(term) - used)}

      _ ->
        {:error, :malformed}
    end
  rescue
    ArgumentError -> {:error, :malformed}
  end

  defp parse("", _name, _cluster), do: {:error, :no_trailer}

  defp parse(
         <<"NG", 1, flags, length, stamp::64, label::binary-size(8), rest::binary>> = all,
         name,
         cluster
       )
       when length == byte_size(all) do
    heartbeat = %__MODULE__{name: name, cluster: cluster, stamp: stamp, flags: flags}

    cond do
      label != label(cluster) -> {:error, :cluster}
      signed?(heartbeat) -> parse_signed(rest, heartbeat)
      rest == "" -> {:ok, heartbeat}
      true -> {:error, :malformed}
    end
  end

  defp parse(_trailer, _name, _cluster), do: {:error, :malformed}

  defp parse_signed(<<incarnation::64, seq::32, count, rest::binary>>, heartbeat)
       when count <= 8 and byte_size(rest) >= count * 8 + 16 do
    echoes = binary_part(rest, 0, count * 8)
    later = binary_part(rest, count * 8, byte_size(rest) - count * 8 - 16)
    echoes = for <<echo::64 <- echoes>>, do: echo
    {:ok, %{heartbeat | incarnation: incarnation, seq: seq, echoes: echoes, later: later}}
  end

  defp parse_signed(_rest, _heartbeat), do: {:error, :malformed}

  defp signer(plaintext, candidates, cluster, iv) do
    signed = binary_part(plaintext, 0, byte_size(plaintext) - 16)
    mac = binary_part(plaintext, byte_size(plaintext), -16)

    Enum.find_value(candidates, fn {secret, place} ->
      if mac(signed, secret, cluster, iv) == mac, do: place
    end)
  end
end
