defmodule Mix.Tasks.Compile.NativeGossipTest do
  # It changes PATH, and Mix's shell.
  use ExUnit.Case, async: false

  alias Mix.Tasks.Compile.NativeGossip

  # Where other work takes the cores, Rust takes its time.
  @moduletag timeout: 300_000

  setup do
    path = System.get_env("PATH")
    Mix.shell(Mix.Shell.Process)

    on_exit(fn ->
      System.put_env("PATH", path)
      Mix.shell(Mix.Shell.IO)
    end)
  end

  @tag :tmp_dir
  test "without cargo it says that cargo is missing and what installs it", %{tmp_dir: folder} do
    System.put_env("PATH", folder)

    assert_raise Mix.Error,
                 ~r/needs cargo 1\.\d+ or later, but there is no cargo.*rustup/s,
                 &compile/0
  end

  @tag :tmp_dir
  test "an old cargo is named with its version and what replaces it", %{tmp_dir: folder} do
    put_cargo(folder, "cargo 1.60.0 (d1fd9fe2c 2022-03-01)")

    assert_raise Mix.Error,
                 ~r/needs cargo 1\.\d+ or later, but .* is version 1\.60\.0.*rustup/s,
                 &compile/0
  end

  @tag :tmp_dir
  test "a cargo that does not answer is quoted", %{tmp_dir: folder} do
    put_cargo(folder, "error: no default toolchain")
    assert_raise Mix.Error, ~r/says "error: no default toolchain"/, &compile/0
  end

  test "it builds when a source changed, and is silent and idle when none did" do
    compile()
    flush()
    assert compile() == {:noop, []}
    refute_received {:mix_shell, _, _}

    File.touch!("native/nif/src/lib.rs")
    assert compile() == {:ok, []}
    assert compile() == {:noop, []}
  end

  test "a library that was removed is put back" do
    compile()
    NativeGossip.clean()
    assert compile() == {:ok, []}
    assert File.regular?(Application.app_dir(:native_gossip, "priv/native/native_gossip_nif.so"))
  end

  defp compile, do: NativeGossip.run([])

  defp put_cargo(folder, answer) do
    cargo = Path.join(folder, "cargo")
    File.write!(cargo, "#!/bin/sh\necho '#{answer}'\n")
    File.chmod!(cargo, 0o755)
    System.put_env("PATH", folder)
  end

  defp flush do
    receive do
      _ -> flush()
    after
      0 -> :ok
    end
  end
end
