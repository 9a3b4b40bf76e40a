defmodule NativeGossip.SeedsTest do
  @moduledoc """
  The test is the name server, the loop and the clock: it answers, is handed the targets, and says
  when the next round begins.
  """
  use ExUnit.Case

  alias NativeGossip.Dev.LogLines
  alias NativeGossip.{Options, Seeds}

  @moduletag :capture_log

  @app {10, 0, 0, 1}
  @db {10, 0, 0, 2}

  setup do
    :ok = LogLines.attach(self(), prefix: "[libcluster:seeds_test] ")
    on_exit(&LogLines.detach/0)
  end

  defp start(config, outside \\ []) do
    test = self()

    ask = fn name, family ->
      send(test, {:resolve, to_string(name), family, self()})

      receive do
        {:answer, answer} -> answer.()
      end
    end

    outside = Keyword.merge([resolve: ask, later: &send(test, {:later, &1})], outside)
    options = Options.validate!(config, :seeds_test)

    {:ok, seeds} =
      Seeds.start_link(options, :seeds_test, {__MODULE__, :hand_over, [test]}, outside)

    seeds
  end

  def hand_over(test, targets) do
    send(test, {:targets, targets})
    :ok
  end

  defp answer(name, answer) when is_function(answer) do
    assert_receive {:resolve, ^name, _family, resolver}, 5_000
    send(resolver, {:answer, answer})
  end

  defp answer(name, answer), do: answer(name, fn -> answer end)

  # Everything that a round sends stands between its first hand-over and its end.
  defp end_of_round do
    assert_receive {:later, pause}, 5_000
    pause
  end

  defp round_of(seeds, name, answer) do
    send(seeds, :round)
    assert_receive {:targets, _known}, 5_000
    answer(name, answer)
    end_of_round()
  end

  defp ends(seeds) do
    monitor = Process.monitor(seeds)
    assert_receive {:DOWN, ^monitor, _, _, _}, 5_000
  end

  for {what, answer} <- [
        "an error": {:error, :timeout},
        "no address": {:ok, []},
        "an address of the other family": {:ok, [{0xFD00, 0, 0, 0, 0, 0, 0, 1}]},
        "no addresses but terms": {:ok, [:a, {1, 2}, nil, {1, 2, 3, 256}]},
        "a list without an end": {:ok, [{10, 0, 0, 1} | :a]},
        "no list": {:ok, :addresses},
        "something else": :nothing,
        "an error of many words": {:error, %{a: {:b, ~c"c", <<255>>}}}
      ] do
    test "#{what} in answer to a name resolves nothing, and is tried again" do
      seeds = start(seeds: "app")
      answer("app", unquote(Macro.escape(answer)))
      assert end_of_round() == 5_000
      assert_received {:line, :warning, "cannot resolve \"app\" (option seeds): " <> _}
      assert round_of(seeds, "app", {:ok, [@app]}) == 30_000
      assert_received {:targets, [{@app, 45_892}]}
    end
  end

  for {what, crash} <- [
        raises: quote(do: raise("no")),
        throws: quote(do: throw(:no)),
        exits: quote(do: exit(:no))
      ] do
    test "a resolver that #{what} resolves nothing, and is tried again" do
      seeds = start(seeds: ["app", "db"])
      answer("app", fn -> unquote(crash) end)
      answer("db", {:ok, [@db]})
      assert end_of_round() == 5_000
      assert_received {:targets, [{@db, 45_892}]}
      assert Process.alive?(seeds)
    end
  end

  test "a name server that does not answer holds up no other name" do
    start(seeds: ["hangs", "app"])
    assert_receive {:resolve, "hangs", :inet, _}, 5_000
    answer("app", {:ok, [@app]})
    assert_receive {:targets, [{@app, 45_892}]}, 5_000
    refute_received {:later, _}
  end

  test "a name server that does not answer is a name that cannot be resolved" do
    start([seeds: "hangs"], patience: 1)
    assert end_of_round() == 5_000
    line = "cannot resolve \"hangs\" (option seeds): timeout; trying again"
    assert_received {:line, :warning, ^line}
  end

  test "addresses are handed over before any name is resolved" do
    start(seeds: ["app", {"10.0.0.255", 4000}])
    assert_receive {:resolve, "app", :inet, _}, 5_000
    assert_received {:targets, [{{10, 0, 0, 255}, 4000}]}
  end

  test "addresses alone are handed over in each round" do
    seeds = start(seeds: "10.0.0.5")
    assert end_of_round() == 30_000
    assert_received {:targets, [{{10, 0, 0, 5}, 45_892}]}
    send(seeds, :round)
    assert end_of_round() == 30_000
    assert_received {:targets, [{{10, 0, 0, 5}, 45_892}]}
    refute_received {:targets, _}
    refute_received {:line, _, _}
  end

  test "all addresses of a name are targets, on each of its ports, and none of them twice" do
    start(seeds: ["app:4000", "10.0.0.1:4000", "app:5000"])
    answer("app", {:ok, [@db, @app, @db, {0, 0, 0, 0, 0, 0xFFFF, 0x0A00, 1}]})
    assert end_of_round() == 30_000
    assert_received {:targets, [{@app, 4000}]}

    assert_received {:targets, [{@app, 4000}, {@db, 4000}, {@app, 5000}, {@db, 5000}]}

    refute_received {:resolve, _, _, _}
    assert_received {:line, :info, "resolved \"app\" (option seeds) to 10.0.0.1, 10.0.0.2"}
  end

  test "names are resolved to the family of the group" do
    start(seeds: "app", multicast_addr: "ff02::4747")
    assert_receive {:resolve, "app", :inet6, resolver}, 5_000
    address = {0xFD00, 0, 0, 0, 0, 0, 0, 1}
    # An IPv4 address in IPv6's clothes.
    mapped = {0, 0, 0, 0, 0, 0xFFFF, 0x0A00, 1}
    send(resolver, {:answer, fn -> {:ok, [mapped, address]} end})
    assert_receive {:targets, [{^address, 45_892}]}, 5_000
    assert_receive {:line, :info, "resolved \"app\" (option seeds) to fd00::1"}, 5_000
  end

  test "a name that fails keeps its addresses, and only changes are logged" do
    seeds = start(seeds: "app")
    answer("app", {:ok, [@app, @db]})
    assert end_of_round() == 30_000
    assert_received {:line, :info, "resolved \"app\" (option seeds) to 10.0.0.1, 10.0.0.2"}

    assert round_of(seeds, "app", {:ok, [@db, @app]}) == 30_000
    refute_received {:line, _, _}

    assert round_of(seeds, "app", {:error, :nxdomain}) == 5_000

    assert_received {:line, :warning,
                     "cannot resolve \"app\" (option seeds): nxdomain; trying again"}

    send(seeds, :round)
    assert_receive {:targets, [{@app, 45_892}, {@db, 45_892}]}, 5_000
    answer("app", {:error, :timeout})
    assert end_of_round() == 5_000
    refute_received {:line, _, _}

    assert round_of(seeds, "app", {:ok, [@app, @db]}) == 30_000
    assert_received {:line, :info, "resolved \"app\" (option seeds) to 10.0.0.1, 10.0.0.2"}

    assert round_of(seeds, "app", {:ok, [@db]}) == 30_000
    assert_received {:targets, [{@db, 45_892}]}
    assert_received {:line, :info, "resolved \"app\" (option seeds) to 10.0.0.2"}
    refute_received {:line, _, _}
  end

  test "more than 256 targets are cut, the addresses of the config first in, with one warning" do
    seeds = start(seeds: ["app", "10.1.0.1"])
    many = for a <- 0..3, b <- 0..99, do: {10, 0, a, b}
    answer("app", {:ok, many})
    assert end_of_round() == 30_000
    assert_received {:targets, [{{10, 1, 0, 1}, 45_892}]}
    assert_received {:targets, [{{10, 1, 0, 1}, 45_892} | _] = targets}
    assert length(targets) == 256

    assert_received {:line, :warning,
                     "the names of option seeds have more than 256 addresses" <> _}

    assert_received {:line, :info, line}
    assert line =~ "to 10.0.0.0, 10.0.0.1"
    assert line =~ ~r/10\.0\.0\.7 and more$/

    assert round_of(seeds, "app", {:ok, many}) == 30_000
    refute_received {:line, _, _}
  end

  test "a stray message, call or cast begins no round and ends nothing" do
    seeds = start(seeds: "10.0.0.5")
    end_of_round()
    assert_received {:targets, _}
    send(seeds, :stray)
    GenServer.cast(seeds, :stray)
    assert GenServer.call(seeds, :stray) == {:error, :unknown_call}
    assert %{} = :sys.get_state(seeds)
    refute_received {:targets, _}
  end

  test "it ends with its owner, also with one that ends normally, and amid a round" do
    test = self()

    for {reason, seeds} <- [normal: "10.0.0.5", shutdown: "10.0.0.5", shutdown: "app"] do
      {:ok, owner} =
        Task.start(fn ->
          options = Options.validate!([seeds: seeds], :seeds_test)

          hangs = fn _name, _family ->
            send(test, :asked)
            Process.sleep(:infinity)
          end

          hand_over = {__MODULE__, :hand_over, [self()]}
          {:ok, pid} = Seeds.start_link(options, :seeds_test, hand_over, resolve: hangs)
          send(test, {:started, pid})

          receive do
            :end -> exit(reason)
          end
        end)

      assert_receive {:started, pid}, 5_000
      if seeds == "app", do: assert_receive(:asked, 5_000)
      send(owner, :end)
      ends(pid)
    end
  end

  test "the system's resolver and timer are what it has without a test" do
    options = Options.validate!([seeds: "localhost"], :seeds_test)
    {:ok, seeds} = Seeds.start_link(options, :seeds_test, {__MODULE__, :hand_over, [self()]})
    assert_receive {:targets, [{{127, _, _, _}, 45_892} | _]}, 15_000
    assert %Seeds{} = :sys.get_state(seeds)
  end
end
