defmodule NativeGossip.Faults.PanicTest do
  @moduledoc """
  Panics inside the NIFs.

  The library that is shipped has no way to be made to panic. So another one is built, from the same
  sources with the cargo feature `fault_injection`, in a folder of its own, and loaded by the VMs of
  this test alone: there a node called `panic-serve@…` makes the loop panic in the middle of its
  work, its lock held, and a report on one called `panic-report@…` the NIF that takes the report.

  `PANICS` is how often (20).
  """
  use ExUnit.Case, async: false

  alias NativeGossip.Dev.{Await, Beam, FreePort, Inside}
  alias NativeGossip.Test.{Amount, ReferencePeer, Topology, Traffic}
  alias NativeGossip.Test.Faults.{Holdings, Opens}

  @moduletag :tmp_dir
  @moduletag timeout: 300_000

  @crate "native_gossip_nif"

  # What the release profile says of panics holds; what it says of speed does not matter here.
  @quick for {name, value} <- [lto: "off", codegen_units: "16", opt_level: "1"],
             do: {"CARGO_PROFILE_RELEASE_" <> String.upcase("#{name}"), value}

  setup do
    {:ok, socket} = :gen_udp.open(0, [:binary])
    %{socket: socket, port: FreePort.udp(), other_port: FreePort.udp()}
  end

  for {place, process} <- [{"serve", "loop process"}, {"report", "strategy"}] do
    test "a panic in #{place} ends the #{process} alone, and nothing of it stays",
         %{tmp_dir: folder} = context do
      times = Amount.from_env("PANICS", 20)
      beam = start(context, application_with_faults(folder))
      other = Beam.call(beam, Inside, :strategy, [:other])
      await_counters(beam, :other, &(&1.accepted > 0))
      await_counters(beam, :lan, &(&1.echoed > 0))
      before = %{sockets: 1, loops: 2} = held(beam, context.port)
      %{accepted: heard} = Beam.call(beam, Inside, :counters, [:other])

      # Cluster.Supervisor stands three in five seconds, and then ends all that it started.
      for _ <- 1..3, do: panic(beam, context, unquote(place))
      await_counters(beam, :other, &(&1.accepted > heard))
      assert Beam.call(beam, Inside, :strategy, [:other]) == other

      for _ <- 1..times, do: panic(beam, context, unquote(place))

      Await.until(
        "it holds #{inspect(before)}",
        fn -> held(beam, context.port) end,
        &(&1 == before)
      )

      await_counters(beam, :other, &(&1.accepted > 0))

      crashes = for {:error, line} <- Beam.logs(beam), line =~ "nif_panicked", do: line
      assert length(crashes) >= times + 3
      # As Erlang writes of it, and as Elixir does since 1.15.
      where = ~r/NativeGossip\.Native(',|\.)#{unquote(place)}\b/
      assert Enum.all?(crashes, &(&1 =~ where))
      assert File.read!(Path.join(folder, "stderr")) =~ "a panic forced by the name"
    end
  end

  test "the library that is shipped does not panic at these names", context do
    beam = start(context, nil)
    strategy = Beam.call(beam, Inside, :strategy, [:lan])
    # What is sent before the socket is open is lost.
    await_counters(beam, :lan, &(&1.echoed > 0))

    for place <- ["serve", "report"] do
      %{announced: announced} = Beam.call(beam, Inside, :counters, [:lan])
      heartbeat(context, place)
      await_counters(beam, :lan, &(&1.announced > announced))
    end

    state = fn -> Beam.call(beam, :sys, :get_state, [strategy]) end

    Await.until(
      "their attempts are reported on",
      state,
      &(NativeGossip.Connector.in_flight(&1.connector) == 0)
    )

    assert Beam.call(beam, Inside, :strategy, [:lan]) == strategy
  end

  defp panic(beam, context, place) do
    strategy = Beam.call(beam, Inside, :strategy, [:lan])
    await_counters(beam, :lan, &(&1.echoed > 0))
    heartbeat(context, place)

    Await.until(
      "another strategy than #{inspect(strategy)} runs",
      fn -> Beam.call(beam, Inside, :strategy, [:lan]) end,
      &(&1 not in [nil, strategy])
    )

    await_counters(beam, :lan, &(&1.echoed > 0))
  end

  defp heartbeat(context, place) do
    packet = ReferencePeer.encode(:"panic-#{place}@127.0.0.2")
    :ok = :gen_udp.send(context.socket, {127, 0, 0, 1}, context.port, packet)
  end

  defp await_counters(beam, topology, accept?) do
    counters = fn -> Beam.call(beam, Inside, :counters, [topology]) end
    Await.until("#{topology} has counted", counters, &(&1 != nil and accept?.(&1)))
  end

  defp held(beam, port) do
    :ok = Beam.call(beam, Opens, :collect, [])
    Holdings.of(beam, port)
  end

  # What a panic prints goes to the standard error of its VM, which would be ours.
  defp start(context, application) do
    stderr = Path.join(context.tmp_dir, "stderr")
    beam = Beam.start_link(stderr: stderr, applications: [:libcluster])
    if application, do: true = Beam.call(beam, :code, :add_patha, [application])
    {:ok, _} = Beam.call(beam, Application, :ensure_all_started, [:native_gossip])
    :ok = Beam.call(beam, Inside, :become, [:"n@127.0.0.1"])
    topologies = [lan: topology(context.port), other: topology(context.other_port)]
    :ok = Beam.call(beam, Inside, :start_lasting_cluster, [topologies])
    {:ok, _} = Traffic.start_link(ports: [context.other_port])
    beam
  end

  defp topology(port), do: Topology.spec(port, heartbeat_interval: 50)

  # The same modules beside another library: Erlang looks for priv beside ebin.
  defp application_with_faults(folder) do
    application = Path.join(folder, "native_gossip")
    installed = Path.join(application, "priv/native/#{@crate}.so")
    ebin = Path.join(application, "ebin")
    File.mkdir_p!(Path.dirname(installed))
    File.cp_r!(Application.app_dir(:native_gossip, "ebin"), ebin)
    File.cp!(build(), installed)
    String.to_charlist(ebin)
  end

  defp build do
    target = Path.expand("target/fault_injection")
    flags = ~w(--release --locked --quiet --features fault_injection)
    arguments = ["build", "--package", @crate, "--target-dir", target | flags]
    {output, status} = System.cmd("cargo", arguments, env: @quick, stderr_to_stdout: true)
    assert status == 0, output
    Path.join([target, System.get_env("CARGO_BUILD_TARGET", ""), "release/lib#{@crate}.so"])
  end
end
