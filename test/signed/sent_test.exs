defmodule NativeGossip.Signed.SentTest do
  @moduledoc "What we send with a secret is read and verified by another implementation."
  use NativeGossip.Test.Judge

  alias NativeGossip.Dev.Await
  alias NativeGossip.Test.{ReferencePeer, SignedHeartbeat}

  for {what, options, form, signed?} <- [
        {"sealed", [], :sealed, true},
        {"sealed, with a label", [cluster: "blue"], :sealed, true},
        {"plain and signed", [seal: false], :plain, true},
        {"plain and signed, with a label", [seal: false, cluster: "größe"], :plain, true},
        {"with a label alone", [secret: nil, cluster: "blue"], :plain, false}
      ] do
    test "is verified by another implementation, and counts from 1: #{what}", %{port: port} do
      options = unquote(options)
      {:ok, _} = ReferencePeer.start_link(port: port, raw: true)
      began = now()
      start(port, options)
      heartbeats = for _ <- 1..5, do: received(options, unquote(form), unquote(signed?))
      assert Enum.all?(heartbeats, &(&1.name == "ours@127.0.0.1" and &1.later == ""))
      assert Enum.all?(heartbeats, &(&1.stamp in began..now()))

      if unquote(signed?) do
        assert Enum.map(heartbeats, & &1.seq) == [1, 2, 3, 4, 5]
        assert [_] = heartbeats |> Enum.map(& &1.incarnation) |> Enum.uniq()
        assert Enum.all?(heartbeats, &(&1.flags == 1 and &1.echoes == []))
      else
        assert Enum.all?(heartbeats, &(&1.flags == 0))
      end
    end
  end

  test "is signed with the first of several secrets", %{port: port} do
    {:ok, _} = ReferencePeer.start_link(port: port, raw: true)
    start(port, secret: ["the new secret", secret()])
    assert_receive {:packet, packet}, 5_000
    assert {:ok, _, 1, :sealed} = SignedHeartbeat.read(packet, [secret(), "the new secret"], nil)
  end

  test "has no trailer where there is neither a secret nor a label", %{port: port} do
    {:ok, _} = ReferencePeer.start_link(port: port, raw: true)
    start(port, secret: nil)
    assert_receive {:packet, packet}, 5_000
    assert packet == "heartbeat::" <> SignedHeartbeat.etf("ours@127.0.0.1")
  end

  test "is of another incarnation after each start", %{port: port} do
    {:ok, _} = ReferencePeer.start_link(port: port, raw: true)

    # A packet of the one before may be under way when that has stopped.
    Enum.reduce(1..3, [], fn n, seen ->
      start(port)
      next = fn -> received([], :sealed, true).incarnation end
      incarnation = Await.until("start #{n} is of another", next, &(&1 not in seen))
      stop()
      [incarnation | seen]
    end)
  end

  test "echoes whoever's clock is off, and nobody else", %{port: port} = context do
    {:ok, _} = ReferencePeer.start_link(port: port, raw: true)
    strategy = start(port, authentication: :required)
    fresh = signed(incarnation: 77)
    off = signed(incarnation: 78, stamp: now() - 780_000, name: "late@10.0.0.8")
    assert judged(context, strategy, [fresh, off]) == %{accepted: 1, stale: 1}

    Await.until(
      "it echoes",
      fn ->
        receive do
          {:packet, packet} -> SignedHeartbeat.read(packet, [secret()], nil)
        after
          1_000 -> nil
        end
      end,
      &match?({:ok, %{echoes: [78], name: "ours@127.0.0.1"}, 0, :sealed}, &1)
    )
  end

  # The heartbeat of ours that comes next, all copies of which are the same packet.
  defp received(options, form, signed?) do
    assert_receive {:packet, packet}, 5_000
    secrets = if signed?, do: [secret()], else: []
    signed_by = if signed?, do: 0
    read = SignedHeartbeat.read(packet, secrets, options[:cluster])
    assert {:ok, heartbeat, ^signed_by, ^form} = read
    # What the stock strategy makes of it.
    secret = if form == :sealed, do: secret()
    assert ReferencePeer.decode(packet, secret) == {:ok, :"ours@127.0.0.1"}
    heartbeat
  end

  test "of a node that leaves says so four times, then nothing more is sent", %{port: port} do
    {:ok, _} = ReferencePeer.start_link(port: port, raw: true)
    strategy = start(port)
    assert NativeGossip.drain(strategy) == :ok
    assert [_, _, _, _] = leaving = last_words([])
    assert Enum.all?(leaving, &(&1.flags == SignedHeartbeat.leaving()))
    assert NativeGossip.drain(strategy) == :ok
    refute_receive {:packet, _}, 1_000
  end

  # All heartbeats of a node that leaves with the flag, until none came for a second.
  defp last_words(read) do
    receive do
      {:packet, packet} ->
        {:ok, heartbeat, 0, :sealed} = SignedHeartbeat.read(packet, [secret()], nil)
        last_words([heartbeat | read])
    after
      1_000 -> read |> Enum.reverse() |> Enum.drop_while(&(&1.flags == 1))
    end
  end
end
