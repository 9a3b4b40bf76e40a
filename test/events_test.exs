defmodule NativeGossip.EventsTest do
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog

  alias NativeGossip.{Events, Native}
  alias NativeGossip.Test.{Documented, Told}

  @told Told.events()

  for {{name, {fields, sentence}}, number} <- Enum.with_index(@told) do
    test "#{name} is told in a sentence (#{number})" do
      fields = unquote(Macro.escape(fields))
      assert Events.sentence(unquote(name), fields) == unquote(sentence)
      level = Events.level(unquote(name), fields)
      assert level in [:debug, :info, :warning]

      # At the level of debug libcluster logs by its own flag.
      if level != :debug do
        log = capture_log(fn -> Events.emit(:lan, {unquote(name), fields}) end)
        assert log =~ "[#{level}] [libcluster:lan] #{unquote(sentence)}\n"
      end
    end
  end

  # It runs in the process that emits: events of other tests are none of this one's.
  def see(event, measurements, metadata, test) do
    if self() == test, do: send(test, {:seen, event, measurements, metadata})
  end

  for {{name, {fields, _sentence}}, number} <- Enum.with_index(@told) do
    test "who attaches to #{name} sees it, with what is documented of it (#{number})" do
      {name, fields} = {unquote(name), unquote(Macro.escape(fields))}
      :ok = :telemetry.attach(self(), Events.telemetry(name), &__MODULE__.see/4, self())
      capture_log(fn -> Events.emit(:lan, {name, fields}) end)
      :ok = :telemetry.detach(self())
      event = Events.telemetry(name)
      assert_received {:seen, ^event, %{count: 1} = measurements, %{topology: :lan} = metadata}
      assert Documented.faults(name, measurements, metadata) == []
      assert measurements |> Map.values() |> Enum.all?(&is_integer/1)

      assert measurements |> Map.merge(metadata) |> Map.drop([:count, :topology]) == fields
    end
  end

  test "every event has a sentence here, and a name for telemetry of its own" do
    assert Events.names() -- Keyword.keys(@told) == []
    names = Enum.map(Events.names(), &Events.telemetry/1)
    assert Enum.uniq(names) == names
    assert Enum.all?(names, &match?([:native_gossip, _ | _], &1))
    assert Events.telemetry(:group_joined) == [:native_gossip, :group, :joined]
  end

  # What Elixir finds out.
  @of_elixir [
    :broadcast_chosen,
    :node_unnamed,
    :node_stopped,
    :node_named,
    :node_drained,
    :cookie_weak,
    :schedulers_crowded,
    :seed_resolved,
    :seed_unresolved,
    :seeds_cut,
    :option_warning,
    :cluster_awaited,
    :connect_failed
  ]

  test "the table has every event that Rust tells, those that Elixir tells, and no other" do
    assert Enum.sort(Events.names()) == Enum.sort(Native.names().events ++ @of_elixir)
  end

  test "each event that Elixir is to tell is told in one of its modules" do
    tables = ["lib/native_gossip/events.ex" | Path.wildcard("lib/native_gossip/events/*.ex")]
    sources = Enum.map_join(Path.wildcard("lib/**/*.ex") -- tables, &File.read!/1)
    for name <- @of_elixir, do: assert(sources =~ "{#{inspect(name)}, ")
  end

  test "a clock that was set to the right time is no warning, and one that was set to a wrong one is" do
    clocks = File.read!("native/core/src/trust/clocks.rs")
    [_, fresh] = Regex.run(~r/FRESH: Duration = Duration::from_secs\((\d+)\);/, clocks)
    fresh = 1000 * String.to_integer(fresh)

    for {off_ms, level} <- [
          {fresh, :info},
          {-fresh, :info},
          {fresh + 1, :warning},
          {-90_000, :warning}
        ] do
      fields = %{node: "a@h", by_ms: 90_000, off_ms: off_ms}
      assert Events.level(:clock_moved, fields) == level
    end
  end

  test "every cause of a refusal has a meaning, and a warning where something may be wrong" do
    told = [
      {:malformed, :warning, "no heartbeat, or a sealed one"},
      {:doctor, :info, "the question of a doctor"},
      {:name, :warning, "a name that no node can have"},
      {:undecryptable, :warning, "option secret"},
      {:unsealed, :warning, "option secret"},
      {:signature, :warning, "option secret"},
      {:unsigned, :warning, "option authentication"},
      {:stale, :warning, "Set the clocks (NTP)"},
      {:replayed, :warning, "somebody sends recorded ones"},
      {:twin, :warning, "two machines speak as one node"},
      {:cluster, :info, "option cluster"},
      {:filtered, :info, "option allow"},
      {:over_limit, :info, "option max_peers"}
    ]

    assert Enum.map(told, &elem(&1, 0)) == Native.names().refusals
    assert Enum.sort(Events.refusals()) == Enum.sort(Native.names().refusals)

    for {cause, level, part} <- told do
      source = {{0xFD00, 0, 0, 0, 0, 0, 0, 9}, 45_892}
      fields = %{cause: cause, packets: 1, source: source, interface: nil}
      assert Events.level(:packets_refused, fields) == level
      sentence = Events.sentence(:packets_refused, fields)
      assert sentence =~ "packets refused as #{cause}: 1, the last one from [fd00::9]:45892; "
      assert sentence =~ part
    end
  end
end
