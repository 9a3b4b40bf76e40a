defmodule NativeGossip.Network.DoctorTest do
  @moduledoc """
  Proves what stand-ins cannot: what the doctor says of faults between real hosts, and that it says nothing of a
  healthy cluster. `DOCTOR_RUNS` says how often it looks at that.
  """
  alias NativeGossip.Test.Requirement

  use NativeGossip.Test.LanCase, skip: Requirement.refusing_filter()

  alias NativeGossip.Dev.{Await, Beam, Inside, Mesh}
  alias NativeGossip.Doctor
  alias NativeGossip.Doctor.Report
  alias NativeGossip.Test.{Amount, Lan}
  alias NativeGossip.Test.Network.{Filter, Interface}

  @moduletag timeout: 600_000

  @udp 45_892
  @epmd 4369

  defp cluster(network, numbers) do
    hosts = Enum.map(numbers, &Lan.host(network, &1))
    {hosts, Enum.map(hosts, &Lan.beam/1)}
  end

  # In a BEAM without a name, as that of mix.
  defp doctor(host), do: Lan.beam(host, name: nil)

  defp run(doctor, options \\ []) do
    config = Keyword.merge([heartbeat_interval: 200], options[:config] || [])
    options = Keyword.merge([seconds: 1, config: config], Keyword.delete(options, :config))
    Beam.call(doctor, Doctor, :run, [options], 120_000)
  end

  defp first(report) do
    [finding | _] = report.findings
    {finding.kind, finding.cause}
  end

  test "of a healthy cluster nothing is said, from mix and from the shell of each node", %{
    network: network
  } do
    {[host | _], beams} = cluster(network, 1..3)
    Enum.each(beams, &Lan.join(&1, secret: "a secret"))
    Mesh.await(beams)
    doctors = [doctor(host) | beams]

    for _ <- 1..Amount.from_env("DOCTOR_RUNS", 2), doctor <- doctors do
      report = run(doctor, config: [secret: "a secret"])
      assert {report.findings, report.facts.untaken} == {[], []}
      assert [%{name: "eth0", echo: :heard, multicast?: true}] = report.facts.interfaces

      assert for(node <- report.facts.nodes, do: {node.name, node.source}) ==
               for(n <- 1..3, do: {"n#{n}@10.77.0.#{n}", {10, 77, 0, n}})
    end

    assert Mesh.full?(Mesh.seen(beams))
  end

  test "UDP that is dropped on its way into this host or out of it is named", %{network: network} do
    {[one, other, third], beams} = cluster(network, 1..3)
    Enum.each(beams, &Lan.join(&1, []))
    Mesh.await(beams)

    :ok = Filter.drop_udp(one, :input, @udp)
    report = run(doctor(one))
    assert first(report) == {:own_unheard, nil}

    :ok = Filter.drop_udp(other, :output, @udp)
    assert first(run(doctor(other))) == {:send_refused, :eperm}

    # Where only the others are not let in, this host is well, and alone.
    for host <- [one, other], do: :ok = Filter.drop_udp_of(third, host, @udp)
    assert first(run(doctor(third))) == {:alone, nil}
  end

  test "an interface without multicast, and a network without it, are named", %{network: network} do
    {[one, other], beams} = cluster(network, 1..2)
    Enum.each(beams, &Lan.join(&1, []))
    Mesh.await(beams)
    Interface.without_multicast(one)
    assert run(doctor(one)).findings == []

    for host <- [one, other], do: :ok = Filter.drop_multicast(host)
    assert first(run(doctor(other))) == {:alone, nil}
    assert first(run(doctor(one))) == {:no_multicast, nil}
  end

  test "nothing is said of a healthy cluster that speaks IPv6, or by broadcast", %{
    network: network
  } do
    six = for n <- 1..2, do: Lan.host(network, n, family: :inet6)
    beams = Enum.map(six, &Lan.beam/1)

    for group <- ["ff02::4747", "ff15::4747"] do
      config = [multicast_addr: group, secret: "a secret"]
      Enum.each(beams, &Lan.join(&1, config))
      Mesh.await(beams)
      report = run(doctor(hd(six)), config: config)
      assert report.findings == []
      assert [%{name: "eth0", echo: :heard}] = report.facts.interfaces
      Enum.each(beams, &Beam.call(&1, Inside, :stop_cluster, []))
      Lan.disconnect(beams)
    end

    {[four | _], beams} = cluster(network, 3..4)
    config = [multicast_addr: four.broadcast, broadcast_only: true]
    Enum.each(beams, &Lan.join(&1, config))
    Mesh.await(beams)
    report = run(doctor(four), config: config)
    assert {report.findings, length(report.facts.nodes)} == {[], 2}
    # No interface is joined, and each is still heard from its own address.
    assert [{10, 77, 0, 3}, {10, 77, 0, 4}] = Enum.map(report.facts.nodes, & &1.source)
  end

  @tag skip: Requirement.refusing_filter() || Requirement.interfaces_told()
  test "of nodes with two interfaces both are heard, each by its own address", %{network: network} do
    hosts = [one | _] = for n <- 1..2, do: Lan.host(network, n, lans: [0, 1])
    beams = Enum.map(hosts, &Lan.beam/1)
    config = [multicast_if: ["eth0", "eth1"], secret: "a secret"]
    Enum.each(beams, &Lan.join(&1, config))
    Mesh.await(beams)
    report = run(doctor(one), config: config)
    assert {report.findings, report.facts.untaken} == {[], []}

    assert [%{name: "eth0", echo: :heard}, %{name: "eth1", echo: :heard}] =
             report.facts.interfaces

    assert [["eth0", "eth1"], ["eth0", "eth1"]] = Enum.map(report.facts.nodes, & &1.interfaces)
  end

  test "a doctor at another host tells by which ways it was reached, and blames nobody for that",
       %{
         network: network
       } do
    {[one, other], beams} = cluster(network, 1..2)
    Enum.each(beams, &Lan.join(&1, secret: "a secret"))
    Mesh.await(beams)
    {asking, answering} = {doctor(one), doctor(other)}
    config = [secret: "a secret"]

    ask = fn -> run(asking, config: config, to: other.address) end

    both = fn ->
      answer = Task.async(fn -> run(answering, config: config, answer: true, seconds: 5) end)
      Await.until("it answers", ask, &(&1.facts.to.arrived != []))
      report = ask.()
      {report, Task.await(answer, 120_000)}
    end

    assert first(ask.()) == {:to_unanswered, nil}
    {report, answered} = both.()
    assert {report.findings, answered.findings} == {[], []}
    assert answered.facts.answered == [{10, 77, 0, 1}]
    assert Report.text(report) =~ "unicast arrived, multicast arrived"

    :ok = Filter.drop_multicast(other)
    {report, _answered} = both.()
    assert first(report) == {:multicast_lost, nil}
    assert Mesh.full?(Mesh.seen(beams))
  end

  test "what another doctor answers is not taken for the answer of the host that was asked", %{
    network: network
  } do
    [one, other, third] = for n <- 1..3, do: Lan.host(network, n)
    [asking | answering] = Enum.map([one, third, one], &doctor/1)

    answers =
      for doctor <- answering, do: Task.async(fn -> run(doctor, answer: true, seconds: 5) end)

    ask = fn -> run(asking, to: other.address) end
    answered? = &match?([_, _], &1.facts.to.others)
    report = Await.until("both others answer", ask, answered?)
    assert Enum.sort(report.facts.to.others) == [{10, 77, 0, 1}, {10, 77, 0, 3}]
    assert report.facts.to.arrived == []
    assert :to_unanswered in for(finding <- report.findings, do: finding.kind)
    assert Report.text(report) =~ "another doctor answered, at 10.77.0.3"
    Task.await_many(answers, 120_000)
  end

  test "where stock nodes are, the doctor ends and connects none of them", %{network: network} do
    for {secret, number} <- [{nil, 1}, {"a secret", 2}] do
      host = Lan.host(network, number)
      beams = for name <- ~w(a b), do: Lan.beam(host, name: name)
      config = [secret: secret, multicast_if: host.address, port: 45_892 + number]
      strategy = Lan.stock_or_ours()
      stock? = strategy != NativeGossip.Strategy
      config = if stock?, do: config, else: [heartbeat_interval: 200] ++ config
      for beam <- beams, do: Beam.call(beam, Inside, :start_cluster, [spec(strategy, config)])
      Mesh.await(beams)
      strategies = for beam <- beams, do: Beam.call(beam, Inside, :strategy, [:lan])
      doctor = doctor(host)

      for _ <- 1..3 do
        report = run(doctor, config: config, seconds: if(stock?, do: 6, else: 1))
        assert {report.findings, length(report.facts.nodes)} == {[], 2}
      end

      assert strategies == for(beam <- beams, do: Beam.call(beam, Inside, :strategy, [:lan]))
      assert Mesh.full?(Mesh.seen(beams))
    end
  end

  defp spec(strategy, config), do: [lan: [strategy: strategy, config: config]]

  test "another secret and another label on one side are named on both", %{network: network} do
    {hosts, beams} = cluster(network, 1..3)
    [one, _, third] = doctors = Enum.map(hosts, &doctor/1)

    good = [secret: "a secret", cluster: "blue"]

    for {beam, config} <- Enum.zip(beams, [good, good, [secret: "another"]]),
        do: Lan.join(beam, config)

    assert first(run(one, config: good)) == {:secret, :undecryptable}
    report = run(third, config: [secret: "another"])
    assert first(report) == {:secret, :undecryptable}
    assert report.facts.untaken == [{10, 77, 0, 1}, {10, 77, 0, 2}]

    for beam <- beams, do: Beam.call(beam, Inside, :stop_cluster, [])
    green = [secret: "a secret", cluster: "green"]
    for {beam, config} <- Enum.zip(beams, [good, good, green]), do: Lan.join(beam, config)
    assert first(run(one, config: good)) == {:other_cluster, :cluster}
    assert first(run(third, config: green)) == {:other_cluster, :cluster}
    assert length(doctors) == 3
  end

  test "what stands in the way of a connection is named as the probe names it", %{
    network: network
  } do
    {[one, other], [_, beam] = beams} = cluster(network, 1..2)
    Enum.each(beams, &Lan.join(&1, []))
    Mesh.await(beams)
    doctor = doctor(one)

    :ok = Filter.guard_port(other, @epmd, "drop")
    assert first(run(doctor)) == {:unconnectable, :epmd_filtered}
    :ok = Filter.guard_port(other, @epmd, "reject with tcp reset")
    assert first(run(doctor)) == {:unconnectable, :epmd_refused}
    # What a firewall rejects in general comes late, which is no loss.
    :ok = Filter.guard_port(other, @epmd, "reject")
    assert first(run(doctor)) == {:unconnectable, :epmd_refused}
    :ok = Filter.guard_port(one, @epmd, "reject with tcp reset")
    assert first(run(doctor)) == {:epmd, nil}
    for host <- [one, other], do: :ok = Filter.guard_port(host, @epmd, nil)
    assert run(doctor).findings == []

    System.cmd("kill", ["-STOP", "#{beam.os_pid}"])
    stopped = Task.async(fn -> run(doctor, seconds: 1) end) |> Task.await(120_000)
    System.cmd("kill", ["-CONT", "#{beam.os_pid}"])
    # A BEAM that is stopped sends nothing, so nobody hears it.
    assert first(stopped) == {:alone, nil}
    Await.until("it goes on", fn -> run(doctor).findings end, &(&1 == []))
  end
end
