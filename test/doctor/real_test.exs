defmodule NativeGossip.Doctor.RealTest do
  @moduledoc """
  The doctor beside real nodes, on the loopback. `DOCTOR_RUNS` says how often a healthy cluster is looked at.
  """
  use ExUnit.Case

  alias NativeGossip.Dev.{Beam, Epmd, FreePort, Inside, Mesh}
  alias NativeGossip.Doctor
  alias NativeGossip.Doctor.Report
  alias NativeGossip.Test.{Amount, ReferencePeer, SignedHeartbeat}

  @moduletag timeout: 600_000

  setup do
    epmd = Epmd.start_link()
    {:ok, udp: FreePort.udp(), epmd: epmd.port}
  end

  defp config(context, more \\ []),
    do:
      Keyword.merge([port: context.udp, multicast_if: "127.0.0.1", heartbeat_interval: 200], more)

  defp beam(name, context), do: Beam.start_link(name: name, epmd_port: context.epmd)

  defp join(beam, config, spec \\ []) do
    spec = [strategy: NativeGossip.Strategy, config: config] ++ spec
    Beam.call(beam, Inside, :start_cluster, [[lan: spec]])
  end

  # In a BEAM without a name, as that of mix.
  defp run(beam, options), do: Beam.call(beam, Doctor, :run, [options], 60_000)

  defp kinds(report), do: Enum.map(report.findings, & &1.kind)

  test "in runs of a healthy cluster nothing is wrong, from mix and from a node's shell",
       context do
    beams = [one | _] = for name <- ~w(a b), do: beam("#{name}@127.0.0.1", context)
    config = config(context, secret: "of the healthy cluster")
    Enum.each(beams, &join(&1, config))
    Mesh.await(beams)
    doctor = beam(nil, context)

    for _ <- 1..Amount.from_env("DOCTOR_RUNS", 2), from <- [doctor, one] do
      report = run(from, config: config, seconds: 1)
      assert {report.findings, report.facts.refusals} == {[], []}
      assert Report.text(report) =~ "\nNothing wrong found, 2 nodes heard, 2 of this host."
      assert [%{name: "lo", echo: :heard}] = report.facts.interfaces
      sources = for node <- report.facts.nodes, do: {node.name, node.source, node.here?}
      loopback = {127, 0, 0, 1}
      assert sources == [{"a@127.0.0.1", loopback, true}, {"b@127.0.0.1", loopback, true}]
    end

    # It connects to nobody, and nobody to it.
    assert Mesh.full?(Mesh.seen(beams))
    assert Beam.call(doctor, Node, :alive?, []) == false
  end

  test "another secret on one side is the first finding, on both sides", context do
    for {name, secret} <- [{"a", "of the one"}, {"b", "of the other"}] do
      join(beam("#{name}@127.0.0.1", context), config(context, secret: secret))
    end

    doctor = beam(nil, context)

    for secret <- ["of the one", "of the other"] do
      report = run(doctor, config: config(context, secret: secret), seconds: 1)
      assert [%{kind: :secret, cause: :undecryptable, seen: seen} | _] = report.findings
      assert seen =~ "from 127.0.0.1:"
      assert length(report.facts.nodes) == 1
    end

    report = run(doctor, config: config(context, secret: nil), seconds: 1)
    assert [%{kind: :secret, cause: :malformed} | _] = report.findings
    report = run(doctor, config: config(context, secret: "a third one"), seconds: 1)
    refute inspect(report) =~ "third"
    refute Report.json(report) =~ "third"
  end

  test "another cookie is named from the shell of a node, which knows that it is not connected",
       context do
    [one, _] =
      beams =
      for name <- ~w(a b),
          do: Beam.start_link(name: "#{name}@127.0.0.1", epmd_port: context.epmd, cookie: name)

    Enum.each(beams, &join(&1, config(context)))
    report = run(one, topology: nil, config: config(context), seconds: 1)
    # The topology of the doctor is not the one that runs there: nothing is known of attempts.
    assert report.findings == []
    :ok = Beam.call(one, Application, :put_env, [:libcluster, :topologies, topologies(context)])
    report = run(one, topology: :lan, seconds: 1)
    assert [%{kind: :unconnectable, cause: :cookie, seen: seen}] = report.findings
    assert seen =~ "b@127.0.0.1"
  end

  defp topologies(context),
    do: [lan: [strategy: NativeGossip.Strategy, config: config(context)]]

  test "where a single node runs, no other is heard", context do
    join(beam("a@127.0.0.1", context), config(context))
    doctor = beam(nil, context)
    report = run(doctor, config: config(context), seconds: 1)
    assert kinds(report) == [:alone]
    assert hd(report.findings).seen =~ ~s(no heartbeat but that of "a@127.0.0.1")
    assert [%{name: "a@127.0.0.1", source: {127, 0, 0, 1}}] = report.facts.nodes
  end

  test "names that are kept out or short, missing signatures, wrong clocks and twins are named",
       context do
    {:ok, peer} = ReferencePeer.start_link(port: context.udp, secret: "of the peer")
    doctor = beam(nil, context)

    tried = fn more, heartbeat ->
      beating = spawn_link(fn -> beat(heartbeat) end)
      config = config(context, [secret: "of the peer"] ++ more)
      report = run(doctor, config: config, seconds: 1, probe: false)
      Process.unlink(beating)
      Process.exit(beating, :kill)
      report
    end

    plain = fn -> ReferencePeer.heartbeat(peer, :"a@10.0.0.9") end
    assert [:filtered] = kinds(tried.([allow: "app-*"], plain))
    assert [:unsigned] = kinds(tried.([authentication: :required], plain))

    both = fn ->
      ReferencePeer.heartbeat(peer, :"a@10.0.0.9")
      ReferencePeer.heartbeat(peer, :b@host)
    end

    assert [:name_forms | _] = kinds(tried.([], both))

    stamp = System.os_time(:millisecond) - 7_200_000
    late = signed(peer, name: "a@10.0.0.9", stamp: stamp)
    [said | _] = tried.([authentication: :compatible], late).findings

    assert {said.kind, said.seen} ==
             {:clock, ~s(the clock of "a@10.0.0.9" is 2 h behind this one's)}

    # Where it is refused, a second look tells how far.
    required = tried.([authentication: :required], late)
    assert [:clock, :clock | _] = kinds(required)
    assert hd(required.findings).seen =~ "2 h behind"

    one = signed(peer, name: "a@10.0.0.9", incarnation: 1)
    other = signed(peer, name: "a@10.0.0.9", incarnation: 2)

    twins = fn ->
      one.()
      other.()
    end

    assert [%{kind: :name_shared, seen: ~s(two BEAMs speak as "a@10.0.0.9")} | _] =
             tried.([], twins).findings
  end

  # A function that sends it, each time with the next number.
  defp signed(peer, fields) do
    fn ->
      seq = System.unique_integer([:positive, :monotonic])
      heartbeat = struct!(SignedHeartbeat, [seq: seq] ++ fields)
      packet = SignedHeartbeat.encode(heartbeat, "of the peer")
      ReferencePeer.send_packet(peer, packet)
    end
  end

  defp beat(heartbeat) do
    heartbeat.()
    Process.sleep(100)
    beat(heartbeat)
  end

  test "an interface that is not there, and an epmd that does not run, are named", context do
    doctor = Beam.start_link(epmd_port: FreePort.tcp())
    report = run(doctor, config: config(context, multicast_if: "none0"), seconds: 1)
    assert [:interface_missing, :epmd] = kinds(report)
  end

  test "the port that another program holds alone is named", context do
    {:ok, socket} = :gen_udp.open(context.udp, ip: {0, 0, 0, 0})
    doctor = beam(nil, context)
    report = run(doctor, config: config(context), seconds: 1)
    assert [:socket] = kinds(report)
    :gen_udp.close(socket)
  end

  test "a node is not disturbed: it refuses one packet of the doctor's, and keeps what is sent to it",
       context do
    one = beam("a@127.0.0.1", context)
    join(one, config(context))
    before = Beam.call(one, Inside, :counters, [:lan])
    doctor = beam(nil, context)
    task = Task.async(fn -> run(doctor, config: config(context), seconds: 2, probe: false) end)
    {:ok, socket} = :gen_udp.open(0)

    for _ <- 1..20 do
      :ok = :gen_udp.send(socket, {127, 0, 0, 1}, context.udp, "stray")
      Process.sleep(50)
    end

    report = Task.await(task, 60_000)
    counters = Beam.call(one, Inside, :counters, [:lan])
    assert counters.malformed - before.malformed == 20
    assert counters.doctor - before.doctor == 1
    assert report.facts.refusals == []
  end
end
