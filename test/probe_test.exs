defmodule NativeGossip.ProbeTest do
  @moduledoc """
  Real nodes and a real epmd, on the loopback; `test/probe` has stand-ins for what real ones do not do at will.
  """
  use ExUnit.Case

  import NativeGossip.Test.StandIn

  alias NativeGossip.Dev.{Await, Beam, Epmd, Inside}
  alias NativeGossip.Probe
  alias NativeGossip.Probe.Cause
  alias NativeGossip.Test.{Listener, Probed}

  @moduletag timeout: 120_000

  setup_all do
    %{epmd: Epmd.start_link().port}
  end

  defp beam(epmd, options) do
    Beam.start_link([epmd_port: epmd, applications: [:native_gossip]] ++ options)
  end

  # From the BEAM of this test, which is no node.
  defp ask(epmd, node, options \\ []),
    do: probe(epmd, [node: node] ++ Keyword.put_new(options, :step_timeout, 2_000))

  describe "between two real nodes" do
    test "another cookie is named, and the same one is reachable, then connected", %{epmd: epmd} do
      a = beam(epmd, name: "a@127.0.0.1")
      b = beam(epmd, name: "b@127.0.0.1", cookie: "another")
      c = beam(epmd, name: "c@127.0.0.1")

      refute Beam.call(a, Node, :connect, [b.name])
      result = Beam.call(a, Probe, :run, [b.name, [connect: :failed]])
      assert %{cause: :cookie, facts: %{ours: :"a@127.0.0.1"}} = result
      assert result.facts.answered_as == "b@127.0.0.1"

      assert Beam.call(a, Probe, :run, [c.name]).cause == :reachable
      assert Beam.call(a, Node, :connect, [c.name])
      assert Beam.call(a, Probe, :run, [c.name]).cause == :connected
      assert Beam.call(a, Probe, :run, [a.name]).cause == :own_name
      assert Beam.connected(a) == [c.name]
    end

    test "a hidden node is found", %{epmd: epmd} do
      a = beam(epmd, name: "a@127.0.0.1")
      hidden = beam(epmd, name: "hidden@127.0.0.1", args: ["-hidden"])
      assert Beam.call(a, Probe, :run, [hidden.name]).cause == :reachable
    end

    test "a short name and a long one are told, in both directions", %{epmd: epmd} do
      long = beam(epmd, name: "long@127.0.0.1")
      short = beam(epmd, args: ["-sname", "short@localhost"])

      for {beam, other} <- [{long, :short@localhost}, {short, :"long@127.0.0.1"}] do
        refute Beam.call(beam, Node, :connect, [other])
        assert Beam.call(beam, Probe, :run, [other, [connect: :failed]]).cause == :name_form
      end
    end

    test "a node without a name is not alive", %{epmd: epmd} do
      unnamed = beam(epmd, [])
      assert Beam.call(unnamed, Probe, :run, [:"b@127.0.0.1"]).cause == :not_alive
    end

    test "a strategy logs the cause once", %{epmd: epmd} do
      port = NativeGossip.Dev.FreePort.udp()
      nodes = [a: "native_gossip", b: "another"]

      [a, b] =
        for {name, cookie} <- nodes do
          options = [name: "#{name}@127.0.0.1", cookie: cookie, epmd_port: epmd]
          Beam.start_link(options)
        end

      config = [port: port, multicast_if: "127.0.0.1", heartbeat_interval: 200]
      topologies = [lan: [strategy: NativeGossip.Strategy, config: config]]
      for beam <- [a, b], do: :ok = Beam.call(beam, Inside, :start_cluster, [topologies])

      told = fn -> for {:warning, line} <- Beam.logs(a), line =~ "(cookie)", do: line end
      assert [line] = Await.until("the cause is told", told, &(&1 != []))
      assert line =~ ~s|[libcluster:lan] no connection to :"b@127.0.0.1" (cookie): it answers at|
      assert line =~ "Give both nodes the same cookie"
    end
  end

  describe "of one real node" do
    test "each name that leads nowhere, to the loopback or elsewhere is named", %{epmd: epmd} do
      beam(epmd, name: "b@127.0.0.1")
      resolve = fn answer -> [outside: [resolve: fn _host, :inet -> answer end]] end
      loopback = resolve.({:ok, [{127, 0, 0, 1}]})

      assert ask(epmd, :"b@b.lan", resolve.({:error, :nxdomain})).cause == :name_unresolved
      assert ask(epmd, :"b@b.lan", resolve.({:ok, []})).cause == :name_unresolved
      assert ask(epmd, :"b@b.lan", resolve.(:nonsense)).cause == :name_unresolved

      # As nobody of that name is at the loopback, or another node is.
      result = ask(epmd, :"c@b.lan", [heard_from: {10, 0, 0, 9}] ++ loopback)
      assert %{cause: :name_loopback, facts: %{obstacle: :name_unregistered}} = result
      result = ask(epmd, :"b@b.lan", [heard_from: {10, 0, 0, 9}] ++ loopback)
      assert %{cause: :name_loopback, facts: %{obstacle: :other_node}} = result
      # A node that called itself by its loopback.
      result = ask(epmd, :"c@127.0.0.1", heard_from: {10, 0, 0, 9})
      assert %{cause: :name_loopback} = result
      # This node has the same address: it is no wonder that the other one's name leads there.
      assert ask(epmd, :"c@127.0.0.1").cause == :name_unregistered
      assert ask(epmd, :"c@127.0.0.1", heard_from: {127, 0, 0, 1}).cause == :name_unregistered
    end

    test "an address that is not the one heard is the cause only where the node is not found there",
         %{epmd: epmd} do
      beam(epmd, name: "b@127.0.0.1")
      to = fn answer -> fn _address, _port, _options, _patience -> {:error, answer} end end
      elsewhere = fn _host, :inet -> {:ok, [{10, 0, 0, 7}, {10, 0, 0, 8}]} end

      for {answer, cause} <- [
            econnrefused: :epmd_refused,
            timeout: :epmd_filtered,
            ehostunreach: :host_unreachable
          ] do
        outside = [resolve: elsewhere, connect: to.(answer)]
        result = ask(epmd, :"b@b.lan", heard_from: {10, 0, 0, 9}, outside: outside)
        assert %{cause: :name_elsewhere, facts: %{obstacle: ^cause}} = result
        assert ask(epmd, :"b@b.lan", heard_from: {10, 0, 0, 8}, outside: outside).cause == cause
        assert ask(epmd, :"b@b.lan", outside: outside).cause == cause
      end

      # The host has more addresses than one.
      through = fn _address, port, options, patience ->
        :gen_tcp.connect({127, 0, 0, 1}, port, options, patience)
      end

      outside = [resolve: fn _host, :inet -> {:ok, [{10, 0, 0, 7}]} end, connect: through]
      result = ask(epmd, :"b@127.0.0.1", heard_from: {10, 0, 0, 9}, outside: outside)
      assert result.cause == :reachable
    end

    test "a resolver that hangs or raises costs a step, and is no failure of the caller", %{
      epmd: epmd
    } do
      for resolve <- [
            fn _, _ -> Process.sleep(:infinity) end,
            fn _, _ -> raise "no resolver" end,
            fn _, _ -> exit(:kill) end
          ] do
        result = ask(epmd, :"b@b.lan", step_timeout: 100, outside: [resolve: resolve])
        assert result.cause == :name_unresolved
        assert result.facts.took_ms < 2_000
      end

      refute_received _any
    end

    test "a name that epmd does not know is told with those that it knows", %{epmd: epmd} do
      beam(epmd, name: "b@127.0.0.1")
      result = ask(epmd, :"unknown@127.0.0.1")
      assert %{cause: :name_unregistered, facts: %{registered: names}} = result
      assert "b" in names
    end

    test "a node that ended, whose name an epmd still has, is refused", %{epmd: epmd} do
      b = beam(epmd, name: "b@127.0.0.1")
      %{cause: :reachable, facts: %{port: port}} = ask(epmd, b.name)
      :ok = Beam.stop(b)
      stale = Listener.answering(registered("b", port))
      assert probe(stale).cause == :port_refused
    end

    test "another node behind the port that epmd names is told by its name", %{epmd: epmd} do
      c = beam(epmd, name: "c@127.0.0.1")
      %{cause: :reachable, facts: %{port: port}} = ask(epmd, c.name)
      result = probe_port(port, connect: :failed)
      assert %{cause: :other_node, facts: %{answered_as: "c@127.0.0.1"}} = result
    end

    test "a node that lets only some connect is told", %{epmd: epmd} do
      b = beam(epmd, name: "b@127.0.0.1")
      :ok = Beam.call(b, :net_kernel, :allow, [[:"friend@127.0.0.1"]])
      assert ask(epmd, b.name).cause == :not_allowed
    end

    test "a node that is in a handshake with another probe says so", %{epmd: epmd} do
      # The one of two that has the greater name refuses the other's.
      z = beam(epmd, name: "z@127.0.0.1")
      %{cause: :reachable, facts: %{port: port}} = ask(epmd, z.name)
      {:ok, held} = :gen_tcp.connect({127, 0, 0, 1}, port, [:binary, active: false])
      name = "native_gossip_probe@127.0.0.1"
      introduction = <<?N, 0x1D03077FBC::64, 0::32, byte_size(name)::16, name::binary>>
      :ok = :gen_tcp.send(held, [<<byte_size(introduction)::16>>, introduction])
      assert {:ok, <<3::16, "sok">>} = :gen_tcp.recv(held, 5, 5_000)

      assert ask(epmd, z.name).cause == :busy
      :ok = :gen_tcp.close(held)
      Await.until("it is free", fn -> ask(epmd, z.name).cause end, &(&1 == :reachable))
    end

    test "a stopped process takes the connection, and is silent", %{epmd: epmd} do
      b = beam(epmd, name: "b@127.0.0.1")
      pid = Integer.to_string(b.os_pid)
      on_exit(fn -> System.cmd("kill", ["-CONT", pid], stderr_to_stdout: true) end)
      {_, 0} = System.cmd("kill", ["-STOP", pid])
      assert ask(epmd, b.name, connect: :failed, step_timeout: 500).cause == :silent
      {_, 0} = System.cmd("kill", ["-CONT", pid])
      Await.until("it speaks again", fn -> ask(epmd, b.name).cause end, &(&1 == :reachable))
    end

    test "a hundred probes leave one atom there, for each host, and nothing else", %{epmd: epmd} do
      # A node that was seen in a handshake is in `nodes(known)` until net_kernel has collected its garbage and a
      # cleaner of the VM has run, a minute later where nothing else is said.
      b = beam(epmd, name: "b@127.0.0.1", args: ["+zdntgc", "1"])
      :ok = Beam.call(b, Probed, :watch, [])

      seen = fn ->
        Beam.call(b, Probed, :collect, [])
        Beam.call(b, Probed, :seen, [])
      end

      # The first one of all has modules loaded there.
      assert ask(epmd, b.name, outside: [ours: :"warm@127.0.0.2"]).cause == :reachable
      forgotten = &(&1.known == [:"b@127.0.0.1"])
      before = Await.until("the first one is forgotten", seen, forgotten)
      log = Beam.logs(b)

      for _ <- 1..100, do: assert(ask(epmd, b.name).cause == :reachable)

      now = Await.until("all are forgotten", seen, forgotten)
      IO.puts("\n100 probes: #{inspect(before)} before, #{inspect(now)} after")
      assert now.atoms - before.atoms == 1
      assert Map.delete(now, :atoms) == Map.delete(before, :atoms)
      assert now.changes == []
      assert Beam.logs(b) == log
    end

    test "many probes of one host at once are answered, or told that they met", %{epmd: epmd} do
      b = beam(epmd, name: "b@127.0.0.1")

      causes =
        1..20
        |> Task.async_stream(fn _ -> ask(epmd, b.name).cause end, max_concurrency: 20)
        |> Enum.map(fn {:ok, cause} -> cause end)

      assert :reachable in causes
      assert Enum.uniq(causes) -- [:reachable, :busy, :closed] == []
      log = Beam.logs(b)
      refute Enum.any?(log, fn {level, _} -> level in [:error, :warning] end)
    end
  end

  describe "whatever happens" do
    test "what is no name of a node is a failed probe, and raises nothing", %{epmd: epmd} do
      for node <- [:nonsense, :@, :b@, :"@h", :a@b@c, :"", nil, true, :nonode@nohost] do
        result = ask(epmd, node)
        assert result.cause in [:probe_failed, :name_form]
      end
    end

    test "a socket that cannot be opened is a failed probe", %{epmd: epmd} do
      for connect <- [
            fn _, _, _, _ -> {:error, :emfile} end,
            fn _, _, _, _ -> raise "no sockets" end,
            fn _, _, _, _ -> :nonsense end
          ] do
        assert ask(epmd, :"b@127.0.0.1", outside: [connect: connect]).cause == :probe_failed
      end
    end

    test "a distribution that is none of OTP's is not looked into", %{epmd: epmd} do
      result = ask(epmd, :"b@127.0.0.1", outside: [carrier: nil])
      assert %{cause: :probe_failed, facts: %{reason: :unknown_proto_dist}} = result
    end

    test "with IPv6 the name is resolved, and gone to, by IPv6", %{epmd: epmd} do
      test = self()

      outside = [
        ours: :"a@::1",
        carrier: {:inet6, :tcp},
        resolve: fn ~c"b.lan", :inet6 -> {:ok, [{0, 0, 0, 0, 0, 0, 0, 9}]} end,
        connect: fn address, _port, options, _patience ->
          send(test, {:connect, address, :inet6 in options})
          {:error, :econnrefused}
        end
      ]

      assert ask(epmd, :"b@b.lan", outside: outside).cause == :epmd_refused
      assert_received {:connect, {0, 0, 0, 0, 0, 0, 0, 9}, true}
    end

    test "every cause has a row, and none is nothing to do but two" do
      assert Enum.uniq(Cause.all()) == Cause.all()
      assert Enum.filter(Cause.all(), &Cause.none?/1) == [:connected, :reachable]
    end
  end
end
