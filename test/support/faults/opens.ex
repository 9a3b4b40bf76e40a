defmodule NativeGossip.Test.Faults.Opens do
  @moduledoc """
  Opens and closes loops inside a node, and tells what is left of them.
  """
  alias NativeGossip.{Native, Options}
  alias NativeGossip.Dev.{Await, Inside}

  @doc """
  Starts and stops the topology `times` times. At random it is stopped at once or after its first
  heartbeat, when the socket is open and a thread is inside.
  """
  @spec run(keyword, pos_integer, integer) :: :ok
  def run(topologies, times, seed) do
    _ = :rand.seed(:exsss, seed)
    [{topology, _}] = topologies

    for _ <- 1..times do
      :ok = Inside.start_cluster(topologies)
      if :rand.uniform(2) == 1, do: await_heartbeat(topology)
      :ok = Inside.stop_cluster()
    end

    await_none()
  end

  @doc """
  Opens `times` loops that are never served, in a process that lives on, and lets the collector have
  them. The most that there were at once is returned.
  """
  @spec abandon(keyword, pos_integer) :: pos_integer
  def abandon(config, times) do
    options = Options.validate!(config, :abandoned)
    most = open_and_count(options, times)
    :erlang.garbage_collect()
    await_none()
    most
  end

  # A function of its own: its references are gone when it has returned.
  defp open_and_count(options, times) do
    loops = for _ <- 1..times, do: Native.open(options, nil)
    count = Native.loops()
    ^times = length(loops)
    count
  end

  @doc """
  Opens a loop in a process that ends, and waits until the loop is closed, though a reference to it
  is still held here. The counters that it was closed with are returned.
  """
  @spec orphan(keyword) :: %{atom => non_neg_integer}
  def orphan(config) do
    options = Options.validate!(config, :orphaned)
    loop = Task.await(Task.async(fn -> Native.open(options, nil) end))
    await_none()
    Native.counters(loop)
  end

  @doc "Memory that the VM has in use, in bytes, after every process was collected."
  @spec memory :: pos_integer
  def memory do
    :ok = collect()
    :erlang.memory(:total)
  end

  @doc """
  Collects every process. A supervisor that idles keeps what it was told of the last crash, and in
  it the arguments of the call that crashed: a reference to a loop, closed but for its waker.
  """
  @spec collect :: :ok
  def collect, do: Enum.each(Process.list(), &:erlang.garbage_collect/1)

  defp await_none do
    Await.until("no loop is open", &Native.loops/0, &(&1 == 0))
    :ok
  end

  # Await's pause would be nine tenths of this test, so it waits only for what is late.
  defp await_heartbeat(topology, tries \\ 10_000) do
    sent? = &(&1 != nil and &1.sent > 0)
    counters = fn -> Inside.counters(topology) end

    cond do
      sent?.(counters.()) -> :ok
      tries > 0 -> await_heartbeat(topology, tries - 1)
      true -> Await.until("a heartbeat is sent", counters, sent?)
    end
  end
end
