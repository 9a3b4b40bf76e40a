defmodule NativeGossip.Bench.FiguresTest do
  use ExUnit.Case, async: true

  alias NativeGossip.Dev.OsProcess

  doctest NativeGossip.Bench.Beam
  doctest NativeGossip.Bench.Discovery
  doctest NativeGossip.Bench.Interfaces
  doctest NativeGossip.Dev.OsProcess

  test "context switches are those of the threads whose names match" do
    os_pid = String.to_integer(System.pid())
    all = OsProcess.context_switches(os_pid)
    assert OsProcess.context_switches(os_pid, ~r/\Ano thread has this name/) == 0
    assert all > 0
    assert OsProcess.context_switches(os_pid) >= all
  end
end
