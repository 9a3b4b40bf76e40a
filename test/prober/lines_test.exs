defmodule NativeGossip.Prober.LinesTest do
  @moduledoc "The pauses between the lines about a node are those that the Rust half has between lines about a fault."
  use ExUnit.Case, async: true

  import ExUnit.CaptureLog

  alias NativeGossip.Probe.{Facts, Result}
  alias NativeGossip.Prober

  @b :"b@10.0.0.6"

  # In ms. When a probe is answered after this time, the next one is due.
  @due 1_400_000

  # In ms, between two attempts to connect.
  @attempts 600_000

  # Milliseconds before a line, by the number of lines before it: as many as grow, and two more.
  defp pauses do
    throttle = File.read!("native/core/src/alerts/throttle.rs")

    number = fn pattern ->
      [_ | factors] = Regex.run(pattern, throttle)
      factors |> Enum.map(&String.to_integer/1) |> Enum.product()
    end

    assert throttle =~ "const REPEAT_PAUSE: (Duration, Duration) = (MINUTE, CALM);"
    at_once = number.(~r/const AT_ONCE: u32 = (\d+);/)
    first = 1_000 * number.(~r/const MINUTE: Duration = Duration::from_secs\((\d+)\);/)
    longest = 1_000 * number.(~r/const CALM: Duration = Duration::from_secs\((\d+) \* (\d+)\);/)
    growth = number.(~r/first\.saturating_mul\((\d+)u32\.saturating_pow\(n\)\)\.min\(longest\)/)

    grown = Stream.iterate(first, &(&1 * growth)) |> Enum.take_while(&(&1 < longest))
    List.duplicate(0, at_once) ++ grown ++ [longest, longest]
  end

  # A prober whose probes ask this test, and whose clock stands until it is set. An attempt has failed.
  defp start do
    test = self()
    clock = :counters.new(1, [])

    probe = fn node, _options ->
      send(test, {:probe, self()})
      receive do: ({:found, cause} -> %Result{node: node, cause: cause, facts: facts()})
    end

    now = fn -> :counters.get(clock, 1) end
    {:ok, prober} = Prober.start_link(:probed_lines, probe: probe, now: now, nodes: fn -> 0 end)
    :ok = Prober.failed(prober, @b)
    {prober, clock}
  end

  defp facts do
    %Facts{at: ~U[2026-01-01 00:00:00Z], address: {10, 0, 0, 6}, epmd_port: 4369, port: 40_001}
  end

  # Whether the log gets a line when a probe that begins now finds a cause after `ms` milliseconds.
  defp told?({prober, clock}, cause, ms) do
    :ok = Prober.failed(prober, @b)
    assert_receive {:probe, pid}
    pass(prober, clock, ms)

    log =
      capture_log(fn ->
        monitor = Process.monitor(pid)
        send(pid, {:found, cause})
        assert_receive {:DOWN, ^monitor, _, _, _}
        :sys.get_state(prober)
      end)

    log =~ "[libcluster:probed_lines] no connection to"
  end

  # Attempts go on meanwhile: a node without them for four hours begins again.
  defp pass(prober, clock, ms) when ms > @attempts do
    pass(prober, clock, @attempts)
    :ok = Prober.failed(prober, @b)
    pass(prober, clock, ms - @attempts)
  end

  defp pass(prober, clock, ms) do
    :sys.get_state(prober)
    :counters.add(clock, 1, ms)
  end

  defp cause(n), do: Enum.at([:epmd_refused, :epmd_silent], rem(n, 2))

  test "a cause that has changed is told after the pause of throttle.rs, and not a millisecond sooner" do
    pauses = pauses()
    assert Enum.any?(pauses, &(&1 > 0))

    for {pause, lines} <- Enum.with_index(pauses), sooner <- [0, 1], pause >= sooner do
      prober = start()

      for {before, line} <- pauses |> Enum.take(lines) |> Enum.with_index(),
          do: assert(told?(prober, cause(line), before + @due))

      assert {lines, told?(prober, cause(lines), pause - sooner)} == {lines, sooner == 0}
    end
  end
end
