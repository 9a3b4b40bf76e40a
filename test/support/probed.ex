defmodule NativeGossip.Test.Probed do
  @moduledoc """
  What a probe could leave in the node that it asks. Started by a call into the node, it outlives its caller.
  """
  use GenServer

  @doc "Watches for nodes, of every kind."
  @spec watch :: :ok
  def watch do
    {:ok, _} = GenServer.start(__MODULE__, [], name: __MODULE__)
    # Whatever is loaded or made by the first call of it.
    _ = seen()
    :ok
  end

  @doc "What there is in this node, and how many nodes came up or went down since `watch/0`."
  @spec seen :: %{
          atoms: term,
          known: [term],
          ports: non_neg_integer,
          processes: non_neg_integer,
          changes: term
        }
  def seen do
    %{
      atoms: :erlang.system_info(:atom_count),
      known: Enum.sort(:erlang.nodes(:known)),
      ports: length(:erlang.ports()),
      processes: length(:erlang.processes()),
      changes: GenServer.call(__MODULE__, :changes)
    }
  end

  @doc "Has net_kernel collect its garbage, in which there may be a handle of a connection that is gone."
  @spec collect :: true
  def collect, do: :erlang.garbage_collect(Process.whereis(:net_kernel))

  @impl true
  def init([]) do
    :ok = :net_kernel.monitor_nodes(true, node_type: :all)
    {:ok, []}
  end

  @impl true
  def handle_call(:changes, _from, changes), do: {:reply, changes, changes}

  @impl true
  def handle_info({change, node, _info}, changes) when change in [:nodeup, :nodedown],
    do: {:noreply, [{change, node} | changes]}
end
