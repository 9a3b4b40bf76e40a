defmodule Mix.Tasks.Compile.NativeGossip do
  @moduledoc """
  Builds the Rust half with cargo and puts the library where `NativeGossip.Native` loads it:
  `priv/native` of the application in `_build`, from which releases are made too.

  Cargo knows best what is out of date, so it is called each time; nothing is printed when there
  was nothing to do. It works in `target` beside this project's `mix.exs`, with the environment of
  the caller, `RUSTFLAGS` included. `NATIVE_GOSSIP_FEATURES` names features of the crate, which its tests
  use.
  """
  use Mix.Task.Compiler

  @crate "native_gossip_nif"

  @impl true
  def run(_args) do
    %{library: library, fresh?: fresh?} = build(cargo())
    installed? = install(library)
    {if(fresh? and not installed?, do: :noop, else: :ok), []}
  end

  @impl true
  def clean, do: File.rm_rf!(Path.dirname(installed()))

  defp cargo do
    cargo = System.find_executable("cargo") || Mix.raise(needed("there is no cargo in PATH"))
    {answer, _status} = System.cmd(cargo, ["--version"], stderr_to_stdout: true)

    case Regex.run(~r/^cargo (\d+\.\d+\.\d+)/m, answer) do
      [_, version] ->
        too_old? = Version.compare(version, minimum() <> ".0") == :lt
        if too_old?, do: Mix.raise(needed("#{cargo} is version #{version}")), else: cargo

      nil ->
        Mix.raise(needed("#{cargo} --version says #{inspect(String.trim(answer))}"))
    end
  end

  defp needed(found) do
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

  defp build(cargo) do
    # In JSON cargo says where it put the library, whatever target its configuration names.
    args =
      ~w(build --release --locked --color never --message-format json-render-diagnostics) ++
        ["--package", @crate, "--target-dir", Path.expand("target")] ++ features()

    options = [:binary, :exit_status, :stderr_to_stdout, line: 1_000_000, args: args]

    case relay(Port.open({:spawn_executable, cargo}, options), nil) do
      {0, %{} = artifact} -> artifact
      {0, nil} -> Mix.raise("cargo built #{@crate} and did not say where it is")
      {status, _} -> Mix.raise("cargo could not build #{@crate} (exit status #{status})")
    end
  end

  defp features do
    case System.get_env("NATIVE_GOSSIP_FEATURES", "") do
      "" -> []
      features -> ["--features", features]
    end
  end

  defp relay(port, artifact) do
    receive do
      {^port, {:data, {:eol, "{" <> _ = json}}} ->
        relay(port, artifact(json) || artifact)

      {^port, {:data, {_, line}}} ->
        say(line)
        relay(port, artifact)

      {^port, {:exit_status, status}} ->
        {status, artifact}
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

  # The closing line is the only one that cargo prints even if nothing was out of date.
  defp say("    Finished " <> _), do: :ok
  defp say(line), do: Mix.shell().info(line)

  defp install(library) do
    if File.read(library) == File.read(installed()) do
      false
    else
      # A running VM may have the old file mapped: it keeps it under a rename, not under a write.
      fresh = installed() <> ".#{System.pid()}"
      File.mkdir_p!(Path.dirname(fresh))
      File.cp!(library, fresh)
      File.rename!(fresh, installed())
      true
    end
  end

  # Erlang looks for .so on macOS too.
  defp installed do
    extension = if match?({:win32, _}, :os.type()), do: "dll", else: "so"
    Path.join(Mix.Project.app_path(), "priv/native/#{@crate}.#{extension}")
  end
end
