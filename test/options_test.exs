defmodule NativeGossip.OptionsTest do
  use ExUnit.Case, async: true

  alias NativeGossip.Options

  @given_and_wrong [
    port: [0, 65_536, -1, "45892", 45_892.0, nil],
    if_addr: [
      "localhost",
      <<255>>,
      "1.2.3.256",
      "fe80::1%eth0",
      {1, 2, 3},
      {1, 2, 3, 256},
      {1, 2, 3, "4"},
      {0xFD00, 0, 0, 0, 0, 0, 0, 0x10000},
      {0, 0, 0, 0, 0, 0xFFFF, -1, 0},
      ["127.0.0.1"],
      nil
    ],
    multicast_if: [
      "",
      {0, 0, 0},
      :eth0,
      [],
      [nil],
      [:all],
      ["eth0" | "eth1"],
      ["eth0", 1],
      ~c"eth0",
      {"eth0", 1},
      # Mistyped addresses.
      "10.0.0.300",
      "1.2.3.4.5",
      "10.0.0.x",
      "10.0.0.5 ",
      "10.0.0.5:4000",
      "10.0.0.0/24",
      "fe80::zz",
      "fe80::1%eth0",
      "[fe80::1]",
      "fe80:1",
      "02:42:ac:11:00:02",
      # What is no name of an interface.
      "eth0:",
      ":1",
      " eth0",
      "eth0\n",
      "eth\u0000",
      "eth/0",
      "\u0085eth0",
      <<"eth", 255>>,
      String.duplicate("e", 256)
    ],
    multicast_addr: [
      "fd00::1",
      "e0::1",
      "10.0.0.255",
      "ff02::1%eth0",
      {10, 0, 0, 255},
      {0xFEFF, 0, 0, 0, 0, 0, 0, 1},
      nil,
      ~c"233.252.1.32"
    ],
    multicast_ttl: [-1, 256, "1", nil],
    broadcast_only: ["true", 1, :no],
    secret: [
      :secret,
      ~c"secret",
      [],
      ["a", :b],
      ["a" | "b"],
      1,
      {"a"},
      "",
      " ",
      "\n",
      "\t \r\n",
      "\u00A0",
      ["a", ""],
      ["a", " "],
      ["a", nil],
      Enum.map(1..9, &"secret #{&1}")
    ],
    seal: [nil, "false", 0, :no],
    authentication: [nil, "required", true, :require, [:required]],
    cluster: [
      "",
      " ",
      "blue\n",
      " blue",
      :blue,
      ~c"blue",
      ["blue"],
      1,
      <<255>>,
      String.duplicate("b", 256)
    ],
    allow: [
      "",
      [],
      :all,
      [nil],
      ["*" | "*"],
      ~c"*@*",
      # What no name matches: it has one @ and no white space.
      "app",
      "app-1",
      "@",
      "app@",
      "@10.0.0.1",
      "a@b@c",
      "*@*@*",
      "app *@*",
      "app-*@10.0.*\n",
      <<"app@", 255>>,
      String.duplicate("*", 256)
    ],
    seeds: [
      nil,
      "",
      :app,
      [""],
      [nil],
      [["app"]],
      ["app" | "db"],
      ~c"app",
      %{"app" => 4000},
      # Mistyped addresses.
      "10.0.0.300",
      "10.0.0",
      "127.1",
      "10.0.0.300:4000",
      "fd00::zz",
      "fe80::1%eth0",
      "[fd00::5",
      "[fd00::5]]",
      "[10.0.0.5]:4000",
      "[app]:4000",
      "1:2:3:4:5:6:7:8:4000",
      {1, 2, 3},
      {1, 2, 3, 256},
      # What is no name of a host.
      "app internal",
      "app/internal",
      "äpp.internal",
      "app\n",
      <<"app", 255>>,
      "http://app",
      "a@app",
      String.duplicate("a", 254),
      # What is no port.
      "app:",
      "app:0",
      "app:65536",
      "app:+400",
      "app:http",
      ":4000",
      "[fd00::5]:",
      "[fd00::5]4000",
      {"app", 0},
      {"app", 65_536},
      {"app", "4000"},
      {"app", nil},
      {"app:4000", 4000},
      {:app, 4000},
      {{1, 2, 3}, 4000}
    ],
    heartbeat_interval: [0, -1, 3_600_001, 5.0, nil],
    max_peers: [0, 100_001, nil],
    receive_limit: [0, 1_000_001, :infinity],
    probe: [nil, "false", 0, :no]
  ]

  test "each option has wrong values here" do
    options = Options.validate!([], :lan) |> Map.from_struct() |> Map.keys()
    assert Enum.sort(Keyword.keys(@given_and_wrong)) == Enum.sort(options)
  end

  for {option, values} <- @given_and_wrong, value <- values do
    test "#{option}: #{String.slice(inspect(value), 0, 60)} is refused by name, with what is expected" do
      option = unquote(option)
      value = unquote(Macro.escape(value))

      message =
        assert_raise(ArgumentError, fn -> Options.validate!([{option, value}], :lan) end).message

      assert message =~ "topology :lan, option #{inspect(option)} of NativeGossip.Strategy"
      assert message =~ ~r/expected .+, got: .+/
      assert message =~ shown(option, value)
    end
  end

  # A secret is not told.
  defp shown(:secret, _value), do: ""
  defp shown(_option, value), do: inspect(value)

  test "of a list the one that is wrong is named" do
    for {option, culprit} <- [multicast_if: "10.0.0.300", seeds: "app:0"] do
      message =
        assert_raise(ArgumentError, fn ->
          Options.validate!([{option, ["eth0", culprit]}], :lan)
        end).message

      assert message =~ ~s(got: "#{culprit}", in ["eth0", "#{culprit}"])
    end
  end

  test "a charlist is called one, wherever a string is expected" do
    for {option, given} <- [
          multicast_if: ~c"eth0",
          multicast_if: ["eth0", ~c"größe"],
          multicast_addr: ~c"233.252.1.32",
          if_addr: ~c"127.0.0.1",
          seeds: ~c"app",
          seeds: ["app", ~c"db"],
          port: ~c"45892"
        ] do
      message = refusal([{option, given}])
      culprit = if is_binary(hd(given)), do: List.last(given), else: given
      shown = inspect(culprit, charlists: :as_charlists)
      assert message =~ "got: #{shown}, a charlist: write a string, in double quotes"
    end

    refute refusal(multicast_if: [1, 2]) =~ "charlist"
  end

  test "broadcast_only: nil is false, as the stock strategy takes it" do
    assert Options.validate!([broadcast_only: nil], :lan) == Options.validate!([], :lan)
  end

  test "more than 256 seeds are refused, and 256 are not" do
    seeds = for n <- 1..257, do: "app-#{n}"
    assert length(Options.validate!([seeds: tl(seeds)], :lan).seeds) == 256

    assert_raise ArgumentError, ~r/option :seeds .+ at most 256 .+ got: 257 of them/, fn ->
      Options.validate!([seeds: seeds], :lan)
    end
  end

  test "an unknown option is refused, with those that there are" do
    message =
      assert_raise(ArgumentError, fn -> Options.validate!([multicast_adr: 1], :lan) end).message

    assert message =~ "got: :multicast_adr"
    assert message =~ "options among :port, "
  end

  test "a mistyped name is answered with the option that it is like, and no other name is" do
    for {mistyped, meant} <- [
          multicast_adr: :multicast_addr,
          multicast_interface: :multicast_if,
          secrets: :secret,
          seals: :seal,
          authenticate: :authentication,
          clusters: :cluster,
          allowed: :allow,
          Secret: :secret,
          seed: :seeds,
          hearbeat_interval: :heartbeat_interval,
          max_peer: :max_peers,
          broadcast: :broadcast_only
        ] do
      assert refusal([{mistyped, 1}]) =~
               "got: #{inspect(mistyped)}; did you mean #{inspect(meant)}?"
    end

    for strange <- [:polling_interval, :x, :"", :größe] do
      refute refusal([{strange, 1}]) =~ "did you mean"
    end
  end

  test "what was given under a mistyped name is not shown, as it may be a secret" do
    refute refusal(secert: "hunter2") =~ "hunter2"
  end

  test "options that are inspected do not show the secret" do
    options = Options.validate!([secret: "hunter2"], :lan)
    assert %Options{secret: ["hunter2"]} = options
    refute inspect(options, limit: :infinity, printable_limit: :infinity) =~ "hunter2"
  end

  defp refusal(config) do
    assert_raise(ArgumentError, fn -> Options.validate!(config, :lan) end).message
  end

  test "a config that is no keyword list is refused" do
    for config <- [%{secret: "hunter2"}, [{"secret", "hunter2"}], nil] do
      message = assert_raise(ArgumentError, fn -> Options.validate!(config, :lan) end).message
      assert message =~ "expected a keyword list"
      refute message =~ "hunter2"
    end
  end

  test "a refused secret is not shown, and what is wrong with it is said" do
    for {secret, said} <- [
          {~c"hunter2", "got: not shown, a charlist: write a string, in double quotes"},
          {["a", ~c"hunter2"], "got: not shown, a charlist: write a string, in double quotes"},
          {:hunter2, "got: another term, not shown"},
          {["hunter2" | "hunter2"], "got: another term, not shown"},
          {["hunter2", ""], "got: an empty string"},
          {["hunter2", " \n"], "got: a string of white space alone"},
          {[], "got: an empty list"}
        ] do
      message = refusal(secret: secret)
      assert message =~ said
      refute message =~ "hunter2"
    end
  end

  test "docs/configuration.md has the table of options as it is rendered" do
    assert File.read!("docs/configuration.md") =~ Options.table()
  end
end
