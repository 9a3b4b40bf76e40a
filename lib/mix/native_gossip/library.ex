defmodule Mix.NativeGossip.Library do
  @moduledoc """
  The library in `priv/native` of the application in `_build`, where `NativeGossip.Native` loads it and from which
  releases are made. `built_from` beside it records what it was built from.
  """
  alias Mix.NativeGossip.Cargo

  @sources [
    "Cargo.toml",
    "Cargo.lock",
    "native/{core,net,nif}/Cargo.toml",
    "native/{core,net,nif}/src/**/*.rs"
  ]

  @doc """
  Installs a library that `cargo` built from what had this `fingerprint/0` before. Says whether another one was
  there.
  """
  @spec install(Path.t(), Cargo.t(), String.t()) :: boolean
  def install(built, cargo, fingerprint) do
    library = File.read!(built)
    installed? = File.read(path()) != {:ok, library}
    # A running VM may have the old file mapped: it keeps it under a rename, not under a write.
    if installed?, do: replace(path(), library)
    record = "#{fingerprint}\n#{cargo.version}\n"
    if File.read(record_path()) != {:ok, record}, do: replace(record_path(), record)
    installed?
  end

  defp replace(path, content) do
    fresh = "#{path}.#{System.pid()}"
    File.mkdir_p!(Path.dirname(path))
    File.write!(fresh, content)
    File.rename!(fresh, path)
  end

  @doc "The version of the cargo that built the one that is there, if it did so from these sources with these flags."
  @spec built_by() :: {:ok, String.t()} | :error
  def built_by do
    with true <- File.regular?(path()),
         {:ok, record} <- File.read(record_path()),
         [fingerprint, version] <- String.split(record),
         true <- fingerprint == fingerprint() do
      {:ok, version}
    else
      _ -> :error
    end
  end

  @doc "Removes it."
  @spec remove() :: :ok
  def remove do
    _ = File.rm_rf!(Path.dirname(path()))
    :ok
  end

  @doc """
  The fingerprint of the sources, of `Cargo.flags/0`, and of this system: a folder may be seen from several.
  """
  @spec fingerprint() :: String.t()
  def fingerprint do
    system = :erlang.system_info(:system_architecture)
    sources = for path <- Enum.flat_map(@sources, &Path.wildcard/1), do: {path, File.read!(path)}
    what = :erlang.term_to_binary({system, Cargo.flags(), sources})
    Base.encode16(:crypto.hash(:sha256, what), case: :lower)
  end

  # Erlang looks for .so on macOS too.
  defp path do
    extension = if match?({:win32, _}, :os.type()), do: "dll", else: "so"
    Path.join(folder(), "#{Cargo.crate()}.#{extension}")
  end

  defp record_path, do: Path.join(folder(), "built_from")
  defp folder, do: Path.join(Mix.Project.app_path(), "priv/native")
end
