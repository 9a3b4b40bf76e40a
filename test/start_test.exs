defmodule NativeGossip.StartTest do
  @moduledoc "What a strategy warns of when it starts, and how it says that it leaves."
  use NativeGossip.Test.Judge

  alias NativeGossip.Dev.{Await, FreePort, LogLines}
  alias NativeGossip.Events
  alias NativeGossip.Test.{ReferencePeer, Topology}

  test "a cookie made by Erlang is warned of once at the start, unless strangers are not heard",
       %{port: port} do
    :ok = LogLines.attach(self(), prefix: "[libcluster:lan] ")
    on_exit(&LogLines.detach/0)
    cookie = :erlang.get_cookie()
    on_exit(fn -> :erlang.set_cookie(cookie) end)
    long = String.duplicate("long", 8)

    for {cookie, options, told?} <- [
          {:QWERTYUIOPASDFGHJKLZ, [], true},
          {:QWERTYUIOPASDFGHJKLZ, [secret: long], true},
          {:QWERTYUIOPASDFGHJKLZ, [secret: long, authentication: :required], false},
          {:qwertyuiopasdfghjklz, [], false},
          {:QWERTYUIOPASDFGHJKL, [], false}
        ] do
      :erlang.set_cookie(cookie)
      start(port, Keyword.put_new(options, :secret, nil))
      line = Events.sentence(:cookie_weak, %{})
      if told?, do: assert_received({:line, :warning, ^line})
      refute_received {:line, :warning, _}
      stop()
    end
  end

  test "the weak secret of an option is warned of at the start, without the secret", %{port: port} do
    :ok = LogLines.attach(self(), prefix: "[libcluster:lan] ")
    on_exit(&LogLines.detach/0)
    start(port, secret: ["somepassword", "hunter2"], authentication: :required)
    line = Events.sentence(:option_warning, %{warning: :secret_documented})
    assert_receive {:line, :warning, ^line}
    refute_received {:line, :warning, _}
  end

  test "a node that is drained sends its burst and no more, and connects to nobody", %{port: port} do
    :ok = LogLines.attach(self(), prefix: "[libcluster:lan] ")
    on_exit(&LogLines.detach/0)
    {:ok, peer} = ReferencePeer.start_link(port: port)
    witness = witness()

    for options <- [[], [secret: "s3cret", seal: false]] do
      strategy = start(port, Keyword.put_new(options, :secret, nil))
      assert NativeGossip.drain(:lan) == :ok
      line = Events.sentence(:node_drained, %{})
      assert_receive {:line, :info, ^line}
      sent = quiet(strategy, witness)
      ReferencePeer.heartbeat(peer, :"friend@10.0.0.7")
      counters = fn -> NativeGossip.counters(strategy) end
      Await.until("it hears the peer", counters, &(&1.accepted == 1))
      assert %{sent: ^sent, announced: 0} = NativeGossip.counters(strategy)
      refute_received {:connect, _}
      stop()
    end
  end

  # How many heartbeats were sent, once there were no more while a strategy of the same interval sent ten: five
  # of the longest gaps, and more than a burst.
  defp quiet(strategy, witness) do
    %{sent: sent} = NativeGossip.counters(strategy)
    ten = NativeGossip.counters(witness).sent + 10
    Await.until("ten are sent", fn -> NativeGossip.counters(witness).sent end, &(&1 >= ten))
    if NativeGossip.counters(strategy).sent == sent, do: sent, else: quiet(strategy, witness)
  end

  defp witness do
    topologies = [witness: Topology.spec(FreePort.udp(), heartbeat_interval: 200)]
    options = [topologies, [name: __MODULE__]]
    start_supervised!(Supervisor.child_spec({Cluster.Supervisor, options}, id: :witness))
    {:witness, pid} = List.keyfind(NativeGossip.topologies(), :witness, 0)
    pid
  end
end
