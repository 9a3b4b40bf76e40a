defmodule NativeGossip.Signed.HeardTest do
  @moduledoc "Who is heard: labels, patterns, names that sign, and nodes that leave."
  use NativeGossip.Test.Judge

  alias NativeGossip.Dev.Await
  alias NativeGossip.Test.{ReferencePeer, SignedHeartbeat}

  test "another label, or none, is of another cluster, with one secret and without",
       %{port: port} = context do
    for {secret, flags} <- [{secret(), 1}, {nil, 0}],
        {ours, theirs} <- [{"blue", "green"}, {nil, "green"}] do
      strategy = start(port, secret: secret, cluster: ours)
      own = SignedHeartbeat.encode(heartbeat(cluster: ours, flags: flags), secret)
      other = SignedHeartbeat.encode(heartbeat(cluster: theirs, flags: flags), secret)
      assert judged(context, strategy, [other]) == %{cluster: 1}
      refute_received {:connect, _}

      own = if ours || secret, do: own, else: ReferencePeer.encode(:"friend@10.0.0.7")

      assert %{accepted: 1} = judged(context, strategy, [own])
      assert_receive {:connect, :"friend@10.0.0.7"}, 5_000
      stop()
    end
  end

  test "whom no pattern allows is refused before its name is an atom",
       %{port: port} = context do
    for {secret, sign} <- [
          {nil, &ReferencePeer.seal("heartbeat::" <> SignedHeartbeat.etf(&1), nil)},
          {secret(), &signed(name: &1)}
        ] do
      strategy = start(port, secret: secret, allow: ["friend@*", "app-?@10.0.*"])
      unique = System.unique_integer([:positive])
      names = for n <- 1..500, do: "app-#{unique}-#{n}@10.0.0.7"

      without_atoms(fn ->
        assert judged(context, strategy, Enum.map(names, sign)) == %{filtered: 500}
      end)

      refute_received {:connect, _}

      assert %{accepted: 2} =
               judged(context, strategy, Enum.map(["friend@10.0.0.7", "app-1@10.0.0.3"], sign))

      for node <- [:"friend@10.0.0.7", :"app-1@10.0.0.3"],
          do: assert_receive({:connect, ^node}, 5_000)

      stop()
    end
  end

  test "a name that signs is not believed without a signature, and another is",
       %{port: port} = context do
    strategy = start(port, seal: false)
    assert judged(context, strategy, [signed([], seal: false)]) == %{accepted: 1}
    stock = ReferencePeer.encode(:"friend@10.0.0.7")
    assert judged(context, strategy, [stock]) == %{unsigned: 1}

    assert judged(context, strategy, [ReferencePeer.encode(:"stock@10.0.0.6")]) == %{
             accepted: 1,
             accepted_unsigned: 1
           }
  end

  test "readiness tells who signs, with which secret, and who does not",
       %{port: port} = context do
    old = "the old secret of these tests"
    strategy = start(port, secret: [secret(), old], seal: false)

    packets =
      for(n <- 1..3, do: signed([name: "new-#{n}@10.0.0.1"], seal: false)) ++
        for(n <- 1..2, do: signed([name: "old-#{n}@10.0.0.1"], secret: old)) ++
        [ReferencePeer.encode(:"stock@10.0.0.6")]

    assert %{accepted: 6, accepted_unsigned: 1} = judged(context, strategy, packets)

    ready =
      &Await.until("it is #{inspect(&1)}", fn -> NativeGossip.readiness(:lan) end, fn r ->
        r == &1
      end)

    ready.(%{signed: [3, 2], unsigned: 1})

    # One after the other takes the new secret, and the stock node is replaced.
    judged(context, strategy, [
      signed(name: "old-1@10.0.0.1", incarnation: 2),
      signed(name: "old-2@10.0.0.1", incarnation: 2),
      signed(name: "stock@10.0.0.6")
    ])

    ready.(%{signed: [6, 0], unsigned: 0})
  end

  test "a node that leaves is not dialled again until it speaks without the flag, while a stock node is",
       %{port: port} = context do
    strategy = start(port, seal: false)
    stock = &ReferencePeer.encode(&1)
    judged(context, strategy, [signed([seq: 1], seal: false), stock.(:"stock@10.0.0.6")])

    for node <- [:"friend@10.0.0.7", :"stock@10.0.0.6"],
        do: assert_receive({:connect, ^node}, 5_000)

    leaving = &signed([seq: &1, flags: SignedHeartbeat.leaving()], seal: false)
    assert judged(context, strategy, [leaving.(2)]) == %{accepted: 1}

    for node <- [:"friend@10.0.0.7", :"stock@10.0.0.6"],
        do: send(strategy, {:nodedown, node, []})

    heard = fn ->
      send_packet(context, stock.(:"stock@10.0.0.6"))
      send_packet(context, leaving.(3))
      receive do: ({:connect, node} -> node), after: (100 -> nil)
    end

    assert Await.until("one is dialled", heard, & &1) == :"stock@10.0.0.6"
    judged(context, strategy, for(seq <- 4..8, do: leaving.(seq)))
    refute_receive {:connect, :"friend@10.0.0.7"}, 500

    # It starts again, and hears nothing of the past.
    judged(context, strategy, [signed([incarnation: 2], seal: false)])
    assert_receive {:connect, :"friend@10.0.0.7"}, 5_000
  end
end
