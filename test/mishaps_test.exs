defmodule NativeGossip.MishapsTest do
  @moduledoc """
  What goes wrong around a strategy in a running system, and may not end it or give the secret away.
  """
  use ExUnit.Case

  import ExUnit.CaptureLog

  alias Cluster.Strategy.State
  alias NativeGossip.{Connector, Native, Options, Prober, Seeds, Strategy}
  alias NativeGossip.Dev.{Await, Beam, FreePort, Inside}

  @secret "hunter2 and 20 letters"

  # Stands in for connect and list_nodes of a topology.
  def hang(test, node) do
    send(test, {:connecting, node, self()})
    Process.sleep(:infinity)
  end

  def crash(_node), do: raise("a connect that crashes")

  def list, do: []

  defp config do
    [port: FreePort.udp(), multicast_if: "127.0.0.1", seeds: "localhost", secret: @secret] ++
      [authentication: :required, cluster: "blue", allow: "*", seal: false]
  end

  defp state(connect \\ {__MODULE__, :hang, [self()]}) do
    %State{
      topology: :lan,
      config: config(),
      connect: connect,
      list_nodes: {__MODULE__, :list, []}
    }
  end

  # Linked to the test, with no supervisor between them whose reports would show its own arguments.
  defp start(state \\ state()) do
    Process.flag(:trap_exit, true)
    {:ok, strategy} = Strategy.start_link([state])
    on_exit(fn -> Process.exit(strategy, :kill) end)
    strategy
  end

  defp linked(strategy, initial_call) do
    {:links, links} = Process.info(strategy, :links)
    Enum.find(links, &(is_pid(&1) and :proc_lib.translate_initial_call(&1) == initial_call))
  end

  defp seeds(strategy), do: linked(strategy, {Seeds, :init, 1})

  defp crash_log(strategy, crash) do
    capture_log(fn ->
      crash.()
      assert_receive {:EXIT, ^strategy, _}, 5_000
      # What is logged by other processes meanwhile has come.
      Logger.flush()
    end)
  end

  defp spoil(strategy) do
    :sys.replace_state(strategy, fn _ -> :spoiled end)
    send(strategy, {:gossip_peer, node()})
  end

  @tag :capture_log
  test "stray calls, casts, messages and exits end neither the strategy nor the seeds' process" do
    strategy = start()
    stranger = spawn(fn -> :ok end)

    for pid <- [strategy, seeds(strategy)] do
      for stray <- [:stray, :counters, {:gossip_peer, "a@b"}, {:nodedown, 1, []}, nil] do
        assert GenServer.call(pid, stray) == {:error, :unknown_call}
        GenServer.cast(pid, stray)
        send(pid, stray)
      end

      for reason <- [:normal, :shutdown, :kill_me] do
        send(pid, {:EXIT, stranger, reason})
        send(pid, {:DOWN, make_ref(), :process, stranger, reason})
      end

      # As :sys and a supervisor's functions ask.
      assert GenServer.call(pid, :which_children) == {:error, :unknown_call}
      assert %{} = :sys.get_state(pid)
    end

    assert %{} = NativeGossip.counters(strategy)
  end

  test "a connection attempt that crashes is logged, and ends nothing else" do
    strategy = start(state({__MODULE__, :crash, []}))

    log =
      capture_log(fn ->
        send(strategy, {:gossip_peer, :a@b})
        attempts = fn -> Connector.in_flight(:sys.get_state(strategy).connector) end
        Await.until("it has ended", attempts, &(&1 == 0))
      end)

    assert log =~ "a connect that crashes"
    assert Process.alive?(strategy)
    refute log =~ @secret
  end

  test "a strategy that crashes writes one report, and its connection attempts end without one" do
    strategy = start()
    send(strategy, {:gossip_peer, :a@b})
    assert_receive {:connecting, :a@b, attempt}
    monitor = Process.monitor(attempt)

    log = crash_log(strategy, fn -> spoil(strategy) end)
    assert_receive {:DOWN, ^monitor, _, _, _}, 5_000
    assert [_] = Regex.scan(~r/\[error\]/, log)
    assert log =~ "GenServer #{inspect(strategy)} terminating"
    refute log =~ @secret
  end

  test "where the loop or the seeds' process ends, the strategy does, with no report of its own" do
    for part <- [:loop, :seeds] do
      strategy = start()
      pid = if part == :loop, do: :sys.get_state(strategy).loop, else: seeds(strategy)
      refute crash_log(strategy, fn -> Process.exit(pid, :kill) end) =~ ~r/\[error\]|terminating/
    end
  end

  @tag :capture_log
  test "neither the state nor the status of a process shows the secret" do
    strategy = start()
    loop = :sys.get_state(strategy).loop

    for pid <- [strategy, seeds(strategy)] do
      refute shown(:sys.get_state(pid)) =~ @secret
      refute shown(:sys.get_status(pid)) =~ @secret
    end

    for pid <- [strategy, seeds(strategy), loop], do: refute(shown(Process.info(pid)) =~ @secret)
  end

  test "what the NIF raises of the options shows none of them" do
    options = Options.validate!(config(), :lan)
    cluster = %{state() | config: []}

    stack =
      try do
        Strategy.init({cluster, %{options | port: -1}, []})
      rescue
        ErlangError -> __STACKTRACE__
      end

    assert {Native, :open, 2, _} = hd(stack)
    refute shown(stack) =~ @secret
  end

  # As Erlang prints it, which knows nothing of Inspect.
  defp shown(term), do: to_string(:io_lib.format("~p ~0p", [term, term]))

  describe "in a VM of its own" do
    setup context do
      beam = Beam.start_link()
      unless context[:unnamed], do: :ok = Beam.call(beam, Inside, :become, [:"n@127.0.0.1"])
      config = Keyword.merge(config(), seeds: "127.0.0.1", heartbeat_interval: 100)
      :ok = Beam.call(beam, Inside, :start_cluster, [[lan: [strategy: Strategy, config: config]]])
      %{beam: beam, strategy: Beam.call(beam, Inside, :strategy, [:lan])}
    end

    @tag timeout: 180_000
    test "each module is loaded twice, and the old one purged, under a strategy that runs",
         %{beam: beam, strategy: strategy} do
      parts = parts(beam, strategy)
      [prober, _loop, seeds, _registry] = parts
      assert Beam.call(beam, :proc_lib, :translate_initial_call, [prober]) == {Prober, :init, 1}
      assert Beam.call(beam, :proc_lib, :translate_initial_call, [seeds]) == {Seeds, :init, 1}
      modules = modules()
      assert Seeds in modules and Strategy in modules and NativeGossip.Loop in modules

      for module <- modules, version <- ["one", "two"] do
        {file, binary} = changed(module, version)
        assert Beam.call(beam, :code, :load_binary, [module, file, binary]) == {:module, module}

        Await.until(
          "nobody runs the old code of #{inspect(module)}",
          fn -> Beam.call(beam, :code, :soft_purge, [module]) end,
          & &1
        )
      end

      # What a process would find gone it finds when it uses it: another round, another connection.
      send_in(beam, seeds, :round)
      send_in(beam, strategy, {:gossip_peer, :stranger@nowhere})
      for pid <- [seeds, strategy], do: Beam.call(beam, :sys, :get_state, [pid])
      for _ <- 1..2, do: Beam.call(beam, Prober, :failed, [prober, :stranger@nowhere])
      probed = fn -> Beam.call(beam, Prober, :causes, [prober]) end
      Await.until("it is probed", probed, &(&1 == %{"stranger@nowhere" => :name_form}))

      sent = Beam.call(beam, Inside, :counters, [:lan]).sent
      counters = fn -> Beam.call(beam, Inside, :counters, [:lan]) end
      Await.until("it goes on", counters, &(&1.sent > sent))
      assert Beam.call(beam, Inside, :strategy, [:lan]) == strategy
      assert parts(beam, strategy) == parts
      assert for({:error, line} <- Beam.logs(beam), do: line) == []
    end

    # What a reload would need, the NIF library does not have. So the module holds stubs alone, and
    # there is no reason to load it again.
    test "the module of the NIFs cannot be loaded again while it is loaded", %{beam: beam} do
      {Native, binary, file} = :code.get_object_code(Native)

      assert {:error, :on_load_failure} =
               Beam.call(beam, :code, :load_binary, [Native, file, binary])

      stubs =
        [ask: 2, counters: 1, drain: 1, load: 0, loops: 0, names: 0, open: 2, read: 1] ++
          [readiness: 1, report: 3, serve: 4, set_seeds: 2]

      assert Native.__info__(:functions) == stubs
    end

    test "after Node.stop it says at once and once that it is no longer alive, and that it is again",
         %{beam: beam} do
      assert lines(beam, :warning) == []
      :ok = Beam.call(beam, :net_kernel, :stop, [])
      said = Await.until("it is said", fn -> lines(beam, :warning) end, &(&1 != []))
      assert [line] = said
      assert line =~ "no longer alive"

      :ok = Beam.call(beam, Inside, :become, [:"n@127.0.0.1"])
      news = fn -> lines(beam, :info) end

      Await.until(
        "it is over",
        news,
        &Enum.any?(&1, fn line -> line =~ "alive as n@127.0.0.1" end)
      )

      assert lines(beam, :warning) == [line]
    end

    @tag :unnamed
    test "a VM without a name says nothing of it while it may yet get one", %{beam: beam} do
      # Slices of the loop, each of which looks: they end for the lines about its memberships.
      joined = fn -> lines(beam, :info) end
      Await.until("the loop has been served", joined, &(&1 != []))
      assert lines(beam, :warning) == []
      :ok = Beam.call(beam, Inside, :become, [:"n@127.0.0.1"])
      counters = fn -> Beam.call(beam, Inside, :counters, [:lan]) end
      Await.until("it sends", counters, &(&1.sent > 0))
      assert lines(beam, :warning) == []
      refute Enum.any?(lines(beam, :info), &(&1 =~ "alive"))
    end
  end

  defp lines(beam, level) do
    for {^level, "[libcluster:lan] " <> line} <- Beam.logs(beam), do: line
  end

  defp parts(beam, strategy) do
    %{prober: prober, parts: parts} = Beam.call(beam, :sys, :get_state, [strategy])
    [prober | parts]
  end

  defp send_in(beam, pid, message), do: Beam.call(beam, :erlang, :send, [pid, message])

  # The same module with one function more. Code that is the same is not enough: a process may then
  # keep an anonymous function of the old one.
  defp changed(module, version) do
    {^module, binary, file} = :code.get_object_code(module)
    {:ok, {_, [debug_info: debug_info]}} = :beam_lib.chunks(binary, [:debug_info])
    {:debug_info_v1, backend, data} = debug_info
    {:ok, forms} = backend.debug_info(:erlang_v1, module, data, [])

    {before, [name | rest]} =
      Enum.split_while(forms, &(not match?({:attribute, _, :module, _}, &1)))

    version = String.to_atom("version_" <> version)
    export = {:attribute, 1, :export, [{version, 0}]}
    function = {:function, 1, version, 0, [{:clause, 1, [], [], [{:atom, 1, version}]}]}
    {:ok, ^module, binary} = :compile.forms(before ++ [name, export] ++ rest ++ [function], [])
    {file, binary}
  end

  # Those of lib: what is built for tests alone has no place in a release.
  defp modules do
    for module <- Application.spec(:native_gossip, :modules),
        module != Native,
        source = to_string(module.module_info(:compile)[:source]),
        String.starts_with?(Path.relative_to_cwd(source), "lib/"),
        do: module
  end
end
