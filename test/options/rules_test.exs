defmodule NativeGossip.Options.RulesTest do
  @moduledoc "The rules between options."
  use ExUnit.Case, async: true

  alias NativeGossip.Options
  alias NativeGossip.Options.Rules

  test "an address of another family than the group's is refused by its option" do
    for {option, {v4, v6}} <- [
          if_addr: {"10.0.0.5", "fd00::5"},
          if_addr: {{0, 0, 0, 0}, "::"},
          if_addr: {"::ffff:10.0.0.5", {0xFD00, 0, 0, 0, 0, 0, 0, 5}},
          multicast_if: {"10.0.0.5", "fd00::5"},
          multicast_if: {["eth0", "10.0.0.5"], ["fd00::5", "eth0"]},
          seeds: {"10.0.0.5", "fd00::5"},
          seeds: {["app", {"10.0.0.5", 4000}], ["app", "[fd00::5]:4000"]}
        ],
        {group, right, wrong, family} <- [
          {"233.252.1.32", v4, v6, "IPv4"},
          {"ff02::4747", v6, v4, "IPv6"}
        ] do
      assert %{} = Options.validate!([{option, right}, multicast_addr: group], :lan)

      message =
        assert_raise(ArgumentError, fn ->
          Options.validate!([{option, wrong}, multicast_addr: group], :lan)
        end).message

      assert message =~ "option #{inspect(option)} of"
      assert message =~ "expected an #{family} address, as multicast_addr (#{group}) is one"
      assert message =~ inspect(wrong)
    end
  end

  test "broadcast_only with an IPv6 address is refused: IPv6 has no broadcast" do
    assert_raise ArgumentError, ~r/option :multicast_addr .+ no broadcast, got: "ff02::1"/, fn ->
      Options.validate!([broadcast_only: true, multicast_addr: "ff02::1"], :lan)
    end
  end

  test "with broadcast_only any address may be the target" do
    options = Options.validate!([broadcast_only: true, multicast_addr: "10.0.0.255"], :lan)
    assert %{multicast_addr: {10, 0, 0, 255}} = options
    assert Rules.warnings(options, []) == []
  end

  test "a unicast bind, which hears no multicast except on Windows, is warned of" do
    options = Options.validate!([if_addr: "127.0.0.1"], :lan)
    expected = {:option_warning, %{warning: :bound_to_one_address, address: {127, 0, 0, 1}}}
    assert Rules.warnings(options, [], {:unix, :linux}) == [expected]
    assert Rules.warnings(options, [], {:unix, :darwin}) == [expected]
    assert Rules.warnings(options, [], {:win32, :nt}) == []
    assert Rules.warnings(Options.validate!([], :lan), [], {:unix, :linux}) == []
  end

  test "a link-local address, which leads nowhere without a zone, is refused by its option" do
    for {name, value} <- [if_addr: "fe80::1", seeds: ["fd00::1", "[febf::1]:4000"]] do
      config = [{name, value}, multicast_addr: "ff02::4747"]
      error = assert_raise ArgumentError, fn -> Options.validate!(config, :lan) end
      assert error.message =~ "option #{inspect(name)}"
      assert error.message =~ "not link-local"
    end

    assert Options.validate!([multicast_addr: "ff02::1", multicast_if: "fe80::1"], :lan)
  end

  test "a unicast bind is warned of with an IPv6 group as well" do
    options = Options.validate!([multicast_addr: "ff02::4747", if_addr: "fd00::5"], :lan)
    assert [{:option_warning, warning}] = Rules.warnings(options, [], {:unix, :linux})
    assert warning == %{warning: :bound_to_one_address, address: {0xFD00, 0, 0, 0, 0, 0, 0, 5}}

    for if_addr <- ["::", "ff02::4747"] do
      options = Options.validate!([multicast_addr: "ff02::4747", if_addr: if_addr], :lan)
      assert Rules.warnings(options, [], {:unix, :linux}) == []
    end
  end

  test "interfaces that no broadcast follows are warned of, unless the stock strategy takes them" do
    config = [broadcast_only: true, multicast_addr: "10.0.0.255"]

    for interfaces <- [:all, "eth0", ["10.0.0.5", "10.0.0.6"]] do
      options = Options.validate!([multicast_if: interfaces] ++ config, :lan)
      assert Rules.warnings(options, []) == [{:option_warning, %{warning: :unused_interfaces}}]
    end

    options = Options.validate!([multicast_if: "10.0.0.5"] ++ config, :lan)
    assert Rules.warnings(options, []) == []
  end

  test "a broadcast to a group that nobody joins is warned of" do
    options = Options.validate!([broadcast_only: true], :lan)
    expected = {:option_warning, %{warning: :broadcast_to_group, group: {233, 252, 1, 32}}}
    assert Rules.warnings(options, []) == [expected]
  end

  test "a secret that is nil is taken and warned of, one that is left out is not" do
    assert warnings(secret: nil) == [{:option_warning, %{warning: :secret_nil}}]
    assert warnings([]) == []
    assert warnings(secret: "a secret that is long") == []
  end

  test "to demand signatures, or to leave seals out, is refused where there is no secret" do
    for {option, wrong, right} <- [
          {:authentication, :required, :compatible},
          {:seal, false, true}
        ] do
      for config <- [[{option, wrong}], [{option, wrong}, secret: nil]] do
        message = assert_raise(ArgumentError, fn -> Options.validate!(config, :lan) end).message
        assert message =~ "topology :lan, option #{inspect(option)} of NativeGossip.Strategy: "
        assert message =~ "expected #{inspect(right)} without option secret"
        assert message =~ ~r/set the secret .+, or leave #{option} out, got: #{inspect(wrong)}$/
      end

      assert %{} = Options.validate!([{option, wrong}, secret: "s3cret"], :lan)
      assert %{} = Options.validate!([{option, right}], :lan)
    end
  end

  test "a secret that is short is warned of, and one of the documentation before that" do
    short = [{:option_warning, %{warning: :secret_short}}]
    documented = [{:option_warning, %{warning: :secret_documented}}]
    long = String.duplicate("x", 16)

    for {secret, expected} <- [
          {String.duplicate("x", 15), short},
          {[long, "short"], short},
          {<<0::120>>, short},
          {long, []},
          {<<0::128>>, []},
          {"somepassword", documented},
          {[long, "choose-one"], documented},
          {["short", "somepassword"], documented}
        ] do
      assert warnings(secret: secret) == expected
    end

    padded = {:option_warning, %{warning: :secret_padded}}
    assert warnings(secret: "somepassword\n") == [padded | documented]
  end

  test "no warning shows a secret" do
    for secret <- ["hunter2", "hunter2\n", "somepassword"],
        {name, fields} <- warnings(secret: secret) do
      refute NativeGossip.Events.sentence(name, fields) =~ String.trim(secret)
      refute inspect(fields) =~ String.trim(secret)
    end
  end

  test "a secret with white space at its ends is taken as it is, and warned of" do
    long = "a secret that is long"

    for secret <- [long <> "\n", long <> "\r\n", " " <> long, "\t" <> long, [long, long <> " "]] do
      assert Options.validate!([secret: secret], :lan).secret == List.wrap(secret)
      assert warnings(secret: secret) == [{:option_warning, %{warning: :secret_padded}}]
    end

    # Not text: bytes at its ends that look like white space are none.
    assert warnings(secret: <<0x20, 0xFF, 0x80, 0::128, 0x0A>>) == []
    assert warnings(secret: "a phrase of words") == []
  end

  defp warnings(config), do: Rules.warnings(Options.validate!(config, :lan), config)
end
