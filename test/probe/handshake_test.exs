defmodule NativeGossip.Probe.HandshakeTest do
  @moduledoc """
  Stand-ins for a node, on the loopback.
  """
  use ExUnit.Case, async: true

  import Bitwise
  import NativeGossip.Test.StandIn

  alias NativeGossip.Probe.Handshake
  alias NativeGossip.Test.Listener

  @name "b@127.0.0.1"

  test "nobody at the node's port is port_refused, and one that lets nothing through port_filtered" do
    refused = Listener.refused()
    assert %{cause: :port_refused, facts: %{port: ^refused}} = probe_port(refused)
    assert %{cause: :port_filtered, facts: %{took_ms: took}} = probe_port(Listener.filtered())
    assert took < 3_000
  end

  test "a node that takes the connection and says nothing is silent" do
    assert probe_port(Listener.silent()).cause == :silent
  end

  test "the status is the cause, where it ends the handshake" do
    for {status, cause} <- [{"nok", :busy}, {"not_allowed", :not_allowed}, {"alive", :half_open}] do
      result = probe_port(Listener.answering(status(status)))
      assert %{cause: ^cause, facts: %{status: ^status}} = result
    end
  end

  test "the challenge tells who answers, in the form of old nodes and of new ones" do
    for challenge <- [&challenge/1, &old_challenge/1], status <- ["ok", "ok_simultaneous"] do
      port = Listener.answering([status(status), challenge.(@name)])
      assert %{cause: :reachable, facts: %{answered_as: @name}} = probe_port(port)
      assert probe_port(port, connect: :failed).cause == :cookie
      assert probe_port(port, connect: :failed, disconnected_by: :global).cause == :kept_apart

      other = Listener.answering([status(status), challenge.("c@127.0.0.1")])
      result = probe_port(other, connect: :failed)
      assert %{cause: :other_node, facts: %{answered_as: "c@127.0.0.1"}} = result
    end
  end

  test "a name that is no text is not a node's, and makes no atom" do
    for name <- ["", <<255, 254>>, String.duplicate("n", 256)] do
      port = Listener.answering([status("ok"), challenge(name)])
      assert probe_port(port).cause == :not_a_node
    end

    strange = "never_an_atom_#{System.unique_integer([:positive])}@h"
    port = Listener.answering([status("ok"), challenge(strange)])
    assert %{cause: :other_node, facts: %{answered_as: ^strange}} = probe_port(port)
    assert_raise ArgumentError, fn -> String.to_existing_atom(strange) end
  end

  test "an alert of TLS is a node that speaks it" do
    alert = <<21, 3, 3, 0, 2, 2, 10>>
    assert probe_port(Listener.answering(alert)).cause == :tls_there
    tls = [outside: [carrier: {:inet, :tls}]]
    assert probe_port(Listener.answering(alert), tls).cause == :tls_both
    plain = Listener.answering([status("ok"), challenge(@name)])
    assert probe_port(plain, tls).cause == :tls_here
  end

  test "what answers like no node is none" do
    for answer <- [
          "HTTP/1.1 400 Bad Request\r\n\r\n",
          "SSH-2.0-OpenSSH_9.2\r\n",
          <<0, 0>>,
          <<0, 1, 0>>,
          status("named:a@h"),
          status(""),
          challenge(@name),
          [status("ok"), status("ok")],
          :binary.copy(<<255>>, 100_000)
        ] do
      assert probe_port(Listener.answering(answer)).cause == :not_a_node
    end
  end

  test "an answer that is cut anywhere is closed, or busy after the status; where it stalls silent" do
    answer = status("ok") <> challenge(@name)

    cuts = for length <- 0..(byte_size(answer) - 1), do: binary_part(answer, 0, length)
    {answering, stalling} = {&Listener.answering/1, &Listener.stalling/1}

    # The epmds first: they end with the process that starts them, which is this one.
    epmds = fn stand_in ->
      for cut <- cuts, do: {cut, Listener.answering(registered("b", stand_in.(cut)))}
    end

    for {cut, cause} <- probe_all(epmds.(answering), &probe/1) do
      expected = if byte_size(cut) < byte_size(status("ok")), do: :closed, else: :busy
      assert {cut, cause} == {cut, expected}
    end

    for {cut, cause} <- probe_all(epmds.(stalling), &probe(&1, step_timeout: 300)),
        do: assert({cut, cause} == {cut, :silent})
  end

  test "a packet that is cut inside its length is no node's" do
    <<length::16, challenge::binary>> = challenge(@name)

    for cut <- 1..(length - 1) do
      packet = <<cut::16, binary_part(challenge, 0, cut)::binary>>
      port = Listener.answering([status("ok"), packet])
      assert {cut, probe_port(port).cause} == {cut, :not_a_node}
    end
  end

  test "the probe says its own name, never ours, and no flag that would publish or name it" do
    test = self()

    port =
      Listener.start(fn socket ->
        {:ok, introduction} = :gen_tcp.recv(socket, 0)
        :gen_tcp.send(socket, [status("ok"), challenge(@name)])
        send(test, {:introduction, introduction, :gen_tcp.recv(socket, 0, 5_000)})
      end)

    assert probe_port(port).cause == :reachable
    # And it never answers the challenge.
    assert_receive {:introduction, introduction, {:error, :closed}}, 5_000
    assert <<length::16, ?N, flags::64, _creation::32, size::16, name::binary>> = introduction
    assert byte_size(introduction) == 2 + length
    assert byte_size(name) == size
    assert name == "native_gossip_probe@127.0.0.1"
    assert flags == Handshake.flags()
    assert (flags &&& 0x1) == 0, "DFLAG_PUBLISHED"
    assert (flags &&& 2 <<< 32) == 0, "DFLAG_NAME_ME"

    assert probe_port(port, version: 5).cause == :reachable
    assert_receive {:introduction, introduction, {:error, :closed}}, 5_000
    assert <<_::16, ?n, 5::16, _flags::32, "native_gossip_probe@127.0.0.1">> = introduction
  end

  test "all that this OTP demands of a node is among the flags" do
    {:erts_dflags, _default, mandatory, _addable, _rejectable, _strict} =
      :erts_internal.get_dflags()

    # Those of a digest stand for others.
    missing = mandatory &&& bnot(Handshake.flags())
    assert missing == 0, Integer.to_string(missing, 16)
  end

  test "where two probes meet, the one that was told no asks once more" do
    turns = :counters.new(1, [])

    port =
      Listener.start(fn socket ->
        {:ok, _} = :gen_tcp.recv(socket, 0)
        :counters.add(turns, 1, 1)

        case :counters.get(turns, 1) do
          1 -> :gen_tcp.send(socket, status("nok"))
          2 -> :gen_tcp.send(socket, [status("ok"), challenge(@name)])
        end

        :gen_tcp.recv(socket, 0, 5_000)
      end)

    assert probe_port(port, step_timeout: 2_000).cause == :reachable
    assert :counters.get(turns, 1) == 2
  end
end
