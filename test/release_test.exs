defmodule NativeGossip.ReleaseTest do
  @moduledoc """
  A project that depends on this one makes releases, and they find each other however they are run.
  """
  use ExUnit.Case, async: false

  alias NativeGossip.Dev.{Await, Epmd, FreePort, OsProcess}
  alias NativeGossip.Test.{Release, Requirement}

  @moduletag timeout: 300_000

  setup_all do
    folder = Path.expand("tmp/releases")
    File.rm_rf!(folder)
    on_exit(fn -> File.rm_rf!(folder) end)
    %{release: Release.make(folder), folder: folder}
  end

  setup do
    %{epmd: Epmd.start_link(address: "127.0.0.1"), gossip_port: FreePort.udp()}
  end

  test "two of one release find each other, and stop when they are told", context do
    # By it the next version can be taken in while a node runs.
    assert [_] =
             context.release |> Path.join("lib/native_gossip-*/ebin/*.appup") |> Path.wildcard()

    nodes =
      for name <- ["one@127.0.0.1", "two@127.0.0.1"], do: start(context, context.release, name)

    await_met(nodes)

    for %{release: release, environment: environment, port: port} <- nodes do
      Release.stop(release, environment)
      assert_receive {^port, {:exit_status, 0}}, 10_000
    end
  end

  test "one that was made without Erlang and lies elsewhere than where it was made", context do
    made = Release.make(context.folder, "bare")
    refute File.exists?(Path.join(made, "erts-#{:erlang.system_info(:version)}"))
    bare = Path.join(context.folder, "a folder of another name")
    File.rename!(made, bare)

    await_met([
      start(context, bare, "bare@127.0.0.1"),
      start(context, context.release, "other@127.0.0.1")
    ])
  end

  test "short names", context do
    names = ["one@localhost", "two@localhost"]
    await_met(for name <- names, do: start(context, context.release, name, distribution: "sname"))
  end

  test "a node that gets its name after its start", context do
    named = start(context, context.release, "one@127.0.0.1")
    later = "later@127.0.0.1"
    environment = [{"NAME_LATER", later}]
    start(context, context.release, later, distribution: "none", environment: environment)
    await_connected(named, [later])
  end

  @tag skip: Requirement.netns()
  test "a release into which nothing can be written", context do
    temporary = Path.join(context.folder, "temporary")
    options = [start: &Release.start_read_only/2, environment: [{"RELEASE_TMP", temporary}]]

    await_met([
      start(context, context.release, "one@127.0.0.1", options),
      start(context, context.release, "two@127.0.0.1")
    ])
  end

  defp start(%{epmd: epmd, gossip_port: gossip_port}, release, name, options \\ []) do
    distribution = Keyword.get(options, :distribution, "name")
    environment = Release.environment(epmd, name, gossip_port, distribution)
    environment = environment ++ Keyword.get(options, :environment, [])
    start = Keyword.get(options, :start, &Release.start/2)
    port = start.(release, environment)
    {:os_pid, os_pid} = Port.info(port, :os_pid)

    on_exit(fn ->
      OsProcess.terminate(os_pid)
      Await.until("#{name} has ended", fn -> OsProcess.alive?(os_pid) end, &not/1)
    end)

    %{name: name, release: release, environment: environment, port: port}
  end

  defp await_met(nodes) do
    for %{name: name} = node <- nodes,
        do: await_connected(node, for(%{name: other} <- nodes, other != name, do: other))
  end

  defp await_connected(%{name: name, release: release, environment: environment}, others) do
    others = inspect(Enum.map(others, &String.to_atom/1))

    Await.until(
      "#{name} is connected to #{others}",
      fn -> {Release.rpc(release, "Node.list()", environment), said()} end,
      fn {answer, _} -> answer == {others, 0} end,
      within: 60_000
    )
  end

  # What the nodes have printed so far, which stays in the mailbox.
  defp said do
    {:messages, messages} = Process.info(self(), :messages)
    for {port, {:data, text}} when is_port(port) <- messages, into: "", do: text
  end
end
