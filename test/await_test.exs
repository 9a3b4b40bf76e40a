defmodule NativeGossip.AwaitTest do
  @moduledoc """
  Waiting for the cluster: real nodes on the loopback that find each other, and this BEAM, which finds nobody.
  """
  use ExUnit.Case

  alias NativeGossip.{Await, Dev}
  alias NativeGossip.Dev.{Beam, Epmd, FreePort, Inside, LogLines}

  @moduletag :capture_log

  @names [:"one@127.0.0.1", :"two@127.0.0.1", :"three@127.0.0.1"]

  # In ms: what a wait takes at most that ends because of what happened, and not by its timeout.
  @soon 30_000

  defp beam(epmd, name), do: Beam.start_link(name: name && "#{name}", epmd_port: epmd.port)

  defp beams(count) do
    epmd = Epmd.start_link(address: "127.0.0.1")
    {epmd, for(name <- Enum.take(@names, count), do: beam(epmd, name))}
  end

  defp topologies(port) do
    config = [port: port, multicast_if: "127.0.0.1", heartbeat_interval: 200]
    [lan: [strategy: NativeGossip.Strategy, config: config]]
  end

  defp join(beam, port), do: :ok = Beam.call(beam, Inside, :start_cluster, [topologies(port)])

  defp await_in(beam, options, topology \\ :lan) do
    Task.async(fn ->
      Beam.call(beam, NativeGossip, :await, [topology, options], @soon + 10_000)
    end)
  end

  defp elapsed(function) do
    started = System.monotonic_time(:millisecond)
    {function.(), System.monotonic_time(:millisecond) - started}
  end

  # The process that waits for the caller.
  defp watcher(caller) do
    watcher? = &(Process.info(&1, :initial_call) == {:initial_call, {Await, :watch, 3}})

    monitored = fn ->
      {:monitors, monitors} = Process.info(caller, :monitors)
      for {:process, pid} when is_pid(pid) <- monitors, watcher?.(pid), do: pid
    end

    [watcher] = Dev.Await.until("it waits", monitored, &(&1 != []))
    watcher
  end

  describe "with nodes that find each other" do
    @tag timeout: 120_000
    test "whoever waits since before its topology ran is told once the others are connected" do
      {_epmd, beams} = beams(3)
      port = FreePort.udp()
      [one | _] = beams
      count = await_in(one, nodes: 2, timeout: @soon)
      names = await_in(one, nodes: @names, timeout: @soon)
      Enum.each(beams, &join(&1, port))
      others = Enum.sort(@names -- [hd(@names)])

      for task <- [count, names] do
        assert {:ok, seen} = Task.await(task, @soon + 10_000)
        # The others may have heard this one first, and connected.
        assert %{connected: ^others, absent: [], heard: heard, waited_ms: ms} = seen
        assert heard in 0..2
        assert ms < @soon
      end

      # Who is there already is not waited for.
      at_once = fn -> Beam.call(one, NativeGossip, :await, [:lan, [nodes: 2, timeout: 0]]) end
      assert {:ok, %{connected: ^others}} = at_once.()
      Dev.Await.until("both are heard", at_once, &match?({:ok, %{heard: 2}}, &1))
    end

    test "an application whose children need the cluster starts them once it is there" do
      {_epmd, beams} = beams(2)

      children = [
        {Cluster.Supervisor, [topologies(FreePort.udp())]},
        {Await, topology: :lan, nodes: 1, timeout: @soon}
      ]

      _ = Beam.call_all(beams, Inside, :start_application, [children], @soon + 10_000)

      for {beam, other} <- Enum.zip(beams, [:"two@127.0.0.1", :"one@127.0.0.1"]) do
        assert Beam.connected(beam) == [other]
        lines = for {:info, "[libcluster:lan] waited " <> line} <- Beam.logs(beam), do: line
        assert [line] = lines
        assert line =~ ~r/^[\d.]+ s for 1 other node: connected to 1, #{inspect(other)}$/
      end
    end

    test "a node that has no name yet waits for it, and for the others" do
      {epmd, [one]} = beams(1)
      unnamed = beam(epmd, nil)
      port = FreePort.udp()
      Enum.each([one, unnamed], &join(&1, port))
      name = :"late@127.0.0.1"
      waiting = await_in(unnamed, nodes: [hd(@names), name], timeout: @soon)

      {:ok, _} = Beam.call(unnamed, :net_kernel, :start, [name, %{name_domain: :longnames}])

      assert {:ok, %{connected: [one]}} = Task.await(waiting, @soon + 10_000)
      assert one == hd(@names)
    end

    test "after the timeout it says which of the names are there, and which are not" do
      {_epmd, beams} = beams(2)
      port = FreePort.udp()
      Enum.each(beams, &join(&1, port))
      [one, two, three] = @names
      assert {:ok, _} = Task.await(await_in(hd(beams), nodes: 1, timeout: @soon), @soon)

      assert {:error, %{connected: [^two], absent: [^three]}} =
               Task.await(await_in(hd(beams), nodes: [one, two, three], timeout: 100))
    end
  end

  describe "where nobody comes" do
    test "it ends after its timeout, and leaves the caller neither a message nor a monitor" do
      for nodes <- [1, [:a@b, :c@d, :a@b]] do
        await = fn -> NativeGossip.await(:nowhere, nodes: nodes, timeout: 200) end
        {{:error, seen}, ms} = elapsed(await)
        assert ms in 200..5_000
        assert %{connected: [], heard: nil, waited_ms: waited} = seen
        assert waited in 200..ms
        assert seen.absent == if(nodes == 1, do: [], else: [:a@b, :c@d])
      end

      assert Process.info(self(), :messages) == {:messages, []}
      assert Process.info(self(), :monitors) == {:monitors, []}
    end

    test "it does not wait for nobody, and not beyond a timeout of 0" do
      assert {:ok, %{connected: []}} = NativeGossip.await(:nowhere, nodes: 0, timeout: 60_000)
      assert {:ok, %{absent: []}} = NativeGossip.await(:nowhere, nodes: [node()], timeout: 60_000)
      assert {:error, _} = NativeGossip.await(:nowhere, nodes: 1, timeout: 0)
    end

    test "messages of nodes that come and go are none of the caller's" do
      waiting =
        Task.async(fn ->
          answer = NativeGossip.await(:nowhere, nodes: 1, timeout: 1_000)
          {answer, Process.info(self(), :messages)}
        end)

      watcher(waiting.pid)
      :ok = Inside.become(:"ours@127.0.0.1")
      :ok = :net_kernel.stop()
      assert {{:error, _}, {:messages, []}} = Task.await(waiting)
    end

    test "nothing is left of a caller that is killed, and a killed helper keeps nobody waiting" do
      caller = spawn(fn -> NativeGossip.await(:nowhere, nodes: 1, timeout: 60_000) end)
      monitor = Process.monitor(watcher(caller))
      Process.exit(caller, :kill)
      assert_receive {:DOWN, ^monitor, :process, _, _}, 5_000

      waiting = Task.async(fn -> NativeGossip.await(:nowhere, nodes: 1, timeout: 60_000) end)

      Process.exit(watcher(waiting.pid), :kill)
      assert {:error, %{waited_ms: ms}} = Task.await(waiting)
      assert ms < 60_000
    end
  end

  describe "as a child" do
    setup do
      :ok = LogLines.attach(self(), prefix: "[libcluster:lan] ")
      on_exit(&LogLines.detach/0)
    end

    defp start(children),
      do:
        start_supervised!(%{
          id: :s,
          start: {Supervisor, :start_link, [children, [strategy: :rest_for_one]]}
        })

    defp agent(id), do: %{id: id, start: {Agent, :start_link, [fn -> id end]}}

    test "it stops no start, says what it saw, and is gone when its supervisor goes on" do
      await = {Await, topology: :lan, nodes: 2, timeout: 100}
      {supervisor, ms} = elapsed(fn -> start([agent(:before), await, agent(:behind)]) end)
      assert ms >= 100

      assert [:behind, :before] =
               for({id, _, _, _} <- Supervisor.which_children(supervisor), do: id)

      assert_received {:line, :warning,
                       "waited 0.1 s for 2 other nodes: not all are there, " <> line}

      assert line =~ "connected to none. This node has no name"

      # Who stood before it crashes: those behind are started again, without waiting.
      [_, {:before, pid, _, _}] = Supervisor.which_children(supervisor)
      monitor = Process.monitor(pid)
      Process.exit(pid, :kill)
      assert_receive {:DOWN, ^monitor, _, _, _}
      assert %{active: 2} = Supervisor.count_children(supervisor)
      refute_received {:line, :warning, "waited" <> _}
    end

    test "where the nodes are there, the line is no warning" do
      start([{Await, topology: :lan, nodes: 0}])
      assert_received {:line, :info, "waited 0.0 s for 0 other nodes: connected to none"}
    end

    test "two of one topology stand side by side with ids of their own" do
      one = Supervisor.child_spec({Await, topology: :lan, nodes: 0}, [])
      assert one.id == {Await, :lan}
      two = {Await, topology: :lan, nodes: 1, timeout: 10}
      Process.flag(:trap_exit, true)

      assert {:error, {:start_spec, {:duplicate_child_name, {Await, :lan}}}} =
               Supervisor.start_link([one, two], strategy: :one_for_one)

      refute_received {:line, _, "waited" <> _}

      start([one, Supervisor.child_spec(two, id: :other)])
      assert_received {:line, :info, "waited" <> line}
      assert line =~ "for 0 other nodes: connected to none"
      assert_received {:line, :warning, "waited" <> line}
      assert line =~ "for 1 other node: not all are there"
      refute_received {:line, _, "waited" <> _}
    end
  end

  @right [topology: :lan, nodes: 1, timeout: 10]

  test "a wrong option is refused with what was given and what is expected" do
    for {wrong, part} <- [
          {[nodes: -1], "option :nodes of NativeGossip.Await: expected how many other nodes"},
          {[nodes: "b@h"], ~s(got: "b@h")},
          {[nodes: ["b@h"]], ~s([:"b@10.0.0.6"], got: ["b@h"])},
          {[nodes: [:b]], "got: [:b]"},
          {[nodes: [:b@h | :c@h]], "got: [:b@h | :c@h]"},
          {[nodes: nil], "got: nil"},
          {[nodes: 1.0], "got: 1.0"},
          {[timeout: -1], "option :timeout of NativeGossip.Await: expected how long"},
          {[timeout: :infinity], "got: :infinity"},
          {[timeout: 4_294_967_296], "from 0 to 4294967295"},
          {[topology: "lan"], "option :topology of NativeGossip.Await: expected the name"},
          {[topology: nil], "got: nil"},
          {[topology: self()], "got: #PID"},
          {[nodse: 1], "none but :topology, :nodes and :timeout, got: :nodse"}
        ] do
      options = Keyword.merge(@right, wrong)

      for call <- [&Await.child_spec/1, &Await.start_link/1] do
        error = assert_raise ArgumentError, fn -> call.(options) end
        assert error.message =~ part
      end
    end

    for name <- [:topology, :nodes] do
      error = assert_raise ArgumentError, fn -> Await.child_spec(Keyword.delete(@right, name)) end
      assert error.message =~ "option #{inspect(name)} of NativeGossip.Await: expected"
      assert error.message =~ "got: nothing"
    end

    for options <- [:lan, nil, [1], %{nodes: 1}] do
      assert_raise ArgumentError, ~r/expected a keyword list/, fn -> Await.child_spec(options) end

      assert_raise ArgumentError, ~r/expected a keyword list/, fn ->
        NativeGossip.await(:lan, options)
      end
    end

    assert_raise ArgumentError, ~r/option :nodes of NativeGossip.await\/2/, fn ->
      NativeGossip.await(:lan, nodes: :all)
    end
  end
end
