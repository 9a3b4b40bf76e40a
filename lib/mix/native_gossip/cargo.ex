defmodule Mix.NativeGossip.Cargo do
  @moduledoc """
  Cargo, as `mix compile` calls it in the folder of this project: which one, with what, and where it builds.
  """

  @crate "native_gossip_nif"

  # The musl targets of rustup link statically unless told otherwise, and then make no library that can be
  # loaded. Elsewhere this is the default.
  @dynamic ~w(-C target-feature=-crt-static)

  # Where cargo takes flags from the environment, and what separates them.
  @rustflags [
    {"CARGO_ENCODED_RUSTFLAGS", "\x1f"},
    {"RUSTFLAGS", " "},
    {"CARGO_BUILD_RUSTFLAGS", " "}
  ]

  @no_flags ~w(CARGO_TARGET_DIR CARGO_BUILD_TARGET_DIR CARGO_BUILD_BUILD_DIR CARGO_BUILD_JOBS)

  @typedoc "The program, and its version as it says it"
  @type t :: %{program: Path.t(), version: String.t()}

  @typedoc "The library that was built, and whether nothing was out of date"
  @type artifact :: %{library: Path.t(), fresh?: boolean}

  @doc "The name of the crate that is the library."
  @spec crate() :: String.t()
  def crate, do: @crate

  @doc "The variables of the environment that make another library, with their values."
  @spec flags() :: [{String.t(), String.t()}]
  def flags do
    flags = for {name, value} <- System.get_env(), flag?(name), value != "", do: {name, value}
    Enum.sort(flags)
  end

  defp flag?(name) when name in @no_flags, do: false
  defp flag?("CARGO_" <> rest), do: rest =~ ~r/^(BUILD|PROFILE|TARGET)_|^ENCODED_RUSTFLAGS$/
  defp flag?("NATIVE_GOSSIP_" <> rest), do: rest in ~w(CARGO_COMMAND FEATURES)
  defp flag?(name), do: name in ~w(RUSTFLAGS RUSTC RUSTUP_TOOLCHAIN)

  @doc "The cargo in PATH, or a sentence that says what is wrong with it."
  @spec find() :: {:ok, t} | {:error, String.t()}
  def find do
    case System.find_executable("cargo") do
      nil -> {:error, cargo_needed("there is no cargo in PATH")}
      program -> program |> version() |> checked(program)
    end
  end

  defp version(program) do
    {answer, _status} = System.cmd(program, ["--version"], stderr_to_stdout: true)

    case Regex.run(~r/^cargo (\d+\.\d+\.\d+)/m, answer) do
      [_, version] -> {:ok, version}
      nil -> {:error, answer |> String.trim() |> inspect()}
    end
  end

  defp checked({:error, answer}, program),
    do: {:error, cargo_needed("#{program} --version says #{answer}")}

  defp checked({:ok, version}, program) do
    if Version.compare(version, minimum() <> ".0") == :lt,
      do: {:error, cargo_needed("#{program} is version #{version}")},
      else: {:ok, %{program: program, version: version}}
  end

  defp cargo_needed(found) do
    """
    native_gossip is partly written in Rust and needs cargo #{minimum()} or later, but #{found}.
    Install Rust with rustup (https://rustup.rs) and have ~/.cargo/bin first in PATH. \
    The cargo and rustc packages of Debian and Ubuntu are too old.\
    """
  end

  defp minimum do
    [_, version] = Regex.run(~r/^rust-version = "(\d+\.\d+)/m, File.read!("Cargo.toml"))
    version
  end

  @doc """
  The folder in which to build: that of the variable `CARGO_TARGET_DIR`, or one beside the folders of Mix's
  environments, which share it, for each set of `flags/0`.
  """
  @spec target_folder() :: Path.t()
  def target_folder do
    case environment("CARGO_TARGET_DIR") do
      nil -> Path.join(own_folder(), folder_of(flags()))
      # Mix works in the folder of each dependency, and a user means that of the project.
      folder -> Path.expand(folder, Path.dirname(Mix.Project.deps_path()))
    end
  end

  @doc "The folder for all builds without `CARGO_TARGET_DIR`."
  @spec own_folder() :: Path.t()
  def own_folder do
    build = Mix.Project.build_path()
    # What is beside a folder that MIX_BUILD_PATH names is not ours to write in.
    root = if System.get_env("MIX_BUILD_PATH"), do: build, else: Path.dirname(build)
    Path.join(root, "native_gossip_cargo")
  end

  defp folder_of([]), do: "plain"

  defp folder_of(flags) do
    digest = :crypto.hash(:sha256, :erlang.term_to_binary(flags))
    digest |> Base.encode16(case: :lower) |> binary_part(0, 16)
  end

  @doc "Builds the library; cargo's messages go to Mix's shell. The error is a sentence."
  @spec build(t, Path.t()) :: {:ok, artifact} | {:error, String.t()}
  def build(%{program: program}, folder) do
    # In JSON cargo says where it put the library, whatever target its configuration names.
    arguments =
      [environment("NATIVE_GOSSIP_CARGO_COMMAND") || "build"] ++
        ~w(--release --locked --color never --message-format json-render-diagnostics) ++
        ["--package", @crate, "--target-dir", folder] ++
        option("--target", "CARGO_BUILD_TARGET") ++
        option("--features", "NATIVE_GOSSIP_FEATURES") ++ configuration()

    options = [:binary, :exit_status, :stderr_to_stdout, line: 1_000_000]
    port = Port.open({:spawn_executable, program}, [args: arguments, env: rustflags()] ++ options)
    port |> relay(%{artifact: nil, linker: nil}) |> outcome()
  end

  defp outcome({0, %{artifact: nil}}),
    do: {:error, "cargo built #{@crate} and did not say where it is"}

  defp outcome({0, %{artifact: artifact}}), do: {:ok, artifact}

  defp outcome({_status, %{linker: linker}}) when is_binary(linker) do
    {:error,
     """
     native_gossip is partly written in Rust, and cargo needs a linker, but there is no #{linker} in PATH.
     #{remedy(linker)}\
     """}
  end

  defp outcome({status, _}),
    do: {:error, "cargo could not build #{@crate} (exit status #{status})"}

  defp remedy("cc") do
    "Install a C compiler: `apt install gcc libc6-dev` on Debian and Ubuntu, `apk add gcc musl-dev` on Alpine."
  end

  defp remedy("link.exe"), do: "Install the Build Tools of Visual Studio with C++."

  defp remedy(linker),
    do: "Install #{linker}, or set CARGO_TARGET_<TARGET>_LINKER to the linker of that target."

  # Of the target zigbuild reads the option alone.
  defp option(name, variable) do
    case environment(variable) do
      nil -> []
      value -> [name, value]
    end
  end

  # Cargo takes flags from one place alone, from the environment first. So ours are put before those that are
  # there; where none are, ours join those of the user's configuration for the target.
  defp configuration do
    if rustflags() == [],
      do: ["--config", ~s|target.'cfg(target_env = "musl")'.rustflags = #{inspect(@dynamic)}|],
      else: []
  end

  # Set and empty counts as set.
  defp rustflags do
    for {name, separator} <- @rustflags, flags = System.get_env(name) do
      flags = if flags == "", do: @dynamic, else: @dynamic ++ [flags]
      {to_charlist(name), to_charlist(Enum.join(flags, separator))}
    end
  end

  defp environment(name) do
    value = System.get_env(name, "")
    if value != "", do: value
  end

  defp relay(port, output) do
    receive do
      {^port, {:data, {:eol, "{" <> _ = json}}} ->
        relay(port, %{output | artifact: artifact(json) || output.artifact})

      {^port, {:data, {_, line}}} ->
        say(line)
        relay(port, %{output | linker: output.linker || linker(line)})

      {^port, {:exit_status, status}} ->
        {status, output}
    end
  end

  # Two fields of one line are not worth a JSON library.
  defp artifact(json) do
    with true <- json =~ ~s("reason":"compiler-artifact") and json =~ ~s("name":"#{@crate}"),
         [_, library] <- Regex.run(~r/"filenames":\["([^"]+)"/, json) do
      %{library: String.replace(library, "\\\\", "\\"), fresh?: json =~ ~s("fresh":true)}
    else
      _ -> nil
    end
  end

  defp linker(line) do
    case Regex.run(~r/^error: linker `(.+)` not found/, line) do
      [_, linker] -> linker
      nil -> nil
    end
  end

  # The closing line is the only one that cargo prints even if nothing was out of date.
  defp say("    Finished " <> _), do: :ok
  defp say(line), do: Mix.shell().info(line)
end
