defmodule NativeGossip.Test.Differential do
  @moduledoc """
  Heartbeats from a random generator: right ones, ones that are wrong in one respect, and damaged ones.

  They are put together byte by byte: made from terms, every name in them would cost this VM an atom.
  """
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

  @doc "A plaintext as a node may send it, under this name, in this form, with this behind it."
  def heartbeat(name, {key_tag, name_tag}, pairs \\ [], trailer \\ "") do
    plaintext([atom(key_tag, "node") <> atom(name_tag, name) | pairs]) <> trailer
  end

  def forms, do: for(key <- [100, 115, 118, 119], name <- [100, 115, 118, 119], do: {key, name})

  def trailers do
    unsigned = <<"NG", 1, 0, 0::128>>
    ["", unsigned, <<"NG", 1, 1, 0::256>>, <<"NG", 2, 0, 1, 2, 3>>]
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

  @doc "A plaintext of which nobody knows what it is worth."
  def any_plaintext do
    damaged(any_map() <> any_trailer(), Enum.random([0, 0, 0, 1, 1, 1, 2, 3]))
  end

  @doc "The bytes, with so many places damaged."
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
    if pick(5) == 1, do: Enum.random(trailers()), else: ""
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

defmodule NativeGossip.DifferentialTest do
  # `mix test --seed` repeats a run. DIFFERENTIAL_CASES says how many heartbeats are tried, and
  # DIFFERENTIAL_NAMES how many names.
  use ExUnit.Case, async: true

  alias NativeGossip.Dev.Beam
  alias NativeGossip.Test.{Amount, Differential, ReferencePeer}

  @moduletag :tmp_dir
  @moduletag timeout: 1_800_000

  @secret "differential"
  @batch 20_000

  setup do
    :rand.seed(:exsss, ExUnit.configuration()[:seed])
    :ok
  end

  test "whatever is accepted, binary_to_term/1 reads as a heartbeat of the same node", context do
    cases = Amount.from_env("DIFFERENTIAL_CASES", 20_000)

    accepted =
      for secret <- [nil, @secret], count <- batches(div(cases, 2)), reduce: 0 do
        accepted ->
          packets = for _ <- 1..count, do: any_packet(secret)
          taken = for {_, {:node, _}} = pair <- tried(packets, secret, context), do: pair

          differing =
            for {packet, verdict} <- taken, differs?(packet, secret, verdict), do: packet

          assert differing == [], explain(differing, secret)
          accepted + length(taken)
      end

    report("#{cases} heartbeats, #{accepted} of them accepted, none that differ")
    assert accepted in div(cases, 10)..div(cases * 9, 10), "the generator knows one answer only"
  end

  test "every right heartbeat is accepted, in all the forms in which nodes send it", context do
    for secret <- [nil, @secret] do
      right =
        for form <- Differential.forms(), trailer <- Differential.trailers(), pairs <- 0..16 do
          name = Differential.valid_name()
          further = Differential.further_pairs(pairs)
          {name, Differential.heartbeat(name, form, further, trailer)}
        end

      assert_all_accepted(right, secret, context)
    end
  end

  test "the heartbeats of the stock strategy are accepted", context do
    for secret <- [nil, @secret] do
      nodes = [:"app@10.0.0.1", :a@host, :"a@hößt.de"]
      stock = Enum.map(nodes, &{Atom.to_string(&1), ReferencePeer.encode(&1)})
      assert_all_accepted(stock, secret, context)
    end
  end

  test "under a name that is accepted a node can start, and under a refused one none", context do
    count = Amount.from_env("DIFFERENTIAL_NAMES", 100)
    names = Enum.uniq(for _ <- 1..(count * 20), do: Differential.any_name())
    packets = Enum.map(names, &Differential.heartbeat(&1, {119, 118}))
    verdicts = Enum.zip(names, verdicts(packets, nil, context))
    accepted = for {name, {:node, taken}} <- verdicts, name == taken, do: name

    refused =
      for {name, {:reject, "name"}} <- verdicts, not startable_and_refused?(name), do: name

    beam = Beam.start_link(applications: [])
    :ok = Beam.call(beam, :logger, :set_primary_config, [:level, :none])

    for name <- Enum.take(accepted, count), do: assert(start(beam, name) == :ok, inspect(name))
    for name <- Enum.take(refused, count), do: assert(start(beam, name) == :error, inspect(name))

    assert length(accepted) >= count and length(refused) >= div(count, 4)
    report("nodes started under #{count} names; not under #{min(count, length(refused))} others")
  end

  # A longer name does not fit into the atom that we send; and OTP's pattern, which ends in `$`, lets
  # one newline through.
  defp startable_and_refused?(name), do: byte_size(name) > 255 or String.ends_with?(name, "\n")

  # A node that does not listen needs no epmd and no address: what is left is the rule of names.
  defp start(beam, name) do
    name = String.to_atom(name)
    options = %{name_domain: :longnames, dist_listen: false}

    with {:ok, _pid} <- Beam.call(beam, :net_kernel, :start, [name, options]) do
      assert Beam.call(beam, :erlang, :node, []) == name
      Beam.call(beam, :net_kernel, :stop, [])
    else
      {:error, _reason} -> :error
    end
  end

  defp any_packet(nil), do: Differential.any_plaintext()

  defp any_packet(secret) do
    packet = ReferencePeer.seal(Differential.any_plaintext(), secret)
    Differential.damaged(packet, Enum.random([0, 0, 0, 1]))
  end

  defp assert_all_accepted(right, secret, context) do
    {names, plaintexts} = Enum.unzip(right)
    packets = Enum.map(plaintexts, &ReferencePeer.seal(&1, secret))

    wrong =
      for {{packet, verdict}, name} <- Enum.zip(tried(packets, secret, context), names),
          verdict != {:node, name},
          do: packet

    assert wrong == [], explain(wrong, secret)
  end

  defp differs?(packet, secret, {:node, name}) do
    case ReferencePeer.decode(packet, secret) do
      {:ok, node} -> Atom.to_string(node) != name
      {:error, _} -> true
    end
  end

  defp explain(packets, secret) do
    shown = for packet <- Enum.take(packets, 5), do: [Base.encode16(packet), ?\n]
    "#{length(packets)} differ, of secret #{inspect(secret)}, the first of them:\n#{shown}"
  end

  defp tried(packets, secret, context), do: Enum.zip(packets, verdicts(packets, secret, context))

  # In a process of its own, where a reader that dies is seen, and the same that `cargo test` built.
  defp verdicts(packets, secret, %{tmp_dir: folder}) do
    file = Path.join(folder, "packets.hex")
    File.write!(file, Enum.map(packets, &[Base.encode16(&1), ?\n]))
    decode = ~s(cargo run --quiet --locked --package native_gossip_core --example decode -- "$@")
    arguments = if secret, do: ["--secret", secret], else: []

    {lines, 0} = System.cmd("sh", ["-c", decode <> ~s( <"$0"), file | arguments])
    verdicts = lines |> String.split("\n", trim: true) |> Enum.map(&verdict/1)
    assert length(verdicts) == length(packets)
    verdicts
  end

  defp verdict("node " <> name), do: {:node, name}
  defp verdict("reject " <> cause), do: {:reject, cause}

  defp batches(0), do: []
  defp batches(cases), do: [min(cases, @batch) | batches(cases - min(cases, @batch))]

  # Who asked for a number wants to read what became of it.
  defp report(line) do
    if System.get_env("DIFFERENTIAL_CASES") || System.get_env("DIFFERENTIAL_NAMES"),
      do: IO.puts("\n" <> line)
  end
end
