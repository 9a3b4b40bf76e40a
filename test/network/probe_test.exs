defmodule NativeGossip.Network.ProbeTest do
  @moduledoc """
  Proves what stand-ins cannot: what firewalls, dead hosts and names look like from another host, and that a
  healthy cluster is blamed for nothing.
  """
  use NativeGossip.Test.LanCase, skip: NativeGossip.Test.Requirement.refusing_filter()

  alias NativeGossip.Dev.{Await, Beam, Mesh}
  alias NativeGossip.Probe
  alias NativeGossip.Test.Lan
  alias NativeGossip.Test.Network.{Filter, Host}

  @epmd 4369

  defp probe(beam, node, options \\ []), do: Beam.call(beam, Probe, :run, [node, options])

  @tag timeout: 120_000
  test "a port that a firewall drops or rejects is named, epmd's and the node's", %{
    network: network
  } do
    one = network |> Lan.host(1) |> Lan.beam()
    host = Lan.host(network, 2)
    other = Lan.beam(host)
    assert %{cause: :reachable, facts: %{port: port}} = probe(one, other.name)

    for {verdict, epmds, nodes} <- [
          {"drop", :epmd_filtered, :port_filtered},
          {"reject with tcp reset", :epmd_refused, :port_refused},
          {"reject with icmpx port-unreachable", :epmd_refused, :port_refused},
          {"reject with icmpx admin-prohibited", :host_unreachable, :host_unreachable}
        ] do
      :ok = Filter.guard_port(host, @epmd, verdict)
      assert {verdict, probe(one, other.name).cause} == {verdict, epmds}
      :ok = Filter.guard_port(host, port, verdict)
      assert {verdict, probe(one, other.name).cause} == {verdict, nodes}
    end

    :ok = Filter.guard_port(host, port, nil)
    assert probe(one, other.name).cause == :reachable
  end

  @tag :tmp_dir
  test "a name that leads to the loopback, to another host or to none is named", %{
    network: network,
    tmp_dir: folder
  } do
    hosts = Path.join(folder, "hosts")
    File.write!(hosts, "")
    one = network |> Lan.host(1) |> Host.with_hosts_file(hosts) |> Lan.beam(name: "n1")
    other = Lan.host(network, 2)
    beam = Beam.start_link(name: "n2@n2.lan", enter: other.enter, epmd_port: @epmd)
    Lan.host(network, 3)
    heard = [heard_from: {10, 77, 0, 2}]

    told = fn address ->
      File.write!(hosts, "#{address} n2.lan\n")
      %{cause: cause, facts: facts} = probe(one, beam.name, heard)
      {cause, facts.obstacle}
    end

    assert told.("127.0.1.1") == {:name_loopback, :name_unregistered}
    assert told.("10.77.0.3") == {:name_elsewhere, :name_unregistered}
    # An address of nobody, and one to which there is no route.
    assert {:name_elsewhere, obstacle} = told.("10.77.0.9")
    assert obstacle in [:epmd_filtered, :host_unreachable]
    assert told.("10.99.0.9") == {:name_elsewhere, :host_unreachable}
    assert told.(other.address) == {:reachable, nil}
  end

  @tag timeout: 120_000
  test "two that hear each other and cannot connect say why, and that it is over", %{
    network: network
  } do
    hosts = [one, other] = for number <- 1..2, do: Lan.host(network, number)
    beams = [beam | _] = Enum.map(hosts, &Lan.beam/1)
    :ok = Filter.block_tcp(one, other)
    Enum.each(beams, &Lan.join(&1, []))

    causes = fn ->
      for beam <- beams,
          "no connection to " <> line <- Lan.lines(beam, :warning),
          [_, cause] = Regex.run(~r/\A\S+ \((\w+)\): /, line),
          do: cause
    end

    told = Await.until("both have said why", causes, &(length(&1) == 2), within: 60_000)
    assert told == ["epmd_filtered", "epmd_filtered"]
    [line] = for "no connection to " <> line <- Lan.lines(beam, :warning), do: line
    assert line =~ "nothing comes back from #{other.address}:4369, where its epmd should be"
  end

  @tag timeout: 120_000
  test "in twenty rounds of a healthy cluster nobody is blamed", %{network: network} do
    beams = [one | others] = Lan.beams(network, 1..3)
    Enum.each(beams, &Lan.join(&1, []))
    Mesh.await(beams)

    [bystander] = Lan.beams(network, [4])

    for _ <- 1..20, other <- others do
      assert probe(one, other.name, connect: :failed).cause == :connected
      assert probe(bystander, other.name).cause == :reachable
    end

    Lan.disconnect(beams)
    Mesh.await(beams)
    for beam <- beams, line <- Lan.lines(beam, :warning), do: refute(line =~ "no connection to")
  end
end
