defmodule NativeGossip.Connector do
  @moduledoc """
  The connection attempts that are in flight, each in a task of its own: a peer that accepts and never
  answers holds one for seven seconds. The Rust half bounds their number.

  Belongs to one process, which traps exits, as the tasks are linked to it, and hands every message that
  may be of a task to `ended/2`.

  What becomes of an attempt is reported to the Rust half, which tells of a peer's change of state once
  (`peer_connected`, `peer_unreachable`). `Cluster.Strategy.connect_nodes/4` would write a line for each
  attempt, so its own lines are not logged. Whatever `connect` and `list_nodes` of the topology log is.
  """

  require Logger

  alias Cluster.Strategy.State

  # As many as the Rust half has in flight. It forgets those that take over 30 s; here they count.
  @max_in_flight 16

  @enforce_keys [:cluster]
  defstruct @enforce_keys ++ [nodes: MapSet.new(), in_flight: %{}, went_down: MapSet.new()]

  @opaque t :: %__MODULE__{}

  @doc """
  No attempts yet, for the topology of this strategy state.
  """
  @spec new(State.t()) :: t
  def new(%State{} = cluster), do: %__MODULE__{cluster: %{cluster | config: []}}

  @doc """
  Connects to a node, unless an attempt is in flight, or too many are: it will be announced again.
  """
  @spec start(t, node) :: t
  def start(connector, node) do
    if node in connector.nodes or map_size(connector.in_flight) >= @max_in_flight do
      connector
    else
      %Task{ref: ref} = Task.async(__MODULE__, :attempt, [connector.cluster, node])

      %{
        connector
        | nodes: MapSet.put(connector.nodes, node),
          in_flight: Map.put(connector.in_flight, ref, node)
      }
    end
  end

  @doc """
  Takes note that a node went down while an attempt is in flight: that may have succeeded before, and
  its end will then say `:down`. Returns `:settled` where there is no such attempt.
  """
  @spec down(t, node) :: {:unsettled, t} | :settled
  def down(connector, node) do
    if node in connector.nodes,
      do: {:unsettled, %{connector | went_down: MapSet.put(connector.went_down, node)}},
      else: :settled
  end

  @doc """
  Whether this message says that an attempt has ended, and how.
  """
  @spec ended(t, message :: term) :: {node, :connected | :unreachable | :down, t} | :not_ours
  def ended(connector, {ref, result}) when is_map_key(connector.in_flight, ref) do
    true = Process.demonitor(ref, [:flush])
    finish(connector, ref, if(result == :ok, do: :connected, else: :unreachable))
  end

  def ended(connector, {:DOWN, ref, :process, _pid, _reason})
      when is_map_key(connector.in_flight, ref) do
    finish(connector, ref, :unreachable)
  end

  def ended(_connector, _message), do: :not_ours

  defp finish(connector, ref, outcome) do
    {node, in_flight} = Map.pop!(connector.in_flight, ref)
    outcome = if outcome == :connected and node in connector.went_down, do: :down, else: outcome

    connector = %{
      connector
      | nodes: MapSet.delete(connector.nodes, node),
        went_down: MapSet.delete(connector.went_down, node),
        in_flight: in_flight
    }

    {node, outcome, connector}
  end

  # What runs in the task. A crash is not libcluster's line, and has to be read.
  @doc false
  @spec attempt(State.t(), node) :: :ok | {:error, term}
  def attempt(%State{topology: topology, connect: connect, list_nodes: list_nodes}, node) do
    mute()
    connect = {__MODULE__, :call_aloud, [connect]}
    list_nodes = {__MODULE__, :call_aloud, [list_nodes]}
    Cluster.Strategy.connect_nodes(topology, connect, list_nodes, [node])
  catch
    kind, reason ->
      unmute()
      :erlang.raise(kind, reason, __STACKTRACE__)
  end

  @doc false
  def call_aloud(mfa), do: apply_aloud(mfa, [])

  @doc false
  def call_aloud(mfa, node), do: apply_aloud(mfa, [node])

  defp apply_aloud({module, function, arguments}, more) do
    unmute()
    answer = apply(module, function, arguments ++ more)
    mute()
    answer
  end

  # Logger.disable/1 and Logger.enable/1 are what Elixir had before 1.15.
  if function_exported?(Logger, :put_process_level, 2) do
    defp mute, do: Logger.put_process_level(self(), :none)
    defp unmute, do: Logger.delete_process_level(self())
  else
    defp mute, do: Logger.disable(self())
    defp unmute, do: Logger.enable(self())
  end
end
