defmodule NativeGossip.OptionsTest do
  use ExUnit.Case, async: true

  alias NativeGossip.Options

  @given_and_wrong [
    port: [0, 65_536, -1, "45892", 45_892.0, nil],
    if_addr: ["localhost", <<255>>, "1.2.3.256", {1, 2, 3}, {1, 2, 3, 256}, {1, 2, 3, "4"}, nil],
    multicast_if: ["eth0:", "", {0, 0, 0}, :eth0],
    multicast_addr: ["ff02::1", "10.0.0.255", {10, 0, 0, 255}, nil, ~c"233.252.1.32"],
    multicast_ttl: [-1, 256, "1", nil],
    broadcast_only: [nil, "true", 1],
    secret: [:secret, ~c"secret", [], ["a", :b], ["a" | "b"], 1, {"a"}],
    heartbeat_interval: [0, -1, 3_600_001, 5.0, nil],
    max_peers: [0, 100_001, nil],
    receive_limit: [0, 1_000_001, :infinity]
  ]

  for {option, values} <- @given_and_wrong, value <- values do
    test "#{option}: #{inspect(value)} is refused by name, with what is expected" do
      option = unquote(option)
      value = unquote(Macro.escape(value))

      message =
        assert_raise(ArgumentError, fn -> Options.validate!([{option, value}], :lan) end).message

      assert message =~ "topology :lan, option #{inspect(option)} of NativeGossip.Strategy"
      assert message =~ ~r/expected .+, got: .+/
      assert option == :secret or message =~ inspect(value)
    end
  end

  test "an unknown option is refused, with those that there are" do
    message =
      assert_raise(ArgumentError, fn -> Options.validate!([multicast_adr: 1], :lan) end).message

    assert message =~ "got: :multicast_adr"
    assert message =~ ":multicast_addr"
  end

  test "a config that is no keyword list is refused" do
    for config <- [%{secret: "hunter2"}, [{"secret", "hunter2"}], nil] do
      message = assert_raise(ArgumentError, fn -> Options.validate!(config, :lan) end).message
      assert message =~ "expected a keyword list"
      refute message =~ "hunter2"
    end
  end

  test "a secret never stands in the message" do
    message =
      assert_raise(ArgumentError, fn -> Options.validate!([secret: ~c"hunter2"], :lan) end).message

    refute message =~ "hunter2"
  end

  test "without options the defaults are those of the stock strategy" do
    assert Options.validate!([], :lan) == %{
             port: 45_892,
             if_addr: {0, 0, 0, 0},
             multicast_if: nil,
             multicast_addr: {233, 252, 1, 32},
             multicast_ttl: 1,
             broadcast_only: false,
             secret: [],
             heartbeat_interval: 5_000,
             max_peers: 4_096,
             receive_limit: 20_000
           }
  end

  test "an address may be a tuple or a string, and a secret one or several" do
    for address <- ["10.1.2.3", "10.1.515", {10, 1, 2, 3}] do
      options = Options.validate!([if_addr: address, multicast_if: address], :lan)
      assert %{if_addr: {10, 1, 2, 3}, multicast_if: {10, 1, 2, 3}} = options
    end

    assert %{secret: [""]} = Options.validate!([secret: ""], :lan)
    assert %{secret: ["a", "b"]} = Options.validate!([secret: ["a", "b"]], :lan)
  end

  test "with broadcast_only any address may be the target" do
    options = Options.validate!([broadcast_only: true, multicast_addr: "10.0.0.255"], :lan)
    assert %{multicast_addr: {10, 0, 0, 255}} = options
    assert Options.warnings(options) == []
  end

  test "a unicast bind that hears no multicast on Linux is warned of" do
    options = Options.validate!([if_addr: "127.0.0.1"], :lan)
    assert [warning] = Options.warnings(options, {:unix, :linux})
    assert warning =~ "127.0.0.1 (option if_addr)"
    assert Options.warnings(options, {:win32, :nt}) == []
    assert Options.warnings(Options.validate!([], :lan), {:unix, :linux}) == []
  end

  test "a broadcast to a group that nobody joins is warned of" do
    options = Options.validate!([broadcast_only: true], :lan)
    assert [warning] = Options.warnings(options)
    assert warning =~ "233.252.1.32"
  end

  test "the README has the table of options as it is rendered" do
    assert File.read!("README.md") =~ Options.table()
  end
end
