defmodule NativeGossip.Faults.PacketsTest do
  @moduledoc """
  What kills the strategy of libcluster 3.5.0, sent to ours: the same process is there afterwards,
  and every packet was counted under its cause.
  """
  use ExUnit.Case, async: false

  alias NativeGossip.Dev.{Await, FreePort, Inside}
  alias NativeGossip.Test.{ReferencePeer, Topology}

  @moduletag :capture_log

  @vectors Path.expand("../../native/core/tests/vectors/packets.json", __DIR__)
  @secret "s3cret"
  @quiet Map.new(
           [:accepted, :accepted_unsigned, :copied, :announced] ++ NativeGossip.Events.refusals(),
           &{&1, 0}
         )

  # So many of the longest packets fit into the smallest receive buffer that a kernel gives.
  @batch 32

  setup_all do
    :ok = Inside.become(:"ours@127.0.0.1")
    on_exit(&:net_kernel.stop/0)
  end

  setup do
    {:ok, socket} = :gen_udp.open(0, [:binary])
    %{socket: socket, port: FreePort.udp()}
  end

  test "each packet that crashes libcluster 3.5.0 is refused under its cause", context do
    vectors = crashing_vectors()
    assert length(vectors) >= 7

    for {secret, vectors} <- Enum.group_by(vectors, & &1.secret) do
      strategy = start(context.port, secret)

      for vector <- vectors do
        before = settled(strategy)
        send_all(context, strategy, [vector.packet])
        expected = Map.update!(before, vector.reject, &(&1 + 1))
        assert settled(strategy) == expected, "#{vector.name}: expected #{vector.reject}"
      end

      refused = vectors |> Enum.frequencies_by(& &1.reject)
      assert settled(strategy) == Map.merge(@quiet, refused)
      assert_lives_on(context, strategy, secret)
      stop_supervised!(Cluster.Supervisor)
    end
  end

  test "a sealed packet with any one bit flipped is refused", context do
    packet = ReferencePeer.encode(:"friend@10.0.0.7", @secret)
    assert byte_size(packet) == 64
    strategy = start(context.port, @secret)
    send_all(context, strategy, flipped(packet))
    counted = settled(strategy)

    # A bit of the IV or of the first block spoils what stands there, "heartbeat::" and the head of
    # the term; a bit of a later block spoils the name, the padding, or both.
    assert counted.malformed >= 256
    assert counted.malformed + counted.name + counted.undecryptable == 512
    assert counted == Map.merge(@quiet, Map.take(counted, [:malformed, :name, :undecryptable]))
    refute_received {:connect, _}
    assert_lives_on(context, strategy, @secret)
  end

  # Without a signature the cipher alone protects the name: a flipped bit makes sixteen bytes of a
  # long one random, and now and then these are letters of a host's name.
  test "a sealed packet of a long name with any one bit flipped is refused, or names what it says",
       context do
    packet = ReferencePeer.encode(:"friend@#{String.duplicate("a", 200)}", @secret)
    strategy = start(context.port, @secret)
    flipped = flipped(packet)
    send_all(context, strategy, flipped)
    counted = settled(strategy)
    causes = Map.drop(counted, [:announced, :accepted_unsigned])
    assert causes |> Map.values() |> Enum.sum() == length(flipped)
    assert causes.malformed >= 256

    readable =
      for packet <- flipped, {:ok, name} <- [ReferencePeer.decode(packet, @secret)], do: name

    connected =
      for _ <- 1..counted.announced//1 do
        assert_receive {:connect, node}, 5_000
        node
      end

    assert connected -- readable == []
    assert counted.announced == counted.accepted
    assert_lives_on(context, strategy, @secret)
  end

  defp start(port, secret) do
    spec = Topology.spec(port, [secret: secret], connect: {Topology, :tell, [self(), true]})
    start_supervised!({Cluster.Supervisor, [[lan: spec], [name: Inside]]})
    strategy = Inside.strategy(:lan)
    Await.until("it hears", fn -> NativeGossip.counters(strategy) end, &(&1.echoed > 0))
    strategy
  end

  defp send_all(context, strategy, packets) do
    for batch <- Enum.chunk_every(packets, @batch) do
      before = total(strategy)
      for packet <- batch, do: :ok = send_packet(context, packet)
      all = before + length(batch)
      Await.until("all are counted", fn -> total(strategy) end, &(&1 >= all))
    end
  end

  defp send_packet(context, packet) do
    :gen_udp.send(context.socket, {127, 0, 0, 1}, context.port, packet)
  end

  # Its own echo comes when it comes.
  defp settled(strategy),
    do: strategy |> NativeGossip.counters() |> Map.drop([:echoed, :sent, :received])

  defp total(strategy) do
    %{received: received, echoed: echoed} = NativeGossip.counters(strategy)
    received - echoed
  end

  defp assert_lives_on(context, strategy, secret) do
    send_packet(context, ReferencePeer.encode(:"genuine@10.0.0.8", secret))
    assert_receive {:connect, :"genuine@10.0.0.8"}, 5_000
    assert Inside.strategy(:lan) == strategy
  end

  defp flipped(packet) do
    for place <- 0..(byte_size(packet) - 1), bit <- 0..7 do
      packet
      |> :binary.bin_to_list()
      |> List.update_at(place, &Bitwise.bxor(&1, Bitwise.bsl(1, bit)))
      |> :binary.list_to_bin()
    end
  end

  # The vectors speak of what is in a packet; one longer than a frame is not looked into.
  defp refusal(packet, _reject) when byte_size(packet) > 1500, do: :over_limit
  defp refusal(_packet, reject), do: String.to_existing_atom(reject)

  # One object a line, its keys always in the same order.
  defp crashing_vectors do
    for line <- File.stream!(@vectors), line =~ ~s("libcluster_3_5_0": "crashes") do
      [_, name, secret, packet, reject] =
        Regex.run(
          ~r/"case": "(.*?)", "secret": (null|".*?"), "packet": "(.*?)", .*"reject": "(.*?)"/,
          line
        )

      packet = Base.decode16!(packet, case: :lower)

      %{
        name: name,
        secret: if(secret != "null", do: String.trim(secret, "\"")),
        packet: packet,
        reject: refusal(packet, reject)
      }
    end
  end
end
