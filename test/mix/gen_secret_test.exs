defmodule NativeGossip.GenSecretTest do
  use ExUnit.Case, async: true

  alias Mix.Tasks.NativeGossip.Gen.Secret
  alias NativeGossip.Options

  # What the task says goes to the process that runs it, as messages.
  defp run(arguments \\ []) do
    Mix.shell(Mix.Shell.Process)
    Secret.run(arguments)
    assert_received {:mix_shell, :info, [secret]}
    assert_received {:mix_shell, :info, [usage]}
    refute_received {:mix_shell, _, _}
    {secret, usage}
  after
    Mix.shell(Mix.Shell.IO)
  end

  test "the first line is a secret of 32 random bytes, and none comes twice" do
    secrets = for _ <- 1..20, do: elem(run(), 0)
    for secret <- secrets, do: assert(byte_size(Base.decode64!(secret)) == 32)
    assert Enum.uniq(secrets) == secrets
  end

  test "it is one that a strategy takes without a warning" do
    {secret, _usage} = run()
    config = [secret: secret]
    assert Options.Rules.warnings(Options.validate!(config, :lan), config) == []
  end

  test "it says how to use the secret, with lines that are code, and does not show it again" do
    {secret, usage} = run()
    assert usage =~ ~s|secret = System.fetch_env!("GOSSIP_SECRET")|
    assert usage =~ "config/runtime.exs"
    refute usage =~ secret

    indented = for "    " <> line <- String.split(usage, "\n"), do: [line, ?\n]
    assert {:__block__, _, [_, _, _]} = Code.string_to_quoted!(IO.iodata_to_binary(indented))
  end

  test "an argument is refused, so that no file is taken for written" do
    assert_raise Mix.Error, ~r/takes no arguments/, fn -> Secret.run(["secret.txt"]) end
  end
end
