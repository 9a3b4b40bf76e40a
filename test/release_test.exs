defmodule NativeGossip.ReleaseTest do
  use ExUnit.Case, async: false

  @moduletag :tmp_dir
  @moduletag timeout: 300_000

  @project Path.expand("release", __DIR__)
  @stand_in Path.expand("stand_ins/libcluster", __DIR__)
  @names ["one@127.0.0.1", "two@127.0.0.1"]

  setup do
    # An epmd of our own, so that nothing is left running in place of the machine's.
    environment = [
      {"ERL_EPMD_ADDRESS", "127.0.0.1"},
      {"ERL_EPMD_PORT", free_port()},
      {"ERL_AFLAGS", "-start_epmd false"},
      {"GOSSIP_PORT", free_port()},
      {"RELEASE_COOKIE", "neighbour"},
      {"RELEASE_DISTRIBUTION", "name"}
    ]

    start(System.find_executable("epmd"), [], environment)
    %{environment: environment}
  end

  test "a project that depends on this one makes a release, and two of it find each other",
       %{tmp_dir: folder, environment: environment} do
    program = make_release(folder)
    nodes = for name <- @names, do: {name, [{"RELEASE_NODE", name} | environment]}
    ports = for {_, environment} <- nodes, do: start(program, ["start"], environment)

    for {name, environment} <- nodes do
      eventually(fn ->
        rpc(program, "Node.list()", environment) == inspect_nodes(@names -- [name])
      end)
    end

    for {{_, environment}, port} <- Enum.zip(nodes, ports) do
      run!(program, ["stop"], environment)
      assert_receive {^port, {:exit_status, 0}}, 10_000
    end
  end

  defp make_release(folder) do
    run!("mix", ["release", "--path", Path.join(folder, "release")], [
      {"MIX_ENV", "prod"},
      {"MIX_BUILD_PATH", Path.join(folder, "build")},
      {"LIBCLUSTER_PATH", System.get_env("LIBCLUSTER_PATH", @stand_in)}
    ])

    Path.join(folder, "release/bin/neighbour")
  end

  # Answers nil while the node is still starting.
  defp rpc(program, expression, environment) do
    case run(program, ["rpc", "IO.write(inspect(#{expression}))"], environment) do
      {answer, 0} -> answer
      _ -> nil
    end
  end

  defp inspect_nodes(names), do: names |> Enum.map(&String.to_atom/1) |> inspect()

  defp run!(program, args, environment) do
    {output, status} = run(program, args, environment)
    assert status == 0, "#{program} #{Enum.join(args, " ")}: exit status #{status}\n#{output}"
  end

  defp run(program, args, environment) do
    System.cmd(program, args, cd: @project, env: environment, stderr_to_stdout: true)
  end

  # A child in the foreground, stopped by its own id whatever becomes of the test.
  defp start(program, args, environment) do
    environment = for {name, value} <- environment, do: {to_charlist(name), to_charlist(value)}
    options = [:binary, :exit_status, :stderr_to_stdout, args: args, env: environment]
    port = Port.open({:spawn_executable, program}, options)
    {:os_pid, id} = Port.info(port, :os_pid)
    on_exit(fn -> System.cmd("kill", [to_string(id)], stderr_to_stdout: true) end)
    port
  end

  defp free_port do
    {:ok, socket} = :gen_udp.open(0)
    {:ok, port} = :inet.port(socket)
    :gen_udp.close(socket)
    to_string(port)
  end

  defp eventually(condition, deadline \\ now() + 60_000) do
    unless condition.() do
      assert now() < deadline, "not within a minute. The nodes said: #{said()}"
      eventually(condition, deadline)
    end
  end

  defp said do
    receive do
      {_port, {:data, line}} -> line <> said()
    after
      0 -> ""
    end
  end

  defp now, do: System.monotonic_time(:millisecond)
end
