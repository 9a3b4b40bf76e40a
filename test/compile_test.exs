defmodule Mix.Tasks.Compile.NativeGossipTest do
  # It changes variables of the environment, and Mix's shell.
  use ExUnit.Case, async: false

  alias Mix.NativeGossip.{Cargo, Library}
  alias Mix.Tasks.Compile.NativeGossip

  # Where other work takes the cores, Rust takes its time.
  @moduletag timeout: 300_000
  @moduletag :tmp_dir

  @library "priv/native/native_gossip_nif.so"
  @flags ~w(RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_RUSTFLAGS CARGO_BUILD_TARGET) ++
           ~w(NATIVE_GOSSIP_CARGO_COMMAND NATIVE_GOSSIP_FEATURES)
  @variables ~w(PATH CARGO_TARGET_DIR MIX_BUILD_PATH) ++ @flags

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

    test "is missing: the error says what installs it", %{tmp_dir: folder} do
      System.put_env("PATH", folder)

      assert_raise Mix.Error,
                   ~r/needs cargo 1\.\d+ or later, but there is no cargo.*rustup/s,
                   &compile/0
    end

    test "is too old: the error has its version, and what replaces it",
         %{tmp_dir: folder} do
      put_cargo(folder, version: "cargo 1.60.0 (d1fd9fe2c 2022-03-01)")

      assert_raise Mix.Error,
                   ~r/needs cargo 1\.\d+ or later, but .* is version 1\.60\.0.*rustup/s,
                   &compile/0
    end

    test "does not say its version: the error has its answer", %{tmp_dir: folder} do
      put_cargo(folder, version: "error: no default toolchain")
      assert_raise Mix.Error, ~r/says "error: no default toolchain"/, &compile/0
    end

    test "fails: its output is shown, and the error has its status", %{tmp_dir: folder} do
      put_cargo(folder, says: "error: no such thing", status: 101)

      assert_raise Mix.Error,
                   ~r/could not build native_gossip_nif \(exit status 101\)/,
                   &compile/0

      assert_received {:mix_shell, :info, ["error: no such thing"]}
    end

    test "finds no linker: the error says which, and what installs it", %{tmp_dir: folder} do
      put_cargo(folder, says: "error: linker `cc` not found", status: 101)
      assert_raise Mix.Error, ~r/there is no cc in PATH.*apt install gcc.*apk add/s, &compile/0

      put_cargo(folder, says: "error: linker `link.exe` not found", status: 101)
      assert_raise Mix.Error, ~r/no link\.exe in PATH.*Visual Studio/s, &compile/0

      put_cargo(folder, says: "error: linker `aarch64-linux-gnu-gcc` not found", status: 101)
      assert_raise Mix.Error, ~r/Install aarch64-linux-gnu-gcc, or set CARGO_TARGET_/, &compile/0
    end

    test "may not write its folder: the error says which variable names another", %{
      tmp_dir: folder
    } do
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

    test "is not kept where it is gone, or a source is another one", %{tmp_dir: folder} do
      compile()
      Library.remove()
      assert Library.built_by() == :error
      compile()
      assert {:ok, _} = Library.built_by()
      File.write!(source_to_add(), "")
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

  test "what is saved while cargo builds does not count as built", %{tmp_dir: folder} do
    compile()
    added = source_to_add()
    {:ok, library} = File.read(Application.app_dir(:native_gossip, @library))
    File.write!(Path.join(folder, "library"), library)

    artifact =
      ~s({"reason":"compiler-artifact","name":"native_gossip_nif","filenames":["#{folder}/library"]})

    put_cargo(folder, says: artifact, does: "touch '#{added}'")
    compile()
    assert Library.built_by() == :error
    File.rm!(added)
    assert {:ok, _} = Library.built_by()
  end

  describe "cargo is called" do
    setup do
      Enum.each(["CARGO_TARGET_DIR" | @flags], &System.delete_env/1)
    end

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
      System.put_env("CARGO_TARGET_DIR", "of the user")
      assert Cargo.target_folder() == Path.expand("of the user")
    end

    test "with what makes a library on musl, before the flags that there are", %{tmp_dir: folder} do
      musl =
        ~s|--config target.'cfg(target_env = "musl")'.rustflags = ["-C", "target-feature=-crt-static"]|

      assert called(folder) =~ musl
      dynamic = "-C target-feature=-crt-static"

      for variable <- ~w(CARGO_BUILD_RUSTFLAGS RUSTFLAGS), flags <- ["--cfg mine", ""] do
        System.put_env(variable, flags)
        refute called(folder) =~ musl
        assert called(folder) =~ String.trim("#{variable}=#{dynamic} #{flags}") <> "\n"
      end

      System.put_env("CARGO_ENCODED_RUSTFLAGS", "--cfg\x1fmine")
      encoded = "CARGO_ENCODED_RUSTFLAGS=-C\x1ftarget-feature=-crt-static\x1f--cfg\x1fmine\n"
      assert called(folder) =~ encoded
    end

    test "with another command, a target, and features", %{tmp_dir: folder} do
      assert called(folder) =~ ~r/^build --release --locked /
      System.put_env("NATIVE_GOSSIP_CARGO_COMMAND", "zigbuild")
      System.put_env("CARGO_BUILD_TARGET", "aarch64-unknown-linux-gnu.2.17")
      System.put_env("NATIVE_GOSSIP_FEATURES", "portable")
      assert called(folder) =~ ~r/^zigbuild --release --locked /
      assert called(folder) =~ "--target aarch64-unknown-linux-gnu.2.17 --features portable "
    end
  end

  test "mix clean removes the library and what was built in no folder of the user's",
       %{tmp_dir: folder} do
    # Elsewhere, so that nothing has to be built again.
    System.put_env("MIX_BUILD_PATH", folder)
    library = Path.join([folder, "lib/native_gossip", @library])
    for place <- [Cargo.own_folder(), Path.dirname(library)], do: File.mkdir_p!(place)
    File.write!(library, "")
    NativeGossip.clean()
    refute File.exists?(Cargo.own_folder()) or File.exists?(library)
  end

  test "a folder of builds that is named holds cargo's too", %{tmp_dir: folder} do
    System.put_env("MIX_BUILD_PATH", folder)
    assert Cargo.own_folder() == Path.join(folder, "native_gossip_cargo")
  end

  defp compile, do: NativeGossip.run([])

  # A file among the sources, which is removed when the test ends.
  defp source_to_add do
    source = Path.expand("native/nif/src/added_by_a_test.rs")
    on_exit(fn -> File.rm(source) end)
    source
  end

  # The arguments and the variables that cargo gets.
  defp called(folder) do
    put_cargo(folder, status: 1)
    cargo = %{program: Path.join(folder, "cargo"), version: "1.95.0"}
    assert {:error, _} = Cargo.build(cargo, Cargo.target_folder())
    File.read!(Path.join(folder, "called"))
  end

  defp put_cargo(folder, answers) do
    defaults = [version: "cargo 1.95.0", does: "true", says: "", status: 0]
    answers = Keyword.validate!(answers, defaults)
    cargo = Path.join(folder, "cargo")

    File.write!(cargo, """
    #!/bin/sh
    if [ "$1" = --version ]; then echo '#{answers[:version]}'; exit; fi
    { echo "$@"; /usr/bin/env; } >'#{folder}/called'
    #{answers[:does]}
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
