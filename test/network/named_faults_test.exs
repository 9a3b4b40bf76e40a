defmodule NativeGossip.Network.NamedFaultsTest do
  @moduledoc """
  Proves what stand-ins cannot: each fault that keeps two real nodes from meeting is named by the doctor as its first
  finding, by the peers or the counters of the node, and by its log. With `SHOW_WORDS` their words are printed.

  What the doctor says of more faults is in `NativeGossip.Network.DoctorTest`.
  """
  use NativeGossip.Test.LanCase, skip: NativeGossip.Test.Requirement.refusing_filter()

  alias NativeGossip.Dev.{Await, Beam, Epmd, Mesh}
  alias NativeGossip.{Doctor, Peer}
  alias NativeGossip.Test.{Clock, Lan, Requirement, Tls}
  alias NativeGossip.Test.Network.{Filter, Host}

  @moduletag timeout: 300_000
  @epmd 4369

  # What is written in the time in which a heartbeat every 200 ms is heard and two attempts fail.
  @soon 60_000

  defp doctor(beam, options \\ []) do
    {config, options} = Keyword.pop(options, :config, [])
    config = [heartbeat_interval: 200] ++ config
    options = Keyword.merge([seconds: 1, config: config], options)
    Beam.call(beam, Doctor, :run, [options], 120_000)
  end

  # In a BEAM without a name, as that of mix.
  defp mix(host), do: Lan.beam(host, name: nil)

  # As an application has it, so that a doctor in this node knows which topology is meant.
  defp join(beam, config) do
    topologies = [lan: [strategy: NativeGossip.Strategy, config: config]]
    :ok = Beam.call(beam, Application, :put_env, [:libcluster, :topologies, topologies])
    Lan.join(beam, config)
  end

  # What all three say of the first of these two nodes, after one of them has said it in its log.
  defp named(what, {node, other}, examined, options, {kind, cause}, line) do
    lines = fn -> Lan.lines(node, :warning) ++ Lan.lines(node, :info) end
    told = fn -> Enum.find(lines.(), &(&1 =~ line)) end
    log = if line, do: Await.until("#{what} is logged", told, & &1, within: @soon)
    %{findings: findings} = doctor(examined, options)
    assert [%{kind: ^kind, cause: ^cause} = first | _] = findings, "#{what}: #{inspect(findings)}"
    peers = Beam.call(node, NativeGossip, :peers, [:lan])
    peer = Enum.find(peers, &(&1.name == "#{other && other.name}"))
    refused = Beam.call(node, NativeGossip, :status, [:lan]).last_refused
    show(what, first, peer, refused, log)
    {peer, refused}
  end

  defp show(what, first, peer, refused, log) do
    if System.get_env("SHOW_WORDS") do
      IO.puts("""

      #{what}
        doctor: #{first.kind}: #{first.seen}
        peer:   #{if peer, do: Peer.sentence(peer), else: "none"}
        status: last refused #{inspect(refused)}
        log:    #{log}\
      """)
    end
  end

  defp no_connection(cause), do: ~r/\Ano connection to \S+ \(#{cause}\): /

  # Two hosts, each with a node and a topology; options of the second one's BEAM and its own config.
  defp pair(network, options \\ []) do
    {config, options} = Keyword.pop(options, :config, [])
    {configs, options} = Keyword.pop(options, :configs, [config, config])
    hosts = for n <- 1..2, do: Lan.host(network, n)
    beams = [Lan.beam(hd(hosts)), Lan.beam(List.last(hosts), options)]
    for {beam, config} <- Enum.zip(beams, configs), do: join(beam, config)
    {hosts, beams}
  end

  defp port(beam, asked) do
    asked = Beam.call(beam, NativeGossip.Probe, :run, [asked.name])
    asked.facts.port
  end

  test "the port of the distribution that is dropped or refused", %{network: network} do
    hosts = for n <- 1..2, do: Lan.host(network, n)
    [one, other] = beams = Enum.map(hosts, &Lan.beam/1)
    ports = [port(other, one), port(one, other)]

    for {verdict, cause} <- [
          {"drop", :port_filtered},
          {"reject with tcp reset", :port_refused}
        ] do
      for {host, port} <- Enum.zip(hosts, ports), do: :ok = Filter.guard_port(host, port, verdict)
      Enum.each(beams, &join(&1, []))
      words = no_connection(cause)
      {peer, _} = named("#{cause}", {one, other}, one, [], {:unconnectable, cause}, words)
      assert peer.cause == cause
      Enum.each(beams, &Beam.call(&1, NativeGossip.Dev.Inside, :stop_cluster, []))
    end
  end

  test "another cookie", %{network: network} do
    {_, [one, other]} = pair(network, cookie: "another")

    {peer, _} =
      named("cookie", {one, other}, one, [], {:unconnectable, :cookie}, no_connection("cookie"))

    assert peer.cause == :cookie
  end

  @tag :tmp_dir
  test "a name that leads to the loopback or to another host", %{
    network: network,
    tmp_dir: folder
  } do
    file = Path.join(folder, "hosts")
    File.write!(file, "127.0.1.1 n2.lan\n10.77.0.3 n3.lan\n")
    one = network |> Lan.host(1) |> Host.with_hosts_file(file) |> Lan.beam()
    Lan.host(network, 3)
    join(one, [])

    for {number, cause} <- [{2, :name_loopback}, {4, :name_elsewhere}] do
      %{enter: enter} = Lan.host(network, number)
      name = if number == 2, do: "n2@n2.lan", else: "n4@n3.lan"
      # Its own way to the first node is blocked, or it would connect.
      other = Beam.start_link(name: name, enter: enter, epmd_port: @epmd, cookie: "another")
      join(other, [])
      words = no_connection(cause)
      {peer, _} = named("#{cause}", {one, other}, one, [], {:unconnectable, cause}, words)
      assert peer.cause == cause
      Beam.kill(other)
    end
  end

  test "a name that is registered with another epmd", %{network: network} do
    host = Lan.host(network, 2)
    %Epmd{} = Epmd.start_link(enter: host.enter, port: @epmd + 1)
    one = network |> Lan.host(1) |> Lan.beam()
    other = Beam.start_link(name: "n2@10.77.0.2", enter: host.enter, epmd_port: @epmd + 1)
    Enum.each([one, other], &join(&1, []))
    cause = :name_unregistered

    {peer, _} =
      named("#{cause}", {one, other}, one, [], {:unconnectable, cause}, no_connection(cause))

    assert peer.cause == cause
  end

  @tag :tmp_dir
  test "TLS on one side", %{network: network, tmp_dir: folder} do
    {_, [one, other]} = pair(network, args: Tls.arguments(folder))
    cause = :tls_there

    {peer, _} =
      named("#{cause}", {one, other}, one, [], {:unconnectable, cause}, no_connection(cause))

    assert peer.cause == cause
    cause = :tls_here
    named("#{cause}", {other, one}, other, [], {:unconnectable, cause}, no_connection(cause))
  end

  test "short names on one side", %{network: network} do
    {:ok, short} = :inet.gethostname()
    host = Lan.host(network, 2)
    one = network |> Lan.host(1) |> Lan.beam()
    other = Beam.start_link(name: "n2@#{short}", enter: host.enter, epmd_port: @epmd)
    Enum.each([one, other], &join(&1, []))
    words = no_connection("name_form")
    {peer, _} = named("short names", {one, other}, mix(host), [], {:name_forms, nil}, words)
    assert peer.cause == :name_form
  end

  test "a filter that does not match", %{network: network} do
    config = [allow: ["n1@*"]]
    {_, [one, _]} = pair(network, configs: [config, []])
    words = ~r/refused as filtered: \d+, the last one from 10.77.0.2/
    options = [config: config]
    {_, refused} = named("allow", {one, nil}, one, options, {:filtered, :filtered}, words)
    assert %{filtered: %{source: {{10, 77, 0, 2}, 45_892}}} = refused
  end

  test "two BEAMs of one name", %{network: network} do
    [one, _, three] = hosts = for n <- 1..3, do: Lan.host(network, n)
    first = Lan.beam(one)
    twin = Beam.start_link(name: "n1@10.77.0.1", enter: Enum.at(hosts, 1).enter, epmd_port: @epmd)
    third = Lan.beam(three)
    config = [secret: "a secret"]
    for beam <- [first, twin, third], do: join(beam, config)

    named(
      "twins",
      {third, first},
      third,
      [config: config],
      {:name_shared, nil},
      ~r/two BEAMs speak as/
    )
  end

  @tag :tmp_dir
  @tag skip: Requirement.faketime()
  test "a clock two hours off where signatures are required", %{network: network, tmp_dir: folder} do
    clock = Clock.new(folder, "-7200")
    config = [secret: "a secret", authentication: :required]
    {hosts, [one, other]} = pair(network, config: config, env: Clock.env(clock))
    Mesh.await([one, other])
    examined = mix(hd(hosts))
    words = ~r/the clock of .*n2@10.77.0.2.* behind this node's/
    {peer, _} = named("clock", {one, other}, examined, [config: config], {:clock, nil}, words)
    assert peer.clock_ms in -7_260_000..-7_140_000
  end

  test "a hidden node", %{network: network} do
    {hosts, [one, other]} = pair(network, args: ["-hidden"])

    Await.until(
      "they are connected",
      fn -> Beam.call(one, Node, :list, [:hidden]) end,
      &(&1 != [])
    )

    {peer, _} = named("hidden", {one, other}, mix(hd(hosts)), [], {:hidden, nil}, nil)
    assert %{state: :connected, hidden: true} = peer
    assert Beam.connected(one) == []
  end

  test "a link that loses 30 % both ways", %{network: network} do
    config = [secret: "a secret"]
    {[one, two], [node, other] = beams} = pair(network, config: config)
    Mesh.await(beams)
    for host <- [one, two], do: :ok = Filter.lose_all(host, 30)
    # 100 heartbeats of the other node.
    {peer, _} =
      named("loss", {node, other}, mix(one), [seconds: 20, config: config], {:lossy, nil}, nil)

    assert peer.loss > 5

    # Where too few heartbeats come to tell, questions to epmd do; and where a doctor answers, its answers.
    answering = mix(two)
    answer = Task.async(fn -> doctor(answering, answer: true, seconds: 60) end)
    asked = fn -> doctor(node, to: "10.77.0.2") end
    report = Await.until("the doctor answers", asked, & &1.facts.to.lost)
    assert [%{kind: :lossy} | _] = report.findings
    Task.shutdown(answer)
  end

  test "questions to epmd tell of a lossy link, where nothing is signed", %{network: network} do
    {[one, two], beams} = pair(network)
    Mesh.await(beams)
    for host <- [one, two], do: :ok = Filter.lose_all(host, 30)
    examined = mix(one)
    found = fn -> for finding <- doctor(examined, seconds: 2).findings, do: finding.kind end
    # One of a hundred times a single question of ten is late.
    Await.until("loss is found first", found, &match?([:lossy | _], &1), within: 60_000)
  end

  test "a bridge that forgets, and is asked by no querier", %{network: network} do
    [one, two] = for n <- 1..2, do: Lan.host(network, n)
    Filter.snoop(two)
    [asking, answering] = Enum.map([one, two], &mix/1)
    answer = Task.async(fn -> doctor(answering, answer: true, seconds: 60) end)
    group = "233.252.1.32"
    Await.until("the bridge has learnt it", fn -> Filter.snooped?(two, group) end, & &1)

    report =
      Await.until(
        "it answers",
        fn -> doctor(asking, to: two.address) end,
        &(&1.facts.to.arrived != [])
      )

    assert [%{kind: :alone}] = report.findings
    Filter.forget(two, group)

    assert [%{kind: :multicast_lost, remedy: remedy} | _] =
             doctor(asking, to: two.address).findings

    assert remedy =~ "querier"
    Task.shutdown(answer)
  end

  test "a stopped process that is still connected", %{network: network} do
    {[_, two], [one, other] = beams} = pair(network)
    Mesh.await(beams)
    System.cmd("kill", ["-STOP", "#{other.os_pid}"])
    silence = fn -> for p <- Beam.call(one, NativeGossip, :peers, [:lan]), do: p.heard_ms end
    Await.until("it is silent", silence, &match?([ms] when ms > 15_000, &1), within: 30_000)
    {peer, _} = named("stopped", {one, other}, one, [], {:fell_silent, nil}, nil)
    assert peer.heard_ms > 15_000

    # A doctor that has not heard it before asks the epmd of its host.
    assert [%{kind: :hangs, seen: seen} | _] = doctor(mix(two)).findings
    assert seen =~ ~s("n2" of this host)
    System.cmd("kill", ["-CONT", "#{other.os_pid}"])
    Await.until("it goes on", fn -> doctor(one).findings end, &(&1 == []))
  end

  test "two that global keeps apart, as a third cannot be reached by one of them", %{
    network: network
  } do
    hosts = [first, second, _] = for n <- 1..3, do: Lan.host(network, n)
    arguments = ["-kernel", "net_ticktime", "4"]
    beams = Enum.map(hosts, &Lan.beam(&1, args: arguments, connect_all: true))
    Enum.each(beams, &join(&1, []))
    Mesh.await(beams)
    :ok = Filter.block_tcp(first, second)
    words = no_connection("kept_apart")
    told? = fn beam -> Enum.any?(Lan.lines(beam, :warning), &(&1 =~ words)) end
    one = Await.until("it is told", fn -> Enum.find(beams, told?) end, & &1, within: 120_000)
    %{findings: findings} = doctor(one)
    apart = Enum.find(findings, &(&1.cause == :kept_apart))
    assert apart, inspect(findings)
    show("kept apart", apart, nil, %{}, Enum.find(Lan.lines(one, :warning), &(&1 =~ words)))
  end
end
