defmodule NativeGossip.Test.Differential do
  @moduledoc """
  Heartbeats from a random generator: right ones, ones that are wrong in one respect, and damaged ones.

  They are put together byte by byte: made from terms, every name in them would cost this VM an atom.
  """
  alias NativeGossip.Test.{ReferencePeer, SignedHeartbeat}

  @prelude "heartbeat::"

  @doc "One of the forms that an atom has: every one of them is sent by some release of OTP."
  def atom(tag, text) when tag in [115, 119], do: counted(tag, 8, characters(tag, text))
  def atom(tag, text) when tag in [100, 118], do: counted(tag, 16, characters(tag, text))

  # What does not fit into the length, or into latin-1, makes a broken atom, which is good too.
  defp counted(tag, bits, text), do: <<tag, byte_size(text)::size(bits), text::binary>>

  defp characters(tag, text) when tag in [118, 119], do: text
  defp characters(_latin1, text), do: for(<<c::utf8 <- text>>, into: "", do: <<c>>)

  @doc "`heartbeat::` and the map of these pairs, each of which is encoded already."
  def plaintext(pairs), do: @prelude <> <<131, 116, length(pairs)::32>> <> Enum.join(pairs)

  @doc "A plaintext as a node may send it, under this name, in this form, without a trailer."
  def heartbeat(name, {key_tag, name_tag}, pairs \\ []) do
    plaintext([atom(key_tag, "node") <> atom(name_tag, name) | pairs])
  end

  def forms, do: for(key <- [100, 115, 118, 119], name <- [100, 115, 118, 119], do: {key, name})

  @doc "Trailers that a node may send: bytes as they are, and what is to be signed."
  def trailers do
    signed = %SignedHeartbeat{name: nil, incarnation: pick(Integer.pow(2, 62))}

    bytes = [
      "",
      SignedHeartbeat.trailer(%{signed | flags: 0}),
      # Of later versions.
      <<"NG", 2>>,
      <<"NG", 255, 0, 1, 2, 3>>
    ]

    bytes ++
      [
        signed,
        %{signed | echoes: Enum.to_list(1..8), flags: SignedHeartbeat.leaving()},
        %{signed | later: "later", seq: 0xFFFF_FFFF, flags: 0xFF},
        %{signed | version: 2}
      ]
  end

  @doc "The packet of a plaintext and a trailer. Without a secret it is signed by somebody whom nobody knows."
  def packet(plaintext, trailer, secret) do
    iv = if secret, do: :rand.bytes(16)

    plaintext =
      if is_binary(trailer),
        do: plaintext <> trailer,
        else: SignedHeartbeat.append(plaintext, trailer, secret || "somebody's", iv)

    ReferencePeer.seal(plaintext, secret, iv)
  end

  @doc "Pairs that a heartbeat may have besides `node`, with keys that are all different."
  def further_pairs(count), do: for(n <- 1..count//1, do: atom(119, "k#{n}") <> encoded(plain(5)))

  @doc "A name under which a node can start."
  def valid_name do
    case pick(4) do
      1 -> "#{letters(pick(90))}@#{host(pick(80))}"
      2 -> "#{letters(pick(12))}@10.0.#{pick(255)}.#{pick(255)}"
      _ -> Enum.random(~w(app@10.0.0.1 a-B_9@host a@hößt.de a@::1 a@!ÿ app@nohost x@a.b))
    end
  end

  @doc "A packet of which nobody knows what it is worth: damaged before it is signed, after that, or not."
  def any_packet(secret) do
    plaintext = damaged(any_map(), any_places())
    damaged(packet(plaintext, any_trailer(), secret), Enum.random([0, 0, 0, any_places()]))
  end

  defp any_places, do: Enum.random([0, 0, 0, 1, 1, 1, 2, 3])

  @doc "The bytes, with this number of them changed at random."
  def damaged(bytes, 0), do: bytes
  def damaged("", _places), do: ""

  def damaged(bytes, places) do
    at = pick(byte_size(bytes)) - 1
    <<byte, rest::binary>> = binary_part(bytes, at, byte_size(bytes) - at)
    damaged(binary_part(bytes, 0, at) <> damage(byte, bytes) <> rest, places - 1)
  end

  @tags [70, 77, 80, 82, 88, 97, 98, 100, 104, 105, 106, 107, 108, 109, 110, 111, 113, 115, 116] ++
          [118, 119, 131]

  defp damage(byte, bytes) do
    case pick(7) do
      1 -> <<pick(256) - 1>>
      2 -> ""
      3 -> <<byte, byte>>
      4 -> <<Enum.random(@tags)>>
      5 -> <<Bitwise.bxor(byte, Bitwise.bsl(1, pick(8) - 1))>>
      6 -> <<byte + 1>>
      7 -> piece(bytes) <> <<byte>>
    end
  end

  defp piece(bytes) do
    at = pick(byte_size(bytes)) - 1
    binary_part(bytes, at, min(pick(12), byte_size(bytes) - at))
  end

  defp any_map do
    node = atom(tag(), "node") <> atom(tag(), any_name())
    pairs = Enum.shuffle([node | for(_ <- 1..(pick(3) - 1)//1, do: any_pair())])

    case pick(12) do
      1 -> plaintext([node | pairs])
      2 -> @prelude <> compressed(plaintext(pairs))
      3 -> plaintext(pairs -- [node])
      _ -> plaintext(pairs)
    end
  end

  defp compressed(@prelude <> <<131, term::binary>>),
    do: <<131, 80, byte_size(term)::32, :zlib.compress(term)::binary>>

  defp any_pair do
    key = if pick(8) > 1, do: Enum.random([:a, :b, 1, "k", :zone, 77]), else: any(2)
    encoded(key) <> encoded(any(4))
  end

  defp any_trailer do
    case pick(4) do
      1 ->
        Enum.random(trailers())

      2 ->
        damaged(
          SignedHeartbeat.trailer(%SignedHeartbeat{name: nil, flags: pick(2) - 1}),
          any_places()
        )

      _ ->
        ""
    end
  end

  @doc "A name under which perhaps a node can start."
  def any_name do
    case pick(8) do
      1 ->
        Enum.random(["", "a b@c" | ~w(nonode@nohost größe@x a.b@x a@b@c x@ @x app)])

      2 ->
        valid_name() <>
          List.to_string([Enum.random([0, ?\n, ?\s, ?!, ?~, 127, 128, 160, 255, 256])])

      3 ->
        "a@" <> String.duplicate(Enum.random(["b", "ÿ"]), 120 + pick(140))

      _ ->
        valid_name()
    end
  end

  defp letters(count), do: for(_ <- 1..count, into: "", do: <<Enum.random(~c"azAZ09_-")>>)
  defp host(count), do: for(_ <- 1..count, into: "", do: <<host_character()::utf8>>)
  defp host_character, do: Enum.random(Enum.random([?!..??, ?A..255]))

  # Anything that `binary_to_term/1` reads, and at most `depth` levels of it.
  defp any(depth) do
    case pick(12) do
      1 -> Enum.random([:erlang.list_to_pid(~c"<0.42.0>"), &:erlang.node/0, <<1::3>>])
      2 -> [any_leaf() | if(depth > 0, do: any(depth - 1), else: :tail)]
      3 -> %{any_leaf() => any_leaf()}
      _ -> plain(depth)
    end
  end

  defp any_leaf, do: plain(0)

  # What a further pair of a heartbeat may hold.
  defp plain(depth) do
    case pick(if depth > 0, do: 11, else: 8) do
      1 -> pick(300) - 20
      2 -> (pick(1000) - 500) * 10_000_000
      3 -> (pick(1000) - 500) * Integer.pow(10, pick(60))
      4 -> :rand.uniform() * 1.0e10
      5 -> Enum.random([:a, :node, :ö, :日本, true, nil, :""])
      6 -> :rand.bytes(pick(12) - 1)
      7 -> for(_ <- 1..3, do: pick(200))
      8 -> []
      9 -> for(_ <- 1..pick(3), do: plain(depth - 1))
      10 -> List.to_tuple(for(_ <- 1..pick(3), do: plain(depth - 1)))
      11 -> for(n <- 1..pick(3), into: %{}, do: {n, plain(depth - 1)})
    end
  end

  defp encoded(term) do
    <<131, term::binary>> = :erlang.term_to_binary(term, minor_version: Enum.random(1..2))

    term
  end

  defp tag, do: Enum.random([100, 115, 118, 119])
  defp pick(count), do: :rand.uniform(count)
end
