defmodule NativeGossip.Test.Release do
  @moduledoc """
  The project in `test/release`, which uses this one as its users do: makes a release of it and runs it.

  The environment of every call is one that `environment/3` returned.
  """
  alias NativeGossip.Dev.{Epmd, OsProcess}

  @project Path.expand("../release", __DIR__)
  @stand_in Path.expand("../stand_ins/libcluster", __DIR__)

  @type environment :: [{String.t(), String.t()}]

  @doc """
  Makes the release of this name in `folder`; returns it. `neighbour` has Erlang in it, and `bare` has not.
  """
  @spec make(Path.t(), String.t()) :: Path.t()
  def make(folder, name \\ "neighbour") do
    release = Path.join(folder, name)

    environment = [
      {"MIX_ENV", "prod"},
      {"MIX_BUILD_PATH", Path.join(folder, "build")},
      # What was built for this project is built for the release.
      {"CARGO_TARGET_DIR", Mix.NativeGossip.Cargo.target_folder()},
      {"LIBCLUSTER_PATH", System.get_env("LIBCLUSTER_PATH", @stand_in)}
    ]

    run!("mix", ["release", name, "--path", release], cd: @project, env: environment)
    release
  end

  @doc """
  The environment of a node; without a port it has no topology to use it. Of the distribution `none` it has no name.
  """
  @spec environment(Epmd.t(), String.t(), :inet.port_number() | nil, String.t()) :: environment
  def environment(epmd, node, gossip_port, distribution \\ "name") do
    [
      {"ERL_AFLAGS", "-start_epmd false"},
      {"ERL_EPMD_PORT", to_string(epmd.port)},
      {"GOSSIP_PORT", to_string(gossip_port)},
      {"RELEASE_COOKIE", "neighbour"},
      {"RELEASE_DISTRIBUTION", distribution},
      {"RELEASE_NODE", node}
    ]
  end

  @doc "Starts a node in the foreground. It does not end with its caller, who has to end it by its id."
  @spec start(Path.t(), environment) :: port
  def start(release, environment) do
    OsProcess.open(program(release), ["start"], environment, [:stderr_to_stdout])
  end

  @doc "The same where nothing can be written into the release, which needs root."
  @spec start_read_only(Path.t(), environment) :: port
  def start_read_only(release, environment) do
    script = ~S(mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && exec "$2" start)
    arguments = ["--mount", "sh", "-ec", script, "sh", release, program(release)]
    unshare = System.find_executable("unshare")
    OsProcess.open(unshare, arguments, environment, [:stderr_to_stdout])
  end

  @doc "What the node prints of an expression, and the exit status of asking it."
  @spec rpc(Path.t(), String.t(), environment) :: {String.t(), non_neg_integer}
  def rpc(release, expression, environment) do
    arguments = ["rpc", "IO.write(inspect(#{expression}))"]
    System.cmd(program(release), arguments, env: environment, stderr_to_stdout: true)
  end

  @doc "Stops the node as an operator does."
  @spec stop(Path.t(), environment) :: :ok
  def stop(release, environment), do: run!(program(release), ["stop"], env: environment)

  # Beside it lies that of Windows.
  defp program(release) do
    [program] =
      release
      |> Path.join("bin/*")
      |> Path.wildcard()
      |> Enum.reject(&(Path.extname(&1) == ".bat"))

    program
  end

  defp run!(program, arguments, options) do
    case System.cmd(program, arguments, [stderr_to_stdout: true] ++ options) do
      {_, 0} -> :ok
      {output, status} -> raise "#{program} #{hd(arguments)}: exit status #{status}\n#{output}"
    end
  end
end
