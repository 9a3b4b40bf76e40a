defmodule NativeGossip.ReleaseTest do
  use ExUnit.Case, async: false

  alias NativeGossip.Dev.{Await, Epmd, FreePort, OsProcess}
  alias NativeGossip.Test.Release

  @moduletag :tmp_dir
  @moduletag timeout: 300_000

  @names ["one@127.0.0.1", "two@127.0.0.1"]

  test "a project that depends on this one makes a release, and two of it find each other",
       %{tmp_dir: folder} do
    release = Release.make(folder)
    # By it the next version can be taken in while a node runs.
    assert [_] = release |> Path.join("lib/native_gossip-*/ebin/*.appup") |> Path.wildcard()
    epmd = Epmd.start_link(address: "127.0.0.1")
    gossip_port = FreePort.udp()

    nodes =
      for name <- @names do
        environment = Release.environment(epmd, name, gossip_port)
        %{name: name, environment: environment, port: start(release, environment)}
      end

    for %{name: name, environment: environment} <- nodes do
      others = inspect(for other <- @names, other != name, do: String.to_atom(other))

      Await.until(
        "#{name} is connected to #{others}",
        fn -> {Release.rpc(release, "Node.list()", environment), said()} end,
        fn {answer, _} -> answer == {others, 0} end,
        within: 60_000
      )
    end

    for %{environment: environment, port: port} <- nodes do
      Release.stop(release, environment)
      assert_receive {^port, {:exit_status, 0}}, 10_000
    end
  end

  defp start(release, environment) do
    port = Release.start(release, environment)
    {:os_pid, os_pid} = Port.info(port, :os_pid)
    on_exit(fn -> OsProcess.terminate(os_pid) end)
    port
  end

  # What the nodes have printed so far, which stays in the mailbox.
  defp said do
    {:messages, messages} = Process.info(self(), :messages)
    for {port, {:data, text}} when is_port(port) <- messages, into: "", do: text
  end
end
