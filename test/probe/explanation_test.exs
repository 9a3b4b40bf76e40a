defmodule NativeGossip.Probe.ExplanationTest do
  use ExUnit.Case, async: true

  alias NativeGossip.Probe.{Cause, Explanation, Facts, Result}

  @facts %Facts{
    at: ~U[2026-01-01 00:00:00Z],
    ours: :"a@10.0.0.5",
    host: "10.0.0.6",
    address: {10, 0, 0, 6},
    addresses: [{10, 0, 0, 6}],
    epmd_port: 4369,
    port: 40_001
  }

  # Every cause, and what a person reads of it before what to do.
  @seen [
    not_alive: {%{}, "this node has no name, so it connects to nobody"},
    own_name: {%{}, "it has the name of this node"},
    connected: {%{}, "it is connected"},
    name_form:
      {%{host: "b"}, ~s|its name is short, and that of this node, :"a@10.0.0.5", is not|},
    name_form:
      {%{host: "b.lan", ours: :a@a}, "its name is long, and that of this node, :a@a, is not"},
    name_unresolved:
      {%{host: "b.lan", reason: :nxdomain}, ~s|this host finds no address for "b.lan": nxdomain|},
    name_loopback:
      {%{address: {127, 0, 1, 1}, heard_from: {10, 0, 0, 6}, obstacle: :epmd_refused},
       "its name leads to 127.0.1.1, the loopback of this host, while it is heard from 10.0.0.6, and " <>
         "there nothing listens at 127.0.1.1:4369, where its epmd should be, or a firewall rejects it"},
    name_loopback:
      {%{address: {127, 0, 1, 1}, obstacle: :other_node, answered_as: "b@a"},
       "its name leads to 127.0.1.1, the loopback of this host, and there the node that answers at " <>
         ~s|127.0.1.1:40001 is "b@a"|},
    name_elsewhere:
      {%{heard_from: {10, 0, 0, 7}, obstacle: :name_unregistered, registered: ["c"]},
       "its name leads to 10.0.0.6, while it is heard from 10.0.0.7, and there the epmd at " <>
         ~s|10.0.0.6:4369 does not know "b": it names "c"|},
    host_unreachable: {%{reason: :ehostunreach}, "10.0.0.6 cannot be reached: ehostunreach"},
    epmd_refused:
      {%{},
       "nothing listens at 10.0.0.6:4369, where its epmd should be, or a firewall rejects it"},
    epmd_filtered:
      {%{reason: :timeout}, "nothing comes back from 10.0.0.6:4369, where its epmd should be"},
    epmd_filtered:
      {%{reason: :eperm},
       "nothing comes back from 10.0.0.6:4369, where its epmd should be: a firewall of this host forbids it"},
    epmd_silent: {%{}, "what listens at 10.0.0.6:4369, where its epmd should be, says nothing"},
    epmd_foreign: {%{}, "what answers at 10.0.0.6:4369, where its epmd should be, is no epmd"},
    epmd_module:
      {%{epmd_module: MyEpmd, reason: {:error, :noport}},
       "MyEpmd does not find it: {:error, :noport}"},
    epmd_module:
      {%{epmd_module: MyEpmd, reason: %RuntimeError{message: "two\nlines"}},
       "MyEpmd does not find it: two lines"},
    name_unregistered:
      {%{registered: ["c", "d\n"]},
       ~S|the epmd at 10.0.0.6:4369 does not know "b": it names "c", "d\n"|},
    name_unregistered: {%{}, ~s|the epmd at 10.0.0.6:4369 does not know "b": it names no node|},
    port_refused: {%{}, "nothing listens at 10.0.0.6:40001, the port that epmd names"},
    port_filtered:
      {%{address: {0xFD00, 0, 0, 0, 0, 0, 0, 6}},
       "nothing comes back from [fd00::6]:40001, the port that epmd names"},
    silent: {%{}, "it takes the connection at 10.0.0.6:40001 and says nothing"},
    closed: {%{}, "10.0.0.6:40001 closes the connection in the middle of the handshake"},
    tls_there: {%{}, "it speaks TLS at 10.0.0.6:40001, and this node does not"},
    tls_here: {%{}, "this node speaks TLS, and it does not, at 10.0.0.6:40001"},
    tls_both:
      {%{}, "it speaks TLS at 10.0.0.6:40001, as this node does, and a probe cannot look further"},
    not_a_node: {%{}, "what answers at 10.0.0.6:40001 is no Erlang node"},
    busy: {%{}, "it is in the middle of another handshake with this host, at 10.0.0.6:40001"},
    not_allowed: {%{}, "it lets only some nodes connect, at 10.0.0.6:40001, and not the probe"},
    half_open:
      {%{}, "it takes an earlier connection for one that still stands, at 10.0.0.6:40001"},
    other_node:
      {%{answered_as: "c@10.0.0.6\n[error]"},
       ~S|the node that answers at 10.0.0.6:40001 is "c@10.0.0.6\n[error]"|},
    kept_apart:
      {%{},
       "it answers at 10.0.0.6:40001, and this node disconnects it again and again, as global does to prevent " <>
         "overlapping partitions"},
    cookie:
      {%{},
       "it answers at 10.0.0.6:40001 up to the cookie's challenge, and yet there is no connection"},
    reachable:
      {%{}, "it answers at 10.0.0.6:40001 up to the cookie's challenge, which was not tried"},
    probe_failed: {%{reason: :emfile}, "the probe itself failed: emfile"}
  ]

  for {{cause, {facts, seen}}, number} <- Enum.with_index(@seen) do
    test "#{cause} is told with what was seen, and what to do (#{number})" do
      cause = unquote(cause)
      facts = struct!(@facts, unquote(Macro.escape(facts)))
      result = %Result{node: :"b@10.0.0.6", cause: cause, facts: facts}
      assert Explanation.sentence(result) == unquote(seen) <> ". " <> Cause.remedy(cause)
    end
  end

  test "every cause has its words here" do
    assert Cause.all() -- Keyword.keys(@seen) == []
  end

  test "a reason of any length is cut" do
    for reason <- [List.duplicate(:x, 10_000), String.duplicate("x", 10_000), {:a, make_ref()}] do
      facts = %{@facts | reason: reason}
      result = %Result{node: :"b@10.0.0.6", cause: :probe_failed, facts: facts}
      assert byte_size(Explanation.sentence(result)) < 500
    end
  end
end
