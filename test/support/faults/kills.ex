defmodule NativeGossip.Test.Faults.Kills do
  @moduledoc """
  Ends one process of a topology after the other, inside a node, and waits after each until the
  topology hears again.
  """
  alias NativeGossip.Dev.{Await, Inside}

  @targets [:strategy, :loop, :supervisor]
  @ways [:kill, :crash]
  @pause_ms 10
  @hears_within_ms 1_000

  @type blow :: {target :: atom, way :: atom, deaf_ms :: non_neg_integer}

  @doc "Strikes `times` times at random; the same seed chooses the same targets, ways and pauses."
  @spec run(atom, pos_integer, integer) :: [blow]
  def run(topology, times, seed) do
    _ = :rand.seed(:exsss, seed)
    hears_again(topology, nil, "before the first blow")
    for number <- 1..times, do: blow(topology, number)
  end

  defp blow(topology, number) do
    Process.sleep(:rand.uniform(@pause_ms) - 1)
    {target, way} = {Enum.random(@targets), Enum.random(@ways)}
    strategy = Inside.strategy(topology)
    struck = System.monotonic_time(:millisecond)
    :ok = strike(topology, target, way)
    hears_again(topology, strategy, "after blow #{number}, #{way} of the #{target}")
    {target, way, System.monotonic_time(:millisecond) - struck}
  end

  @doc "Ends the strategy, the loop process, or the supervisor of the strategies."
  @spec strike(atom, :strategy | :loop | :supervisor, :kill | :crash) :: :ok
  def strike(topology, target, way) do
    target |> pid(Inside.strategy(topology)) |> end_by(target, way)
    :ok
  end

  defp pid(:strategy, strategy), do: strategy
  defp pid(:loop, strategy), do: :sys.get_state(strategy).loop
  defp pid(:supervisor, _strategy), do: Process.whereis(Inside)

  defp end_by(pid, _target, :kill), do: Process.exit(pid, :kill)

  # It is inside a NIF, where nothing of Elixir can raise.
  defp end_by(pid, :loop, :crash), do: Process.exit(pid, :crashed_by_test)

  # The next message raises; a supervisor reads its state for a call only.
  defp end_by(pid, target, :crash) do
    :sys.replace_state(pid, fn _ -> :spoiled end)
    if target == :strategy, do: send(pid, {:gossip_peer, node()}), else: count_children(pid)
  catch
    :exit, _ -> :ok
  end

  defp count_children(pid), do: GenServer.call(pid, :count_children)

  # A strategy counts from nothing: what it has accepted, it has accepted since its start.
  defp hears_again(topology, former, moment) do
    Await.until(
      "another strategy than #{inspect(former)} hears, #{moment}",
      fn -> {Inside.strategy(topology), Inside.counters(topology)} end,
      fn {pid, counters} -> pid not in [nil, former] and counters != nil and hears?(counters) end,
      within: @hears_within_ms
    )
  end

  defp hears?(counters), do: counters.accepted > 0
end
