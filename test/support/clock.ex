defmodule NativeGossip.Test.Clock do
  @moduledoc """
  The wall clock of a BEAM of its own, set by Debian's faketime, also while it runs. Monotonic clocks, and so all
  timeouts, are left alone.
  """

  @opaque t :: Path.t()

  @doc "A clock that is off as faketime writes it: `-780`, `+7200`, `@1970-01-01 00:00:00`."
  @spec new(Path.t(), String.t()) :: t
  def new(folder, off) do
    clock = Path.join(folder, "clock")
    set(clock, off)
    clock
  end

  @doc "Sets it, for a BEAM that runs as well."
  @spec set(t, String.t()) :: :ok
  def set(clock, off) do
    # Replaced and not written over: it is read at any moment.
    fresh = clock <> ".new"
    File.write!(fresh, off <> "\n")
    File.rename!(fresh, clock)
  end

  @doc "The environment of a BEAM that has this clock."
  @spec env(t) :: [{String.t(), String.t()}]
  def env(clock) do
    [
      {"LD_PRELOAD", library()},
      {"FAKETIME_TIMESTAMP_FILE", clock},
      {"FAKETIME_NO_CACHE", "1"},
      {"FAKETIME_DONT_FAKE_MONOTONIC", "1"},
      {"DONT_FAKE_MONOTONIC", "1"}
    ]
  end

  @doc "The library that is loaded before libc, or nil where it is not installed."
  @spec library :: Path.t() | nil
  def library, do: List.first(Path.wildcard("/usr/lib/*/faketime/libfaketimeMT.so.1"))
end
