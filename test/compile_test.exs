defmodule Mix.Tasks.Compile.NativeGossipTest do
  # It changes variables of the environment, and Mix's shell.
  use ExUnit.Case, async: false

  alias Mix.NativeGossip.{Cargo, Library}
  alias Mix.Tasks.Compile.NativeGossip

  # Where other work takes the cores, Rust takes its time.
  @moduletag timeout: 300_000
  @moduletag :tmp_dir

  @library "priv/native/native_gossip_nif.so"
  @variables ~w(PATH CARGO_TARGET_DIR MIX_BUILD_PATH) ++
               ~w(RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS CARGO_BUILD_TARGET)

  setup do
    before = Map.new(@variables, &{&1, System.get_env(&1)})
    Mix.shell(Mix.Shell.Process)

    on_exit(fn ->
      System.put_env(before)
      Mix.shell(Mix.Shell.IO)
    end)
  end

  describe "a cargo that cannot build" do
    setup do
      # No library was built with these.
      System.put_env("RUSTFLAGS", "--cfg another")
    end

    test "is missed, and what installs it is said", %{tmp_dir: folder} do
      System.put_env("PATH", folder)

      assert_raise Mix.Error,
                   ~r/needs cargo 1\.\d+ or later, but there is no cargo.*rustup/s,
                   &compile/0
    end

    test "is named with its version where it is old, and so is what replaces it",
         %{tmp_dir: folder} do
      put_cargo(folder, version: "cargo 1.60.0 (d1fd9fe2c 2022-03-01)")

      assert_raise Mix.Error,
                   ~r/needs cargo 1\.\d+ or later, but .* is version 1\.60\.0.*rustup/s,
                   &compile/0
    end

    test "is quoted where it does not answer", %{tmp_dir: folder} do
      put_cargo(folder, version: "error: no default toolchain")
      assert_raise Mix.Error, ~r/says "error: no default toolchain"/, &compile/0
    end

    test "has its reasons repeated, and its status", %{tmp_dir: folder} do
      put_cargo(folder, says: "error: no such thing", status: 101)

      assert_raise Mix.Error,
                   ~r/could not build native_gossip_nif \(exit status 101\)/,
                   &compile/0

      assert_received {:mix_shell, :info, ["error: no such thing"]}
    end

    test "misses a linker, which is named with what installs it", %{tmp_dir: folder} do
      put_cargo(folder, says: "error: linker `cc` not found", status: 101)
      assert_raise Mix.Error, ~r/there is no cc in PATH.*apt install gcc.*apk add/s, &compile/0
    end

    test "has a folder that cannot be written", %{tmp_dir: folder} do
      put_cargo(folder, status: 1)
      System.put_env("CARGO_TARGET_DIR", "/proc/target")

      assert_raise Mix.Error,
                   ~r"built in /proc/target, which cannot.*CARGO_TARGET_DIR"s,
                   &compile/0
    end
  end

  test "it builds when a source changed, and is silent and idle when none did" do
    compile()
    flush()
    assert compile() == {:noop, []}
    # Another cargo on this machine may have been at work.
    assert for({_, _, [line]} <- flush(), not (line =~ "waiting for file lock"), do: line) == []

    File.touch!("native/nif/src/lib.rs")
    assert compile() == {:ok, []}
    assert compile() == {:noop, []}
  end

  test "a library that was removed is put back" do
    compile()
    Library.remove()
    assert compile() == {:ok, []}
    assert File.regular?(Application.app_dir(:native_gossip, @library))
  end

  describe "a library that was built before" do
    test "is kept without cargo, and one of other flags is not", %{tmp_dir: folder} do
      compile()
      flush()
      System.put_env("PATH", folder)
      assert compile() == {:noop, []}
      assert_received {:mix_shell, :info, [said]}

      assert said =~
               ~r/keeps its library, which cargo 1\.\d+\.\d+ built from these sources: .*no cargo/s

      System.put_env("CARGO_BUILD_TARGET", "another")
      assert_raise Mix.Error, ~r/there is no cargo/, &compile/0
    end

    test "is not kept where a source is another one, or it is gone", %{tmp_dir: folder} do
      compile()
      assert {:ok, _} = Library.built_by()
      added = Path.expand("native/nif/src/added_by_a_test.rs")
      on_exit(fn -> File.rm!(added) end)
      File.write!(added, "")
      assert Library.built_by() == :error
      System.put_env("PATH", folder)
      assert_raise Mix.Error, ~r/there is no cargo/, &compile/0
    end

    test "is kept where nothing can be written, or the linker has gone", %{tmp_dir: folder} do
      compile()
      flush()
      put_cargo(folder, says: "error: linker `cc` not found", status: 101)
      assert compile() == {:noop, []}
      assert_received {:mix_shell, :info, ["native_gossip keeps its library" <> _]}

      System.put_env("CARGO_TARGET_DIR", "/proc/target")
      assert compile() == {:noop, []}
      assert_received {:mix_shell, :info, ["native_gossip keeps its library" <> _]}
    end
  end

  describe "cargo is called" do
    test "to build in a folder for each set of flags, or in that of the user", %{tmp_dir: folder} do
      root = Path.dirname(Mix.Project.build_path())
      assert called(folder) =~ "--target-dir #{root}/native_gossip_cargo/plain "

      System.put_env("CARGO_BUILD_TARGET", "one")
      one = Cargo.target_folder()
      System.put_env("CARGO_BUILD_TARGET", "two")
      two = Cargo.target_folder()
      assert Path.dirname(one) == Path.dirname(two) and one != two

      System.put_env("CARGO_TARGET_DIR", Path.join(folder, "of the user"))
      assert called(folder) =~ "--target-dir #{folder}/of the user "
    end

    test "with what makes a library on musl, added to the flags that there are", %{
      tmp_dir: folder
    } do
      musl =
        ~S(--config target.'cfg(target_env = "musl"\)'.rustflags = ["-C", "target-feature=-crt-static"])

      musl = String.replace(musl, "\\)", ")")
      assert called(folder) =~ musl

      System.put_env("RUSTFLAGS", "--cfg mine")
      refute called(folder) =~ musl
      assert called(folder) =~ "RUSTFLAGS=--cfg mine -C target-feature=-crt-static"

      System.put_env("CARGO_ENCODED_RUSTFLAGS", "--cfg\x1fmine")
      encoded = "CARGO_ENCODED_RUSTFLAGS=--cfg\x1fmine\x1f-C\x1ftarget-feature=-crt-static"
      assert called(folder) =~ encoded
    end
  end

  test "a folder of builds that is named holds cargo's too", %{tmp_dir: folder} do
    System.put_env("MIX_BUILD_PATH", folder)
    assert Cargo.own_folder() == Path.join(folder, "native_gossip_cargo")
  end

  defp compile, do: NativeGossip.run([])

  # The arguments and the variables that cargo gets.
  defp called(folder) do
    put_cargo(folder, status: 1)
    cargo = %{program: Path.join(folder, "cargo"), version: "1.95.0"}
    assert {:error, _} = Cargo.build(cargo, Cargo.target_folder())
    File.read!(Path.join(folder, "called"))
  end

  defp put_cargo(folder, answers) do
    answers = Keyword.validate!(answers, version: "cargo 1.95.0", says: "", status: 0)
    cargo = Path.join(folder, "cargo")

    File.write!(cargo, """
    #!/bin/sh
    if [ "$1" = --version ]; then echo '#{answers[:version]}'; exit; fi
    { echo "$@"; /usr/bin/env; } >'#{folder}/called'
    cat <<'SAYS'
    #{answers[:says]}
    SAYS
    exit #{answers[:status]}
    """)

    File.chmod!(cargo, 0o755)
    System.put_env("PATH", "#{folder}:/bin")
  end

  defp flush do
    receive do
      message -> [message | flush()]
    after
      0 -> []
    end
  end
end
