defmodule NativeGossip.Options.ValuesTest do
  use ExUnit.Case, async: true

  alias NativeGossip.Options

  @group_v6 {0xFF02, 0, 0, 0, 0, 0, 0, 0x4747}

  test "without options the defaults are those of the stock strategy" do
    assert Options.validate!([], :lan) == %Options{
             port: 45_892,
             if_addr: {0, 0, 0, 0},
             multicast_if: nil,
             multicast_addr: {233, 252, 1, 32},
             multicast_ttl: 1,
             broadcast_only: false,
             secret: [],
             seal: true,
             authentication: :compatible,
             cluster: nil,
             allow: [],
             seeds: [],
             heartbeat_interval: 5_000,
             max_peers: 4_096,
             receive_limit: 200_000,
             probe: true
           }
  end

  test "an address may be a tuple or a string, and a secret one or several" do
    for address <- ["10.1.2.3", "10.1.515", {10, 1, 2, 3}, "::ffff:10.1.2.3"] do
      options = Options.validate!([if_addr: address, multicast_if: address], :lan)
      assert %{if_addr: {10, 1, 2, 3}, multicast_if: [{10, 1, 2, 3}]} = options
    end

    assert %{if_addr: {127, 0, 0, 1}} = Options.validate!([if_addr: "127.1"], :lan)
    assert %{secret: ["a", "b"]} = Options.validate!([secret: ["a", "b"]], :lan)
  end

  test "with an IPv6 group everything is IPv6, and bound to :: where if_addr is not given" do
    for group <- ["ff02::4747", @group_v6] do
      options = Options.validate!([multicast_addr: group], :lan)
      assert %{multicast_addr: @group_v6, if_addr: {0, 0, 0, 0, 0, 0, 0, 0}} = options
    end

    for address <- ["fd00::5", {0xFD00, 0, 0, 0, 0, 0, 0, 5}] do
      config = [multicast_addr: @group_v6, if_addr: address, multicast_if: address]
      options = Options.validate!(config, :lan)
      assert options.if_addr == {0xFD00, 0, 0, 0, 0, 0, 0, 5}
      assert options.multicast_if == [options.if_addr]
    end
  end

  test "multicast_if may be an interface's name, several of either, or all" do
    for {given, value} <- [
          {"eth0", ["eth0"]},
          {"Ethernet 2", ["Ethernet 2"]},
          {"eth0.100", ["eth0.100"]},
          {"eth0:1", ["eth0:1"]},
          {"br-1f.2", ["br-1f.2"]},
          {"beef", ["beef"]},
          {"Übertragung", ["Übertragung"]},
          {String.duplicate("e", 255), [String.duplicate("e", 255)]},
          {["eth0", "127.1", {10, 0, 0, 5}, "eth0"], ["eth0", {127, 0, 0, 1}, {10, 0, 0, 5}]},
          {:all, :all},
          {nil, nil}
        ] do
      assert Options.validate!([multicast_if: given], :lan).multicast_if == value
    end
  end

  test "a seed is a host, with the option port where it has none" do
    for {given, value} <- [
          {"10.0.0.5", {{10, 0, 0, 5}, 4369}},
          {"10.0.0.255", {{10, 0, 0, 255}, 4369}},
          {{10, 0, 0, 5}, {{10, 0, 0, 5}, 4369}},
          {"10.0.0.5:4000", {{10, 0, 0, 5}, 4000}},
          {{"10.0.0.5", 4000}, {{10, 0, 0, 5}, 4000}},
          {{{10, 0, 0, 5}, 4000}, {{10, 0, 0, 5}, 4000}},
          {"app.internal", {"app.internal", 4369}},
          {"app_1-a.internal.:65535", {"app_1-a.internal.", 65_535}},
          {{"app.internal", 1}, {"app.internal", 1}}
        ] do
      assert Options.validate!([seeds: given, port: 4369], :lan).seeds == [value]
    end

    config = [seeds: ["app", "db", {"app", 45_892}]]
    assert Options.validate!(config, :lan).seeds == [{"app", 45_892}, {"db", 45_892}]
  end

  test "a seed of an IPv6 group is written with brackets where it has a port" do
    address = {0xFD00, 0, 0, 0, 0, 0, 0, 5}

    for {given, value} <- [
          {"fd00::5", {address, 45_892}},
          {"[fd00::5]", {address, 45_892}},
          {"[fd00::5]:4000", {address, 4000}},
          {{"fd00::5", 4000}, {address, 4000}},
          {{address, 4000}, {address, 4000}},
          {address, {address, 45_892}},
          {"app:4000", {"app", 4000}}
        ] do
      config = [multicast_addr: @group_v6, seeds: [given]]
      assert Options.validate!(config, :lan).seeds == [value]
    end
  end
end
