defmodule NativeGossip.Signed.RequiredTest do
  @moduledoc "Where signatures are required, all else is refused, each under its name, and makes no atom."
  use NativeGossip.Test.Judge

  alias NativeGossip.Dev.{Await, LogLines}
  alias NativeGossip.Events
  alias NativeGossip.Test.{Amount, Bits, ReferencePeer, SignedHeartbeat}

  test "a signed heartbeat is taken, sealed or plain, and nothing else",
       %{port: port} = context do
    for seal <- [true, false] do
      strategy = start(port, authentication: :required, seal: seal)
      named = &"friend-#{seal}-#{&1}@10.0.0.7"

      assert judged(context, strategy, [
               signed(name: named.(1)),
               signed([name: named.(2)], seal: false)
             ]) ==
               %{accepted: 2}

      for number <- 1..2 do
        node = String.to_atom(named.(number))
        assert_receive {:connect, ^node}, 5_000
      end

      stock = ReferencePeer.encode(:"ours@127.0.0.1")
      plain = if seal, do: %{unsealed: 2}, else: %{unsigned: 2}

      assert judged(context, strategy, [stock, ReferencePeer.encode(:"stock@10.0.0.6")]) ==
               plain

      assert judged(context, strategy, [ReferencePeer.encode(:"stock@10.0.0.6", secret())]) == %{
               unsigned: 1
             }

      # A label without a MAC is nothing that is signed.
      unsigned = SignedHeartbeat.encode(heartbeat(flags: 0), nil)

      assert judged(context, strategy, [ReferencePeer.seal(unsigned, secret())]) == %{
               unsigned: 1
             }

      refute_received {:connect, _}
      stop()
    end
  end

  test "every flipped bit and every truncation of a sealed one is refused",
       %{port: port} = context do
    strategy = start(port, authentication: :required)
    # Long enough for blocks of which nothing but the MAC depends.
    packet = signed(later: String.duplicate("later", 8))

    without_atoms(fn ->
      counts = judged(context, strategy, flipped(packet))
      assert counts |> Map.values() |> Enum.sum() == 8 * byte_size(packet)
      # A flipped bit spoils the sixteen bytes of its block.
      assert Map.keys(counts) -- [:malformed, :undecryptable, :signature, :cluster, :name] == []
      assert counts.malformed > 0 and counts.undecryptable > 0 and counts.signature > 128

      counts = judged(context, strategy, truncated(packet))
      assert counts |> Map.values() |> Enum.sum() == byte_size(packet)
      assert Map.keys(counts) -- [:malformed, :undecryptable] == []
    end)

    assert_alone_taken(context, strategy, packet)
  end

  test "every flipped bit and every truncation of a plain one is refused",
       %{port: port} = context do
    strategy = start(port, authentication: :required, seal: false)
    packet = signed([], seal: false)

    without_atoms(fn ->
      counts = judged(context, strategy, flipped(packet))
      assert counts |> Map.values() |> Enum.sum() == 8 * byte_size(packet)
      # A bit of the MAC, the stamp, the incarnation or the seq: 16 + 8 + 8 + 4 bytes at least.
      assert counts.signature >= 8 * 36
      # A bit of the label.
      assert counts.cluster == 64
      # A bit of "heartbeat::", by which a plain packet is known.
      assert counts.undecryptable == 88

      counts = judged(context, strategy, truncated(packet))
      assert counts |> Map.values() |> Enum.sum() == byte_size(packet)
      # Without its trailer it is a plain heartbeat of the stock strategy.
      assert %{unsigned: 1} = counts
      assert Map.keys(counts) -- [:malformed, :undecryptable, :unsigned] == []
    end)

    assert_alone_taken(context, strategy, packet)
  end

  test "what was changed, or signed with another key, is refused under its name",
       %{port: port} = context do
    foreign = "a secret of strangers"

    for seal <- [true, false] do
      strategy = start(port, authentication: :required, seal: seal)

      without_atoms(fn ->
        for {changes, cause} <- [
              {[stamp: now() + 10_000], :signature},
              {[incarnation: 2], :signature},
              {[seq: 2], :signature},
              {[echoes: [1]], :signature},
              {[later: "later"], :signature},
              {[flags: SignedHeartbeat.leaving()], :signature},
              {[flags: 0xFF], :signature},
              {[name: "Friend@10.0.0.7"], :signature},
              {[cluster: "blue"], :cluster},
              {[version: 0], :malformed},
              # Of a later version it is signed by nobody whom we can verify.
              {[version: 2], :unsigned}
            ] do
          counts = judged(context, strategy, [forged(changes, seal)])
          assert counts == %{cause => 1}, inspect(changes)
        end

        plain = signed([], secret: foreign, seal: false)

        # With a wrong key, one packet in 256 has valid padding by chance. This one is the same in each run.
        sealed =
          [stamp: 0]
          |> signed(secret: foreign, seal: false)
          |> ReferencePeer.seal(foreign, <<0::128>>)

        for {packet, cause} <- [
              {plain, :signature},
              {sealed, :undecryptable},
              {ReferencePeer.seal(plain, secret()), :signature}
            ] do
          assert judged(context, strategy, [packet]) == %{cause => 1}
        end
      end)

      assert_alone_taken(context, strategy, signed())
      stop()
    end
  end

  @tag timeout: :infinity
  test "of forged ones, each under another name, none is taken", %{port: port} = context do
    count = Amount.from_env("FORGED_PACKETS", 2_000)
    strategy = start(port, authentication: :required)
    # What is loaded, or logged for the first time, may need an atom.
    warm_up = 500
    judged(context, strategy, Enum.map(1..warm_up, &forgery/1))
    Logger.flush()
    atoms = :erlang.system_info(:atom_count)
    before = NativeGossip.counters(strategy)

    for batch <- Enum.chunk_every((warm_up + 1)..(warm_up + count), 1_000) do
      judged(context, strategy, Enum.map(batch, &forgery/1))
    end

    counters = NativeGossip.counters(strategy)
    assert :erlang.system_info(:atom_count) == atoms
    assert counters.accepted == 0 and counters.copied == 0
    refused = for cause <- Events.refusals(), do: counters[cause] - before[cause]
    assert Enum.sum(refused) == count
    refuse = for cause <- Events.refusals(), counters[cause] > 0, do: cause
    # Of those that are sealed with another secret one in 256 seems to open, and is malformed.
    expected = [:signature, :undecryptable, :unsealed, :unsigned]
    assert Enum.sort(refuse -- [:malformed]) == expected
    assert_alone_taken(context, strategy, signed())
  end

  test "a recorded one is refused by who knows it and by who has started again",
       %{port: port} = context do
    strategy = start(port, authentication: :required)
    [first, second] = for seq <- 1..2, do: signed(seq: seq)
    assert judged(context, strategy, [first, second]) == %{accepted: 2}
    # Two ways lead here, from which one heartbeat may come twice.
    assert judged(context, strategy, [first, second]) == %{copied: 2}
    again = fn -> judged(context, strategy, [first, second]) end
    Await.until("they are no copies any more", again, &(&1 == %{replayed: 2}))
    below = [signed(seq: 100), signed(seq: 36)]
    assert judged(context, strategy, below) == %{accepted: 1, replayed: 1}
    stop()

    strategy = start(port, authentication: :required)
    recorded = for seq <- 1..3, do: signed(seq: seq, stamp: now() - 61_000)
    assert judged(context, strategy, recorded) == %{stale: 3}
    assert %{unsigned: 0, signed: [0]} = NativeGossip.readiness(strategy)
  end

  test "the same number with another MAC is a twin, and is told of", %{port: port} = context do
    :ok = LogLines.attach(self(), prefix: "[libcluster:lan] ")
    on_exit(&LogLines.detach/0)
    strategy = start(port, authentication: :required)
    twins = for stamp <- [now(), now() + 1], do: signed(stamp: stamp)
    assert judged(context, strategy, twins) == %{accepted: 1, twin: 1}
    line = Events.sentence(:name_shared, %{node: "friend@10.0.0.7"})
    assert_receive {:line, :warning, ^line}, 5_000
    assert_receive {:line, :warning, "packets refused as twin: 1, " <> _}, 5_000
  end

  test "a clock that is off is refused until it echoes us, then told of once",
       %{port: port} = context do
    :ok = LogLines.attach(self(), prefix: "[libcluster:lan] ")
    on_exit(&LogLines.detach/0)
    {strategy, us} = start_and_read(port, authentication: :required)
    late = &signed([stamp: now() - 780_000] ++ &1)

    assert judged(context, strategy, [late.(seq: 1), late.(seq: 2, echoes: [us + 1])]) == %{
             stale: 2
           }

    assert judged(context, strategy, [late.(seq: 3, echoes: [us])]) == %{accepted: 1}
    # Who is known need not prove it again.
    assert judged(context, strategy, [late.(seq: 4), late.(seq: 5)]) == %{accepted: 2}
    line = Events.sentence(:clock_off, %{node: "friend@10.0.0.7", off_ms: -780_000})
    assert_receive {:line, :warning, ^line}, 5_000
    refute_received {:line, :warning, ^line}
  end

  test "a clock that jumps while its node is known is taken when it echoes us, and told of once each way",
       %{port: port} = context do
    :ok = LogLines.attach(self(), prefix: "[libcluster:lan] ")
    on_exit(&LogLines.detach/0)
    {strategy, us} = start_and_read(port, authentication: :required)
    # 11323 days and an hour, of which the time that passes here takes nothing away.
    decades = 978_310_800_000
    back = &signed([stamp: now() - decades, seq: &1] ++ &2)

    packets = [signed(seq: 1), back.(2, []), back.(3, echoes: [us]), back.(4, []), signed(seq: 5)]
    assert judged(context, strategy, packets) == %{accepted: 4, stale: 1}

    assert_receive {:line, :warning,
                    "the clock of :\"friend@10.0.0.7\" was set 11323 days back;" <> _},
                   5_000

    ahead = "the clock of :\"friend@10.0.0.7\" was set 11323 days ahead; it is right now"
    assert_receive {:line, :info, ^ahead}, 5_000
    refute_received {:line, _, "the clock of " <> _}
  end

  # By one who has no secret, one who has another, one who knows the AES key alone, and one who changes what he
  # has recorded; sealed or plain.
  defp forgery(number) do
    name = "forged#{number}@10.0.0.7"
    seal? = rem(number, 2) == 0

    case rem(div(number, 2), 4) do
      0 -> ReferencePeer.seal("heartbeat::" <> SignedHeartbeat.etf(name), if(seal?, do: secret()))
      1 -> signed([name: name], secret: "a secret of strangers", seal: seal?)
      2 -> forged([name: name], seal?)
      # A bit of the MAC, or of the block that ends it.
      3 -> flip_behind(signed([name: name], seal: seal?), :rand.uniform(128))
    end
  end

  defp flip_behind(packet, bit), do: Bits.flip(packet, bit_size(packet) - bit)
end
