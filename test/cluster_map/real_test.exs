defmodule NativeGossip.ClusterMap.RealTest do
  @moduledoc """
  Real nodes on the loopback: two with a strategy, one without native_gossip, one that is stopped. Asked from within,
  and by `mix native_gossip.map` from outside.
  """
  use ExUnit.Case

  alias NativeGossip.ClusterMap
  alias NativeGossip.Dev.{Await, Beam, Epmd, FreePort, Inside, Mesh}

  @moduletag timeout: 180_000
  @moduletag :tmp_dir

  @cookie "a cookie of this test"

  setup do
    epmd = Epmd.start_link(address: "127.0.0.1")
    port = FreePort.udp()
    config = [port: port, multicast_if: "127.0.0.1", heartbeat_interval: 200, secret: "hunter2"]
    topologies = [lan: [strategy: NativeGossip.Strategy, config: config]]

    [one, two, plain] =
      beams =
      for name <- ~w(one@127.0.0.1 two@127.0.0.1 plain@127.0.0.1) do
        applications = if name =~ "plain", do: [], else: [:libcluster, :native_gossip]

        Beam.start_link(
          name: name,
          epmd_port: epmd.port,
          cookie: @cookie,
          applications: applications
        )
      end

    # As a node of another project has it: without our modules.
    paths = Enum.reject(Beam.call(plain, :code, :get_path, []), &("#{&1}" =~ "/native_gossip/"))
    true = Beam.call(plain, :code, :set_path, [paths])
    # The loader has a copy of its own.
    :ok = Beam.call(plain, :erl_prim_loader, :set_path, [paths])
    false = Beam.call(plain, Code, :ensure_loaded?, [NativeGossip])
    for beam <- [one, two], do: :ok = Beam.call(beam, Inside, :start_cluster, [topologies])
    true = Beam.call(one, Node, :connect, [plain.name])
    Mesh.await(beams)
    %{epmd: epmd, one: one, two: two, plain: plain}
  end

  defp map(beam, options \\ []), do: Beam.call(beam, NativeGossip, :map, [:lan, options])

  defp node_of(map, name), do: Enum.find(map.nodes, &(&1.name == name))

  # Without what goes to its standard error: Mix itself says things there.
  defp mix(context, arguments),
    do: run(context, ["-c", ~S(exec mix "$@" 2>/dev/null), "sh"], arguments)

  defp mix_with_errors(context, arguments),
    do: run(context, ["-c", ~S(exec mix "$@" 2>&1), "sh"], arguments)

  defp run(context, shell, arguments) do
    arguments = shell ++ ["native_gossip.map", "--cookie", @cookie | arguments]
    environment = [{"ERL_EPMD_PORT", "#{context.epmd.port}"}, {"MIX_ENV", "test"}]
    System.cmd("sh", arguments, env: environment)
  end

  defp signal(beam, signal), do: {_, 0} = System.cmd("kill", ["-#{signal}", "#{beam.os_pid}"])

  defp heard?(map) do
    [one, two] = for name <- ~w(one@127.0.0.1 two@127.0.0.1), do: node_of(map, name)
    match?(%{"two@127.0.0.1" => _}, one.hears) and match?(%{"one@127.0.0.1" => _}, two.hears)
  end

  test "the map shows what is so, from within and from outside", %{tmp_dir: folder} = context do
    %{one: one} = context
    map = Await.until("both are heard", fn -> map(one) end, &heard?/1)
    assert %ClusterMap{topology: "lan", node: "one@127.0.0.1"} = map

    assert Enum.map(map.nodes, &{&1.name, &1.status}) == [
             {"one@127.0.0.1", :answered},
             {"two@127.0.0.1", :answered},
             {"plain@127.0.0.1", :stock_or_none}
           ]

    for {name, other} <- [{"one", "two"}, {"two", "one"}] do
      node = node_of(map, name <> "@127.0.0.1")
      other = other <> "@127.0.0.1"
      assert %{interface: "lo", state: "connected", heard_ms: ms} = node.hears[other]
      assert ms < 15_000
      assert Enum.sort(node.connected) == Enum.sort([other, "plain@127.0.0.1"])
    end

    assert [%{kind: :stock_or_none}] = map.findings
    text = ClusterMap.text(map)
    assert text =~ ~r/^1 one@127.0.0.1    \. +=( \d\.\ds lo <?\d+%) +=( -)$/m
    assert text =~ "Nothing wrong seen."

    # Whoever asked from outside is no part of it.
    html = Path.join(folder, "map.html")
    assert {printed, 0} = mix(context, ["--node", "one@127.0.0.1", "--html", html])
    assert printed =~ "lan: 3 nodes, 2 answered. Asked by one@127.0.0.1"
    assert printed =~ ~r/^3 plain@127.0.0.1  = \? +=( \?) +\.$/m
    assert File.read!(html) =~ "<td>plain@127.0.0.1</td><td>stock strategy, or none</td>"

    assert {json, 0} = mix(context, ["--node", "two@127.0.0.1", "--topology", "lan", "--json"])
    assert json =~ ~r/\A{"at":"[^\n]+"node":"two@127.0.0.1"[^\n]+}\n\z/
    refute json =~ "native_gossip_map"
  end

  test "a stopped node is shown as one that does not answer, within the timeout, with exit status 1",
       %{one: one, two: two} = context do
    signal(two, "STOP")
    on_exit(fn -> signal(two, "CONT") end)
    started = System.monotonic_time(:millisecond)
    map = map(one, timeout: 1_000)
    assert System.monotonic_time(:millisecond) - started < 5_000
    assert %{status: :no_answer} = node_of(map, "two@127.0.0.1")
    assert [%{kind: :no_answer, nodes: ["two@127.0.0.1"]} | _] = map.findings

    assert {printed, 1} = mix(context, ["--node", "one@127.0.0.1", "--timeout", "1000"])
    assert printed =~ "- two@127.0.0.1 is connected and did not answer within 1.0 s"
  end

  test "what cannot be asked is refused with what was given and what to do", context do
    %{one: one, two: two} = context

    for {arguments, part} <- [
          {["--node", "plain@127.0.0.1"],
           "plain@127.0.0.1 has no native_gossip, or one that cannot"},
          {["--node", "one@127.0.0.1", "--topology", "lann"],
           "--topology cannot be lann: one@127.0.0.1 does not run it; those that run there are: lan"},
          {["--node", "nobody@127.0.0.1"],
           ~s[the epmd at 127.0.0.1:#{context.epmd.port} does not know "nobody"]},
          {["--node", "one@127.0.0.1", "--html", "/nowhere/map.html"],
           "--html cannot be /nowhere/map.html: no such file or directory"},
          {["--node", "one@127.0.0.1", "--cookie", "another"],
           "cannot connect to one@127.0.0.1 (cookie): "}
        ] do
      assert {printed, 1} = mix_with_errors(context, arguments)
      assert printed =~ part
    end

    # Nothing is left of those who asked.
    for beam <- [one, two] do
      hidden = fn -> Beam.call(beam, Node, :list, [:hidden]) end
      Await.until("they are gone", hidden, &(&1 == []))
    end
  end
end
