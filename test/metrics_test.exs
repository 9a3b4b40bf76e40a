defmodule NativeGossip.MetricsTest do
  @moduledoc "Metrics of the events, where the library that makes them is there."
  use ExUnit.Case

  alias NativeGossip.{Events, Telemetry}

  # What is called of the library: a metric is a struct there, and a map here.
  defp with_library(make) do
    [{module, _}] =
      Code.compile_string("""
      defmodule Telemetry.Metrics do
        for kind <- [:counter, :last_value, :sum] do
          def unquote(kind)(name, options) when is_binary(name),
            do: Map.new([kind: unquote(kind), name: name] ++ options)
        end
      end
      """)

    try do
      make.()
    after
      :code.delete(module)
      :code.purge(module)
    end
  end

  test "without the library it is said what to add" do
    error = assert_raise RuntimeError, &Telemetry.metrics/0
    assert error.message =~ ~S(Add {:telemetry_metrics, "~> 1.0"} to the deps of your mix.exs)
  end

  test "with it each event that is logged is counted, and what it measures is a sum or a last value" do
    metrics = with_library(&Telemetry.metrics/0)
    names = Enum.map(metrics, & &1.name)
    assert Enum.uniq(names) == names

    counted = for %{kind: :counter, name: name} <- metrics, do: name

    assert counted ==
             for(
               name <- Events.names(),
               name not in [:heartbeat_sent, :heartbeat_received],
               do: Enum.join(Events.telemetry(name) ++ [:count], ".")
             )

    assert [%{name: "native_gossip.packets.refused.packets", tags: [:topology, :cause]}] =
             for(%{kind: :sum} = metric <- metrics, do: metric)

    last = for %{kind: :last_value} = metric <- metrics, into: %{}, do: {metric.name, metric}
    assert %{unit: :millisecond, tags: tags} = last["native_gossip.clock.off.off_ms"]
    assert tags == [:topology, :node]
    assert %{tags: [:topology]} = loops = last["native_gossip.schedulers.crowded.loops"]
    refute is_map_key(loops, :unit)
  end

  test "each metric is of a measurement and of tags that its event always has" do
    for %{name: metric, tags: tags, description: description} <-
          with_library(&Telemetry.metrics/0) do
      {event, [measurement]} =
        metric |> String.split(".") |> Enum.map(&String.to_existing_atom/1) |> Enum.split(-1)

      name = Enum.find(Events.names(), &(Events.telemetry(&1) == event))
      {fields, _maybe} = Events.fields(name)
      assert [measurement | tags] -- [:count, :topology | fields] == []
      assert description == Events.meaning(name)
    end
  end

  test "no counter has a tag that strangers could fill with names" do
    for %{kind: :counter, tags: tags} <- with_library(&Telemetry.metrics/0),
        do: assert(tags -- [:topology, :cause, :fault, :warning, :outcome] == [])
  end
end
