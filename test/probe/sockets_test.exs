defmodule NativeGossip.Probe.SocketsTest do
  @moduledoc """
  No probe leaves a socket open: of each cause one is made, with a stand-in for what is met.
  """
  use ExUnit.Case, async: true

  import NativeGossip.Test.StandIn

  alias NativeGossip.Probe.Cause
  alias NativeGossip.Test.Listener

  @name "b@127.0.0.1"
  @alert <<21, 3, 3, 0, 2, 2, 10>>

  # The socket is told to the test. Wherever the name leads, this host is gone to.
  defp connect(test) do
    fn _address, port, options, patience ->
      with {:ok, socket} <- :gen_tcp.connect({127, 0, 0, 1}, port, options, patience) do
        send(test, {:opened, socket})
        {:ok, socket}
      end
    end
  end

  # By the cause: an epmd and options, where a name, epmd, or the way to them is in the way.
  defp on_the_way do
    resolve = fn answer -> [resolve: fn _host, :inet -> answer end] end
    lan = [node: :"b@b.lan", heard_from: {10, 0, 0, 9}]
    unregistered = Listener.answering(unregistered())

    [
      not_alive: {unregistered, outside: [ours: nil]},
      own_name: {unregistered, node: :"a@127.0.0.1"},
      connected: {unregistered, outside: [connected: [:"b@127.0.0.1"]]},
      name_form: {unregistered, node: :b@host},
      name_unresolved: {unregistered, lan ++ [outside: resolve.({:error, :nxdomain})]},
      name_loopback: {unregistered, lan ++ [outside: resolve.({:ok, [{127, 0, 0, 1}]})]},
      name_elsewhere: {unregistered, lan ++ [outside: resolve.({:ok, [{10, 0, 0, 7}]})]},
      host_unreachable:
        {unregistered, outside: [connect: fn _, _, _, _ -> {:error, :ehostunreach} end]},
      epmd_refused: {Listener.refused(), []},
      epmd_filtered: {Listener.filtered(), []},
      epmd_silent: {Listener.silent(), []},
      epmd_silent: {Listener.stalling(<<119, 0>>), []},
      epmd_foreign: {Listener.answering("HTTP/1.1 400 Bad Request\r\n\r\n"), []},
      epmd_module: {unregistered, outside: [epmd: NoSuchModule]},
      name_unregistered: {unregistered, []}
    ]
  end

  # By the cause: a node and options, where epmd has named the node's port.
  defp at_the_node do
    well = Listener.answering([status("ok"), challenge(@name)])
    tls = [outside: [carrier: {:inet, :tls}]]

    [
      port_refused: {Listener.refused(), []},
      port_filtered: {Listener.filtered(), []},
      silent: {Listener.silent(), []},
      silent: {Listener.stalling(status("ok")), []},
      closed: {Listener.answering(""), []},
      tls_there: {Listener.answering(@alert), []},
      tls_here: {well, tls},
      tls_both: {Listener.answering(@alert), tls},
      not_a_node: {Listener.answering("HTTP/1.1 400 Bad Request\r\n\r\n"), []},
      not_a_node: {Listener.answering(:binary.copy(<<255>>, 100_000)), []},
      busy: {Listener.answering(status("nok")), []},
      not_allowed: {Listener.answering(status("not_allowed")), []},
      half_open: {Listener.answering(status("alive")), []},
      other_node: {Listener.answering([status("ok"), challenge("c@127.0.0.1")]), []},
      kept_apart: {well, connect: :failed, disconnected_by: :global},
      cookie: {well, connect: :failed},
      reachable: {well, []},
      probe_failed: {well, outside: [connect: failing_at(well)]}
    ]
  end

  # By then there was a connection to epmd.
  defp failing_at(port) do
    connect = connect(self())

    fn
      _address, ^port, _options, _patience -> raise "no more sockets"
      address, other, options, patience -> connect.(address, other, options, patience)
    end
  end

  # Those of the stand-ins, of other tests and of the VM are not counted.
  defp held do
    for port <- :erlang.ports(),
        :erlang.port_info(port, :connected) == {:connected, self()},
        do: port
  end

  defp opened do
    receive do
      {:opened, socket} -> [socket | opened()]
    after
      0 -> []
    end
  end

  # How many sockets there were.
  defp try_cause(cause, epmd, options) do
    outside = Keyword.put_new(options[:outside] || [], :connect, connect(self()))
    held = held()
    assert probe(epmd, Keyword.put(options, :outside, outside)).cause == cause
    opened = opened()
    assert {cause, held() -- held} == {cause, []}
    assert {cause, Enum.reject(opened, &(:erlang.port_info(&1) == :undefined))} == {cause, []}
    length(opened)
  end

  test "no socket is left open, whatever the cause" do
    on_the_way = for {cause, {epmd, options}} <- on_the_way(), do: {cause, epmd, options}

    at_the_node =
      for {cause, {port, options}} <- at_the_node(),
          do: {cause, Listener.answering(registered("b", port)), options}

    opened =
      for {cause, epmd, options} <- on_the_way ++ at_the_node,
          do: {cause, try_cause(cause, epmd, options)}

    assert opened |> Keyword.keys() |> Enum.uniq() |> Enum.sort() == Enum.sort(Cause.all())

    # Where epmd has answered there was one, and another where the node has.
    assert Enum.all?(at_the_node, fn {cause, _, _} -> opened[cause] >= 1 end)
    assert opened[:reachable] == 2
  end
end
