defmodule Mix.Tasks.Compile.NativeGossip do
  @moduledoc """
  Builds the Rust half with cargo, and puts the library where `NativeGossip.Native` loads it: `priv/native` of the
  application in `_build`.

  Cargo knows best what is out of date, so it is called each time; nothing is printed when there was nothing to
  do. Where it cannot be called, or not build, a library that was built before from the same sources with the same
  flags is kept, and a sentence says so. It writes `native_gossip.appup` as well, for upgrades of a release.

  Variables of the environment:

    * `CARGO_TARGET_DIR`: the folder to build in, in place of `_build/native_gossip_cargo`
    * `RUSTFLAGS`, `CARGO_BUILD_TARGET` and whatever else cargo reads
    * `NATIVE_GOSSIP_CARGO_COMMAND`: what cargo does instead of `build`, as `zigbuild`
    * `NATIVE_GOSSIP_FEATURES`: features of the crate, which its tests use

  In this checkout `mix clean` removes the library and `_build/native_gossip_cargo`, and leaves a folder of
  `CARGO_TARGET_DIR` alone.
  """
  use Mix.Task.Compiler

  alias Mix.NativeGossip.{Appup, Cargo, Library}

  @impl true
  def run(_args) do
    # A file that is saved while cargo builds is not built.
    fingerprint = Library.fingerprint()
    :ok = Appup.install()

    case build() do
      {:ok, cargo, %{library: library, fresh?: fresh?}} ->
        installed? = Library.install(library, cargo, fingerprint)
        {if(fresh? and not installed?, do: :noop, else: :ok), []}

      {:error, why} ->
        keep(why, Library.built_by())
        {:noop, []}
    end
  end

  @impl true
  def clean do
    Library.remove()
    File.rm_rf!(Cargo.own_folder())
  end

  defp build do
    folder = Cargo.target_folder()

    with {:ok, cargo} <- Cargo.find(),
         :ok <- ensure_writable(folder),
         {:ok, artifact} <- Cargo.build(cargo, folder),
         do: {:ok, cargo, artifact}
  end

  defp ensure_writable(folder) do
    with :ok <- File.mkdir_p(folder),
         {:ok, %{access: access}} when access in [:write, :read_write] <- File.stat(folder) do
      :ok
    else
      {:ok, _} -> {:error, cannot_write(folder, :eacces)}
      {:error, reason} -> {:error, cannot_write(folder, reason)}
    end
  end

  defp cannot_write(folder, reason) do
    """
    native_gossip is built in #{folder}, which cannot be written: #{:file.format_error(reason)}.
    Set CARGO_TARGET_DIR to a folder that can be written.\
    """
  end

  defp keep(why, {:ok, version}) do
    Mix.shell().info(
      "native_gossip keeps its library, which cargo #{version} built from these sources: " <> why
    )
  end

  defp keep(why, :error), do: Mix.raise(why)
end
