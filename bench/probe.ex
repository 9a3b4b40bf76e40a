defmodule NativeGossip.Bench.Probe do
  @moduledoc """
  Measures, from inside a BEAM, what a strategy costs the rest of it.

  `start/1` begins, `stop/0` ends and returns what was seen in between: the latencies of a
  `GenServer.call` to a process that has nothing to do with the strategy, and the highest values of
  memory, atoms and the strategy's mailbox, each as growth since the start.
  """
  use GenServer

  alias NativeGossip.Bench.Table
  alias NativeGossip.Dev.Inside

  @sample_ms 10
  @call_ms 2

  @type result :: %{p99_us: number, memory: integer, atoms: integer, mailbox: non_neg_integer}

  @spec start(topology :: atom) :: :ok
  def start(topology) do
    {:ok, _} = GenServer.start(__MODULE__, topology, name: __MODULE__)
    :ok
  end

  @spec stop() :: result
  def stop, do: GenServer.call(__MODULE__, :stop)

  @doc "A `connect` for a topology: nodes whose names begin with `known` are taken for connected."
  @spec connect(node) :: boolean | :ignored
  def connect(node) do
    if String.starts_with?(Atom.to_string(node), "known"),
      do: true,
      else: :net_kernel.connect_node(node)
  end

  @impl true
  def init(topology) do
    {:ok, echo} = Agent.start_link(fn -> nil end)
    {:ok, caller} = Agent.start_link(fn -> [] end)
    Agent.cast(caller, __MODULE__, :call, [echo])
    {:ok, _} = :timer.send_interval(@sample_ms, :sample)
    start = reading(Inside.strategy(topology))
    {:ok, %{strategy: Inside.strategy(topology), caller: caller, start: start, highest: start}}
  end

  @doc false
  def call(latencies, echo) do
    {us, _} = :timer.tc(fn -> Agent.get(echo, & &1) end)
    Process.sleep(@call_ms)
    Agent.cast(self(), __MODULE__, :call, [echo])
    [us | latencies]
  end

  @impl true
  def handle_info(:sample, state) do
    highest =
      Map.merge(state.highest, reading(state.strategy), fn _, old, new -> max(old, new) end)

    {:noreply, %{state | highest: highest}}
  end

  @impl true
  def handle_call(:stop, _from, state) do
    p99 = state.caller |> Agent.get(& &1) |> Table.percentile(99)
    growth = Map.merge(state.highest, state.start, fn _, highest, start -> highest - start end)
    {:stop, :normal, Map.put(%{growth | mailbox: state.highest.mailbox}, :p99_us, p99), state}
  end

  defp reading(strategy) do
    %{
      # What a collection of garbage frees says nothing of a leak; the rest of it grows for ever.
      memory: :erlang.memory(:total) - :erlang.memory(:processes),
      atoms: :erlang.system_info(:atom_count),
      mailbox: strategy |> Process.info(:message_queue_len) |> elem(1)
    }
  end
end
