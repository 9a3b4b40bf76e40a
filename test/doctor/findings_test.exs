defmodule NativeGossip.Doctor.FindingsTest do
  use ExUnit.Case, async: true

  alias NativeGossip.Doctor.{Facts, Findings}
  alias NativeGossip.Events.Refusal
  alias NativeGossip.Probe

  import NativeGossip.Test.Doctored

  defp kinds(facts), do: facts |> Findings.of() |> Enum.map(& &1.kind)

  defp found(facts) do
    [finding | _] = Findings.of(facts)
    {finding.kind, finding.seen}
  end

  test "where all is well there is no finding" do
    assert Findings.of(healthy()) == []
    assert Findings.of(healthy(%{ours: :"a@10.0.0.5"})) == []
  end

  test "several nodes of one host may be all there are, and of a single one nobody can say so" do
    here = fn names -> for name <- names, do: heard("#{name}@127.0.0.1", here?: true) end
    assert Findings.of(healthy(%{nodes: here.(~w(a b))})) == []

    assert found(healthy(%{nodes: here.(~w(a))})) ==
             {:alone,
              ~s(no heartbeat but that of "a@127.0.0.1", of this host, was heard in 6 s; ) <>
                "the doctor's own packet came back on eth0 (10.0.0.5)"}
  end

  test "that nobody is heard is said last, and not where something explains it" do
    assert {:alone, "no heartbeat was heard in 6 s; the doctor's own packet came back" <> _} =
             found(healthy(%{nodes: []}))

    unheard = interface(echo: :unheard, heard: 0)
    assert kinds(healthy(%{nodes: [], interfaces: [unheard]})) == [:own_unheard]
    refused = refusal(:undecryptable)
    assert kinds(healthy(%{nodes: [], refusals: [refused]})) == [:secret]

    assert kinds(healthy(%{nodes: [], epmd: {:absent, 4369}})) == [:epmd, :alone]
  end

  test "heartbeats that do not come are told before what follows from it, the worst link first" do
    nodes = [
      heard("a@10.0.0.5", here?: true, received: 10, missing: 10),
      heard("b@10.0.0.6", received: 27, missing: 3),
      heard("c@10.0.0.7", received: 8, missing: 2),
      heard("d@10.0.0.8", received: 5, missing: 5)
    ]

    facts = healthy(%{nodes: nodes, probes: [probe(:"d@10.0.0.8", :epmd_filtered)]})
    assert kinds(facts) == [:lossy, :unconnectable]

    assert found(facts) ==
             {:lossy, ~s|heartbeats do not come: "d@10.0.0.8" (5 of 10), "b@10.0.0.6" (3 of 30)|}

    rare = heard("b@10.0.0.6", received: 28, missing: 3)
    assert kinds(healthy(%{nodes: [rare]})) == []
  end

  test "two late answers of epmd are loss, and come before what follows from it" do
    late = %{address: {10, 0, 0, 6}, late: 2, of: 10}

    assert found(healthy(%{late: [late], probes: [probe(:"b@10.0.0.6", :epmd_filtered)]})) ==
             {:lossy,
              "of 10 questions to the epmd at 10.0.0.6 2 were answered late, as where packets are lost"}

    assert kinds(healthy(%{late: [%{late | late: 1}]})) == []
  end

  test "of many silent nodes, and of many clocks, some are named in one finding" do
    silent = for n <- 1..9, do: %{name: "n#{n}@h", heard_ms: 20_000, source: {10, 0, 0, n}}
    clocks = for n <- 1..9, do: %{node: "n#{n}@h", off_ms: 780_000}
    facts = healthy(%{silent: silent, clocks: clocks})
    assert [%{kind: :clock, seen: clock}, %{kind: :fell_silent, seen: seen}] = Findings.of(facts)
    assert clock =~ ~s(the clock of "n1@h" is 13 min ahead of this one's)

    assert seen =~
             ~s(what is connected is not heard any more: "n1@h", last 20 s ago from 10.0.0.1)
  end

  test "a node of this host that hangs is told instead of that nobody is heard" do
    facts = healthy(%{nodes: [], probes: [], hung: ["a"]})
    assert kinds(facts) == [:hangs]
  end

  test "from where a node cannot be connected to is said as far as it is known" do
    filtered = probe(:"b@10.0.0.6", :port_filtered)
    words = fn more -> healthy(Map.put(more, :probes, [filtered])) |> found() |> elem(1) end
    ours = :"a@10.0.0.5"

    assert words.(%{}) =~
             ~r/\A:"b@10.0.0.6" cannot be connected to from this host \(port_filtered\): /

    assert words.(%{ours: ours}) =~ ~r/\Ano connection to :"b@10.0.0.6" \(/
    connected = words.(%{ours: ours, connected: [:"b@10.0.0.6"]})
    assert connected =~ ~r/\A:"b@10.0.0.6" is connected, and could not be from this host \(/
  end

  test "a hidden node is told" do
    hidden = probe(:"b@10.0.0.6", :reachable, published?: false)

    assert found(healthy(%{probes: [hidden]})) ==
             {:hidden, ~s|hidden nodes are heard: :"b@10.0.0.6"|}
  end

  test "each fault of joining is told with the words of the log" do
    group = {233, 252, 1, 32}
    eth0 = %{name: "eth0", index: 2, address: {10, 0, 0, 5}}
    error = %{code: 105, text: "No buffer space available"}

    for {fault, kind, words} <- [
          {Map.merge(error, %{fault: :socket, step: :bind, address: {{0, 0, 0, 0}, 45_892}}),
           :socket, "bind to 0.0.0.0:45892"},
          {%{
             fault: :interface_missing,
             group: group,
             wanted: {:name, "eth9"},
             reason: :no_such_name
           }, :interface_missing, "there is no such interface"},
          {%{
             fault: :interface_missing,
             group: group,
             wanted: {:name, "eth1"},
             reason: :down
           }, :interface_missing, "the interface is down"},
          {%{fault: :no_interface, group: group}, :no_interface, "no interface but the loopback"},
          {%{fault: :loopback_only, group: group}, :no_interface,
           "no interface but the loopback"},
          {Map.merge(error, %{fault: :scan, step: :interfaces}), :no_interface,
           "list the interfaces"},
          {Map.merge(error, %{fault: :join, group: group, interface: eth0}), :join_refused,
           "join 233.252.1.32 on eth0 (10.0.0.5)"},
          {Map.merge(error, %{
             fault: :join_limit,
             group: group,
             missing: 3,
             of: 23,
             some: [eth0]
           }), :join_refused, "on 3 of 23 interfaces"}
        ] do
      facts = healthy(%{faults: [fault], interfaces: [], nodes: []})
      assert {^kind, seen} = found(facts)
      assert seen =~ words
    end
  end

  test "an interface on which the own packet cannot be sent, or does not come back, is named" do
    assert found(healthy(%{interfaces: [interface(echo: {:unsent, :eperm})]})) ==
             {:send_refused,
              "cannot send to 233.252.1.32:45892 by eth0 (10.0.0.5): eperm, as a firewall of this host says"}

    assert found(healthy(%{interfaces: [interface(echo: :unheard)]})) ==
             {:own_unheard,
              "the doctor's own packets to 233.252.1.32:45892 do not come back on eth0 (10.0.0.5)"}
  end

  test "an interface without multicast is a fault where it is needed and nothing is heard on it" do
    without = interface(multicast?: false, heard: 0)
    eth1 = interface(name: "eth1", address: {10, 1, 0, 5}, index: 3)
    assert {:no_multicast, seen} = found(healthy(%{interfaces: [without]}))
    assert seen =~ "eth0 (10.0.0.5) has multicast switched off"
    assert kinds(healthy(%{interfaces: [without, eth1]})) == []

    named = options(multicast_if: ["eth0", {10, 1, 0, 5}])
    assert kinds(healthy(%{interfaces: [without, eth1], options: named})) == [:no_multicast]
    assert kinds(healthy(%{interfaces: [%{without | heard: 3}]})) == []
    assert kinds(healthy(%{interfaces: [%{without | loopback?: true}]})) == []
  end

  test "each cause of a refusal is a finding, with its source" do
    expected = %{
      undecryptable: :secret,
      unsealed: :secret,
      signature: :secret,
      twin: :name_shared,
      stale: :clock,
      unsigned: :unsigned,
      cluster: :other_cluster,
      filtered: :filtered,
      malformed: :foreign,
      name: :foreign,
      replayed: :foreign,
      over_limit: :foreign
    }

    # Questions of doctors are left out of the facts.
    assert Enum.sort(Map.keys(expected)) == Enum.sort(Refusal.causes() -- [:doctor])

    for {cause, kind} <- expected do
      facts = healthy(%{refusals: [refusal(cause)], options: options(secret?: true)})
      assert {^kind, seen} = found(facts)
      assert seen =~ "4 packets are refused as #{cause}, from 10.0.0.7:45892 on eth0: "
    end
  end

  test "where one cause has several sources, some of them are named" do
    untaken = for n <- 6..10, do: {10, 0, 0, n}
    facts = healthy(%{refusals: [refusal(:unsealed)], untaken: untaken})
    assert {:secret, seen} = found(facts)
    assert seen =~ "as unsealed, from 10.0.0.6, 10.0.0.7, 10.0.0.8 and 2 more: its sender has"

    # Of two causes nobody knows which sender has which.
    facts = %{facts | refusals: [refusal(:unsealed), refusal(:cluster)]}
    assert {:secret, seen} = found(facts)
    assert seen =~ "from 10.0.0.7:45892 on eth0: "
  end

  test "without a secret here, what is no heartbeat may be sealed by those who are not heard" do
    plain = options(secret?: false)
    facts = healthy(%{refusals: [refusal(:malformed)], options: plain})
    assert {:foreign, _} = found(facts)
    here = [heard("a@10.0.0.5", here?: true)]
    assert {:secret, _} = found(%{facts | nodes: here})
    assert {:secret, _} = found(%{facts | nodes: []})
  end

  test "a clock is named with how far it is off, before the packets that are refused for it" do
    clocks = [%{node: "b@10.0.0.6", off_ms: -7_200_000}]
    facts = healthy(%{clocks: clocks, refusals: [refusal(:stale)]})
    assert kinds(facts) == [:clock, :clock]
    assert {:clock, ~s(the clock of "b@10.0.0.6" is 2 h behind this one's)} = found(facts)
  end

  test "two BEAMs of one name are named" do
    assert found(healthy(%{shared: ["b@10.0.0.6"]})) ==
             {:name_shared, ~s(two BEAMs speak as "b@10.0.0.6")}
  end

  test "short names against long ones are one finding, whatever the probes say" do
    nodes = [heard("b@10.0.0.6"), heard("c@host", source: {10, 0, 0, 7}), heard("d@fd00::1")]
    probes = [probe(:c@host, :name_form, host: "host")]
    facts = healthy(%{ours: :"a@10.0.0.5", nodes: nodes, probes: probes})

    assert kinds(facts) == [:name_forms]

    assert {:name_forms,
            ~s|long names are heard ("b@10.0.0.6", "d@fd00::1") and short ones ("c@host")|} =
             found(facts)

    alone = %{facts | nodes: [heard("c@host", source: {10, 0, 0, 7})]}
    assert kinds(alone) == [:unconnectable]
  end

  test "each cause of a probe is a finding with its remedy, but what is none or is said elsewhere" do
    silent = [:connected, :reachable, :own_name, :not_alive, :busy, :probe_failed, :tls_both]

    for cause <- Probe.Cause.all() do
      facts = healthy(%{ours: :"a@10.0.0.5", probes: [probe(:"b@10.0.0.6", cause)]})

      if cause in silent do
        assert kinds(facts) == []
      else
        assert [%{kind: :unconnectable, cause: ^cause} = finding] = Findings.of(facts)
        assert finding.seen =~ ~s|no connection to :"b@10.0.0.6" (#{cause}): |
        assert finding.remedy == Probe.Cause.remedy(cause)
      end
    end

    assert kinds(healthy(%{probes: [probe(:"b@10.0.0.6", :tls_there)]})) == []
  end

  test "without an epmd here, that is said, and not once more of each node of this host" do
    probes = [probe(:"a@10.0.0.5", :epmd_refused), probe(:"b@10.0.0.6", :epmd_refused)]
    facts = healthy(%{epmd: {:absent, 4369}, probes: probes})
    assert [%{kind: :epmd}, %{kind: :unconnectable, seen: seen}] = Findings.of(facts)
    assert seen =~ "b@10.0.0.6"
  end

  test "of a doctor at another host: multicast and unicast, one of them, or none" do
    to = fn more -> healthy(%{to: Map.merge(%{host: "b", address: nil, sent: :ok}, more)}) end
    assert kinds(to.(%{arrived: [:unicast, :multicast]})) == []
    assert kinds(to.(%{arrived: [:multicast]})) == [:unicast_lost]
    assert kinds(to.(%{arrived: [:unicast]})) == [:multicast_lost]
    assert kinds(to.(%{arrived: []})) == [:to_unanswered]
    assert kinds(to.(%{arrived: [:unicast, :multicast], lost: {2, 20}})) == []

    assert found(to.(%{arrived: [:unicast, :multicast], lost: {9, 20}})) ==
             {:lossy, "the doctor at b answers 11 of 20 questions"}

    assert {:send_refused, "cannot send to b: nxdomain"} =
             found(to.(%{arrived: [], sent: {:error, :nxdomain}}))
  end

  test "the surest finding comes first, and each has all of its words" do
    facts =
      healthy(%{
        faults: [%{fault: :no_interface, group: {233, 252, 1, 32}}],
        interfaces: [interface(echo: :unheard)],
        refusals: [refusal(:filtered), refusal(:unsealed)],
        probes: [probe(:"b@10.0.0.6", :port_filtered)],
        epmd: {:absent, 4369}
      })

    assert kinds(facts) ==
             [:no_interface, :own_unheard, :secret, :filtered, :epmd, :unconnectable]

    for finding <- Findings.of(facts), field <- [:seen, :expected, :remedy] do
      assert Map.fetch!(finding, field) != ""
    end

    assert %Facts{} = facts
  end
end
