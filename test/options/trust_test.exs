defmodule NativeGossip.Options.TrustTest do
  @moduledoc "The options that say whom a node believes."
  use ExUnit.Case, async: true

  alias NativeGossip.Options

  test "more than 64 patterns are refused, and 64 are not" do
    patterns = for n <- 1..65, do: "app-#{n}@*"
    assert Options.validate!([allow: tl(patterns)], :lan).allow == tl(patterns)

    assert_raise ArgumentError, ~r/option :allow .+ 1 to 64 patterns .+ got: 65 of them/, fn ->
      Options.validate!([allow: patterns], :lan)
    end
  end

  test "more than 8 secrets are refused and not shown, and 8 are not" do
    secrets = for n <- 1..9, do: "hunter2 #{n}"
    assert Options.validate!([secret: tl(secrets)], :lan).secret == tl(secrets)
    message = refusal(secret: secrets)
    assert message =~ "1 to 8 strings; no string is blank, got: 9 of them, not shown"
    refute message =~ "hunter2"
  end

  test "allow is one pattern or several, and each option of trust is taken as it is given" do
    for {given, value} <- [
          {"*", ["*"]},
          {"app-?@10.0.*", ["app-?@10.0.*"]},
          {["app-*", "db@höst", "app-*"], ["app-*", "db@höst"]},
          {nil, []}
        ] do
      assert Options.validate!([allow: given], :lan).allow == value
    end

    config = [secret: "s3cret", seal: false, authentication: :required, cluster: "blue"]
    assert %{seal: false, authentication: :required} = options = Options.validate!(config, :lan)
    assert options.cluster == "blue"
  end

  test "what heartbeats are is told by secret and seal" do
    for {config, heartbeats} <- [
          {[], :plain},
          {[cluster: "blue", authentication: :compatible, seal: true], :plain},
          {[secret: "s3cret"], :sealed},
          {[secret: "s3cret", seal: false], :signed}
        ] do
      assert config |> Options.validate!(:lan) |> Options.heartbeat_form() == heartbeats
    end
  end

  defp refusal(config) do
    assert_raise(ArgumentError, fn -> Options.validate!(config, :lan) end).message
  end
end
