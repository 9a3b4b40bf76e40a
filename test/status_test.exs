defmodule NativeGossip.StatusTest do
  @moduledoc """
  What a topology says of itself and of its peers: one strategy in this BEAM on the loopback, and each field
  provoked by packets that are made here.
  """
  use NativeGossip.Test.Judge

  alias NativeGossip.{Peer, Status}
  alias NativeGossip.Dev.{Await, Inside}
  alias NativeGossip.Test.{ReferencePeer, Topology}

  @friend "friend@10.0.0.7"

  defp status_when(what, accept?),
    do: Await.until(what, fn -> NativeGossip.status(:lan) end, accept?)

  defp peer_when(what, accept?) do
    [peer] = Await.until(what, fn -> NativeGossip.peers(:lan) end, &match_one(&1, accept?))
    peer
  end

  defp match_one([peer], accept?), do: accept?.(peer)
  defp match_one(_peers, _accept?), do: false

  # As `start/2`, and connects by this.
  defp start_with(port, options, connect) do
    spec = Topology.spec(port, options, connect: connect)
    start_supervised!({Cluster.Supervisor, [[lan: spec], [name: Inside]]})
    hearing()
  end

  defp lines(status), do: status |> inspect() |> String.split("\n")

  describe "a status" do
    test "says who the node is, where it listens and how it sends", %{port: port} do
      {_strategy, incarnation} = start_and_read(port, [])
      status = status_when("it hears", &(&1.echo_ms != nil))

      assert %Status{topology: :lan, node: :"ours@127.0.0.1", heartbeat_form: :sealed} = status
      assert %{draining: false, overloaded: false, interval_ms: 200} = status
      assert status.incarnation == incarnation
      group = {{233, 252, 1, 32}, port}
      assert %{open: true, broadcast: false, hears_groups: true, fault: nil} = status.socket
      assert status.socket.target == group and status.socket.address == {{0, 0, 0, 0}, port}
      assert [%{name: "lo", address: {127, 0, 0, 1}, joined: true} = lo] = status.memberships
      assert lo.index > 0 and lo.echo_ms in 0..5_000 and lo.faults == []
      assert status.counters.sent > 0 and status.send_failures == 0
      assert Map.keys(status.counters) == Map.keys(NativeGossip.counters(:lan))
      assert status.readiness == %{signed: [0], unsigned: 0}
      assert status.peers |> Map.keys() |> Enum.sort() == Enum.sort(Peer.state_names())
      assert status.faults == [] and status.last_refused == %{}
    end

    test "of a node without a secret has no incarnation, and its heartbeats are plain", %{
      port: port
    } do
      start(port, secret: nil)
      assert %{heartbeat_form: :plain, incarnation: nil} = NativeGossip.status(:lan)
      stop()
      start(port, seal: false)
      assert %{heartbeat_form: :signed} = NativeGossip.status(:lan)
    end

    test "names the last source of each refusal", %{port: port} = context do
      strategy = start(port)
      assert %{malformed: 1} = judged(context, strategy, [ReferencePeer.seal("noise", secret())])
      assert %{undecryptable: 1} = judged(context, strategy, ["noise"])
      {:ok, from} = :inet.port(context.socket)
      status = NativeGossip.status(:lan)
      assert status.last_refused |> Map.keys() |> Enum.sort() == [:malformed, :undecryptable]

      assert %{source: {{127, 0, 0, 1}, ^from}, interface: "lo"} =
               status.last_refused.undecryptable

      assert status.last_refused.malformed.ms in 0..5_000
      line = Enum.find(lines(status), &(&1 =~ "undecryptable"))
      assert line =~ ~r/1 undecryptable, the last \d\.\d s ago from 127.0.0.1:#{from} on lo$/
      assert inspect(status) == "#NativeGossip.Status<#{status}\n>"
    end

    test "has the interfaces that are not there, and why", %{port: port} do
      start(port, multicast_if: ["lo", "none9"])
      status = NativeGossip.status(:lan)

      assert [%{name: "lo", joined: true}, %{name: "none9", joined: false} = none] =
               status.memberships

      assert %{index: nil, address: nil, echo_ms: nil, faults: [fault]} = none
      assert %{fault: :interface_missing, reason: :no_such_name} = fault
      assert [%{fault: :interface_missing, since_ms: since}] = status.faults
      assert since >= 0
      assert Enum.any?(lines(status), &(&1 =~ "none9: not joined, there is no such interface"))
    end

    test "says why the socket is closed, and since when", %{port: port} do
      topologies = [lan: Topology.spec(port, if_addr: "192.0.2.1")]
      start_supervised!({Cluster.Supervisor, [topologies, [name: Inside]]})
      status = status_when("it has failed", &(&1.socket.fault != nil))

      assert %{open: false, fault: %{fault: :socket, step: :bind, since_ms: since}} =
               status.socket

      assert since >= 0
      assert Enum.any?(lines(status), &(&1 =~ "closed for"))
    end

    test "counts what the system refuses to send", %{port: port} do
      # From the loopback there is no way to another host.
      options = [if_addr: "127.0.0.1", broadcast_only: true, multicast_addr: "192.0.2.255"]

      start_supervised!(
        {Cluster.Supervisor, [[lan: Topology.spec(port, options)], [name: Inside]]}
      )

      status = status_when("one has failed", &(&1.send_failures > 0))
      assert [%{fault: :send_to, target: {{192, 0, 2, 255}, ^port}}] = status.faults
      assert Enum.any?(lines(status), &(&1 =~ ~r/refused by the system \d+ times?$/))
    end

    test "of broadcasts has no memberships, and the last echo", %{port: port} do
      start(port, broadcast_only: true, multicast_addr: "127.255.255.255")
      status = NativeGossip.status(:lan)
      assert %{socket: %{broadcast: true, hears_groups: false}, memberships: []} = status
      assert status.echo_ms in 0..5_000
      assert Enum.any?(lines(status), &(&1 =~ "broadcast 127.255.255.255:#{port}"))
    end

    test "says that the node drains", %{port: port} do
      start(port)
      NativeGossip.drain(:lan)
      status = status_when("it drains", & &1.draining)
      assert hd(lines(status)) =~ "draining"
    end

    test "has readiness and counts of peers of the same moment", %{port: port} = context do
      strategy = start(port, secret: [secret(), "another secret of these tests"])
      judged(context, strategy, [signed([], secret: "another secret of these tests")])
      status = status_when("it is connected", &(&1.peers.connected == 1))
      assert status.readiness == %{signed: [0, 1], unsigned: 0}
      assert hd(lines(status)) == "#NativeGossip.Status<lan: 1 peer connected"
      assert Enum.any?(lines(status), &(&1 =~ "0 with secret 1, 1 with secret 2, 0 unsigned"))
    end

    test "prints lines that are aligned, alone and in a list", %{port: port} do
      start(port)
      status = NativeGossip.status(:lan)
      [_title | rest] = lines(status)
      assert List.last(rest) == ">"
      for line <- Enum.drop(rest, -1), do: assert(line =~ ~r/^  (\w+ +| {12})(?<=.{14})\S/)

      [_bracket | in_list] = [status] |> inspect() |> String.split("\n")
      assert Enum.any?(in_list, &(&1 =~ ~r/^    node        ours@127.0.0.1/))
    end

    test "is a map of what JSON has", %{port: port} = context do
      strategy = start(port, multicast_if: ["lo", "none9"])
      judged(context, strategy, ["noise"])
      map = Status.to_map(NativeGossip.status(:lan))
      assert json?(map)
      assert map.socket.target == "233.252.1.32:#{port}"
      assert map.incarnation =~ ~r/^[0-9a-f]+$/
    end
  end

  describe "a peer" do
    test "says where it was heard from, by which secret, what was lost, and how its clock is",
         %{port: port} = context do
      strategy = start(port)
      ahead = now() + 5_000
      packets = for seq <- [1, 2, 3, 5], do: signed(seq: seq, stamp: ahead)
      assert %{accepted: 4} = judged(context, strategy, packets)
      peer = peer_when("it is connected", &(&1.state == :connected))
      {:ok, from} = :inet.port(context.socket)

      assert %Peer{name: @friend, address: {127, 0, 0, 1}, port: ^from, interface: "lo"} = peer
      assert %{heartbeat_form: :sealed, secret: 1, received: 4, missing: 1, cause: nil} = peer
      assert_in_delta peer.loss, 20.0, 0.01
      assert peer.heard_ms in 0..5_000 and peer.clock_ms in 1_000..5_000

      assert inspect(peer) == "#NativeGossip.Peer<#{peer}>"
      assert inspect(%{peer | hidden: true}) =~ ~s("#{@friend}" connected, hidden, heard)

      assert inspect(peer) =~
               ~r/^#NativeGossip.Peer<"#{@friend}" connected, heard \d.\d s ago from 127.0.0.1:#{from} on lo, sealed and signed, 20.0 % lost, clock \+\d.\d s>$/
    end

    test "is told from one that sends plain, and from one that signs alone",
         %{port: port} = context do
      strategy = start(port, seal: false, secret: ["new secret of these tests", secret()])
      judged(context, strategy, [ReferencePeer.encode(:"plain@10.0.0.8")])
      judged(context, strategy, [ReferencePeer.encode(:"stock@10.0.0.9", secret())])
      judged(context, strategy, [signed([], seal: false)])
      peers = NativeGossip.peers(:lan)
      forms = Map.new(peers, &{&1.name, {&1.heartbeat_form, &1.secret, &1.loss}})
      assert forms["plain@10.0.0.8"] == {:plain, nil, nil}
      assert forms["stock@10.0.0.9"] == {:sealed_unsigned, 2, nil}
      assert forms[@friend] == {:signed, 2, 0.0}
      assert Enum.map(peers, & &1.name) == Enum.sort(Map.keys(forms))
    end

    test "that cannot be reached is backing off", %{port: port} = context do
      start_with(port, [secret: secret()], {Topology, :tell, [self(), false]})
      send_packet(context, signed())
      peer = peer_when("it failed", &match?({:backing_off, _, 1}, &1.state))
      {:backing_off, until_ms, 1} = peer.state
      assert until_ms in 0..1_000
      assert inspect(peer) =~ ~r/backing off for \d.\d s \(1 failed\)/
      assert %{peers: %{backing_off: 1}} = NativeGossip.status(:lan)
      assert %{state: :backing_off, failures: 1, until_ms: ms} = Peer.to_map(peer)
      assert is_integer(ms)
    end

    test "to which an attempt is under way is announced", %{port: port} = context do
      start_with(port, [secret: secret()], {Topology, :ask, [self()]})
      send_packet(context, signed())
      assert_receive {:connect, :"friend@10.0.0.7", task}, 5_000
      assert [%{state: :announced}] = NativeGossip.peers(:lan)
      send(task, {:answer, true})
      peer_when("it is connected", &(&1.state == :connected))
    end

    test "that leaves is leaving while it is connected, and has left then",
         %{port: port} = context do
      strategy = start(port)
      judged(context, strategy, [signed(seq: 1)])
      peer_when("it is connected", &(&1.state == :connected))

      judged(context, strategy, [
        signed(seq: 2, flags: NativeGossip.Test.SignedHeartbeat.leaving())
      ])

      assert [%{state: :leaving}] = NativeGossip.peers(:lan)
      send(strategy, {:nodedown, :"friend@10.0.0.7", []})
      peer_when("it has left", &(&1.state == :left))
    end

    test "never becomes an atom", %{port: port} = context do
      strategy = start(port, allow: "*")

      without_atoms(fn ->
        NativeGossip.drain(strategy)
        Await.until("it drains", fn -> NativeGossip.status(:lan) end, & &1.draining)
        name = "only-heard-#{System.unique_integer([:positive])}@10.0.0.7"
        judged(context, strategy, [signed(name: name)])
        peers = NativeGossip.peers(:lan)
        assert name in Enum.map(peers, & &1.name)
        assert inspect(peers, limit: :infinity) =~ name
        assert Peer.table(peers) =~ name
      end)
    end

    test "with control characters in its name spoils no terminal", %{port: port} = context do
      strategy = start(port)
      judged(context, strategy, [signed(name: "evil@\u009b31mhost")])
      assert [peer] = NativeGossip.peers(:lan)
      refute inspect(peer) =~ "\u009b"
      refute Peer.table([peer]) =~ "\u009b"
    end

    test "is a row of a table, and a map of what JSON has", %{port: port} = context do
      strategy = start(port)
      judged(context, strategy, [signed(), signed(name: "a-much-longer-name@10.0.0.8")])
      peers = NativeGossip.peers(:lan)
      [titles, first, second] = peers |> Peer.table() |> String.split("\n")
      assert titles =~ ~r/^name +state +heard +from +by +sends +lost +clock$/
      {place, _} = :binary.match(titles, "state")
      for row <- [first, second], do: assert(binary_part(row, place - 2, 2) == "  ")
      assert Enum.all?(peers, &json?(Peer.to_map(&1)))
      assert Peer.table([]) =~ "name"
    end
  end

  # It may be recorded, and sent from anywhere.
  test "a heartbeat that was overtaken does not say where its peer is", %{port: port} = context do
    strategy = start(port)
    {:ok, elsewhere} = :gen_udp.open(0, [:binary])
    [first, second, third] = for seq <- 1..3, do: signed(seq: seq)
    assert judged(context, strategy, [first, third]) == %{accepted: 2}
    assert judged(%{context | socket: elsewhere}, strategy, [second]) == %{accepted: 1}
    {:ok, here} = :inet.port(context.socket)
    assert [%{port: ^here, received: 3}] = NativeGossip.peers(strategy)
  end

  defp json?(map) when is_map(map) and not is_struct(map),
    do: Enum.all?(map, fn {key, value} -> is_atom(key) and json?(value) end)

  defp json?(list) when is_list(list), do: Enum.all?(list, &json?/1)

  defp json?(value),
    do: is_atom(value) or is_number(value) or (is_binary(value) and String.valid?(value))
end
