defmodule NativeGossip.Doctor.RunningTest do
  use ExUnit.Case, async: true

  alias NativeGossip.Doctor.Running
  alias NativeGossip.Peer

  @b :"b@10.0.0.6"

  defp peer(state, heard_ms \\ 100),
    do: struct(Peer, name: "b@10.0.0.6", state: state, heard_ms: heard_ms)

  test "of a topology that does not run nothing is known" do
    assert Running.of(:no_such_topology) == %Running{}
    assert Running.attempts(%Running{}, @b) == :unknown
    assert Running.silent(%Running{}) == []
  end

  test "attempts have failed where two did, and not where a node waits for its turn" do
    attempts = fn state -> Running.attempts(%Running{peers: [peer(state)]}, @b) end
    assert attempts.({:backing_off, 100, 2}) == :failed

    for state <- [
          {:backing_off, 100, 1},
          :waiting,
          :announced,
          :connected,
          :leaving,
          :left,
          :down
        ],
        do: assert({state, attempts.(state)} == {state, :unknown})
  end

  test "what the topology's own probes found to be kept apart is so" do
    running = %Running{peers: [peer(:connected)], causes: %{"b@10.0.0.6" => :kept_apart}}
    assert Running.attempts(running, @b) == :kept_apart
  end

  test "a connected node is silent after six of the longest gaps, and after 15 s at least" do
    silent = fn interval_ms, peer ->
      Running.silent(%Running{interval_ms: interval_ms, peers: [peer]}) != []
    end

    for {interval_ms, heard_ms, silent?} <- [
          {200, 14_999, false},
          {200, 15_000, true},
          {100_000, 599_999, false},
          {100_000, 600_000, true}
        ],
        do: assert(silent.(interval_ms, peer(:connected, heard_ms)) == silent?)

    refute silent.(200, peer(:down, 60_000))
  end
end
