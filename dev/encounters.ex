defmodule NativeGossip.Dev.Encounters do
  @moduledoc """
  Notes inside a node whom it found and lost, and when.

  The times are the machine's, in milliseconds, so that those of several nodes on one machine can be
  compared.
  """
  use GenServer

  @type t :: {:found | :lost, node, at_ms :: integer}

  @doc "Starts to take notes, until `stop/0` or for as long as the node runs."
  @spec start :: :ok
  def start do
    {:ok, _} = GenServer.start(__MODULE__, [], name: __MODULE__)
    :ok
  end

  @doc "Note number `index`, from 0; waits until it has been taken."
  @spec fetch(non_neg_integer) :: t
  def fetch(index), do: GenServer.call(__MODULE__, {:fetch, index}, :infinity)

  @doc "Stops to take notes; returns those taken, oldest first."
  @spec stop :: [t]
  def stop do
    notes = GenServer.call(__MODULE__, :notes)
    GenServer.stop(__MODULE__)
    notes
  end

  @spec now :: integer
  def now, do: System.os_time(:millisecond)

  @impl true
  def init([]) do
    :ok = :net_kernel.monitor_nodes(true)
    {:ok, %{notes: %{}, waiting: []}}
  end

  @impl true
  def handle_call({:fetch, index}, from, state) do
    {:noreply, answer(%{state | waiting: [{index, from} | state.waiting]})}
  end

  def handle_call(:notes, _from, %{notes: notes} = state) do
    {:reply, notes |> Enum.sort() |> Enum.map(&elem(&1, 1)), state}
  end

  @impl true
  def handle_info({:nodeup, name}, state), do: {:noreply, note(state, {:found, name, now()})}
  def handle_info({:nodedown, name}, state), do: {:noreply, note(state, {:lost, name, now()})}

  defp note(state, encounter) do
    answer(%{state | notes: Map.put(state.notes, map_size(state.notes), encounter)})
  end

  defp answer(%{notes: notes} = state) do
    {ready, waiting} =
      Enum.split_with(state.waiting, fn {index, _} -> is_map_key(notes, index) end)

    for {index, from} <- ready, do: GenServer.reply(from, Map.fetch!(notes, index))
    %{state | waiting: waiting}
  end
end
