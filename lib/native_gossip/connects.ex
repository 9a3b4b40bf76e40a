defmodule NativeGossip.Connects do
  @moduledoc """
  The connects that are under way, each in a task of its own: a peer that accepts and never answers
  holds one for seven seconds. The engine bounds their number.

  Belongs to one process, which traps exits, as the tasks are linked to it, and hands every message that
  may be of a task to `ended/2`.

  A peer that cannot be reached is tried for as long as it is heard, so only its change of state is
  logged: `Cluster.Strategy.connect_nodes/4` writes of the first failure, and of no other before the
  peer was connected. Of many such peers it writes only of some: whoever forges names must not fill
  the log.
  """

  import Cluster.Logger, only: [info: 2]
  require Logger

  alias Cluster.Strategy.State

  # As many as the engine has under way. It forgets those that take over 30 s; here they count.
  @at_once 16

  # First failures that are logged in a minute.
  @lines 10
  @minute 60_000

  # Failures that were logged and will not be logged again. Beyond it all of them are forgotten,
  # which costs nothing worse than a second line for each.
  @failed_max 4_096

  @enforce_keys [:cluster]
  defstruct @enforce_keys ++
              [
                nodes: MapSet.new(),
                under_way: %{},
                went_down: MapSet.new(),
                failed: MapSet.new(),
                lines: {0, nil}
              ]

  @opaque t :: %__MODULE__{}

  @doc """
  No connects yet, for the topology of this strategy state.
  """
  @spec new(State.t()) :: t
  def new(%State{} = cluster), do: %__MODULE__{cluster: %{cluster | config: []}}

  @doc """
  Connects to a node, unless its connect is under way, or too many are: it will be announced again.
  """
  @spec start(t, node) :: t
  def start(connects, node) do
    if node in connects.nodes or map_size(connects.under_way) >= @at_once do
      connects
    else
      connects = begin_minute(connects)
      quiet? = node in connects.failed or elem(connects.lines, 0) >= @lines

      %Task{ref: ref} = Task.async(__MODULE__, :connect, [connects.cluster, node, quiet?])

      %{
        connects
        | nodes: MapSet.put(connects.nodes, node),
          under_way: Map.put(connects.under_way, ref, {node, quiet?})
      }
    end
  end

  @doc false
  def connect(%State{topology: topology, connect: connect, list_nodes: list_nodes}, node, quiet?) do
    if quiet?, do: silence()
    Cluster.Strategy.connect_nodes(topology, connect, list_nodes, [node])
  end

  @doc """
  Takes note that a node went down while its connect is under way: that may have succeeded before,
  and its end will then say `:down`. Returns `:settled` where there is no such connect.
  """
  @spec down(t, node) :: {:unsettled, t} | :settled
  def down(connects, node) do
    if node in connects.nodes,
      do: {:unsettled, %{connects | went_down: MapSet.put(connects.went_down, node)}},
      else: :settled
  end

  @doc """
  Whether this message says that a connect has ended, and how.
  """
  @spec ended(t, message :: term) :: {node, :connected | :unreachable | :down, t} | :not_ours
  def ended(connects, {ref, result}) when is_map_key(connects.under_way, ref) do
    Process.demonitor(ref, [:flush])
    finish(connects, ref, if(result == :ok, do: :connected, else: :unreachable))
  end

  def ended(connects, {:DOWN, ref, :process, _pid, _reason})
      when is_map_key(connects.under_way, ref) do
    finish(connects, ref, :unreachable)
  end

  def ended(_connects, _message), do: :not_ours

  defp finish(connects, ref, outcome) do
    {{node, quiet?}, under_way} = Map.pop!(connects.under_way, ref)
    connects = log_change(connects, node, outcome, quiet?)
    outcome = if outcome == :connected and node in connects.went_down, do: :down, else: outcome

    connects = %{
      connects
      | nodes: MapSet.delete(connects.nodes, node),
        went_down: MapSet.delete(connects.went_down, node),
        under_way: under_way
    }

    {node, outcome, connects}
  end

  defp log_change(%{failed: failed, lines: {lines, since}} = connects, node, :unreachable, quiet?) do
    lines = if quiet?, do: lines, else: lines + 1
    failed = if MapSet.size(failed) < @failed_max, do: failed, else: MapSet.new()
    %{connects | failed: MapSet.put(failed, node), lines: {lines, since}}
  end

  defp log_change(connects, node, :connected, quiet?) do
    if quiet?, do: info(connects.cluster.topology, "connected to #{inspect(node)}")
    %{connects | failed: MapSet.delete(connects.failed, node)}
  end

  defp begin_minute(%{lines: {_, since}} = connects) do
    now = System.monotonic_time(:millisecond)
    if since && now - since < @minute, do: connects, else: %{connects | lines: {0, now}}
  end

  # Logger.disable/1 is what Elixir had before 1.15.
  if function_exported?(Logger, :put_process_level, 2),
    do: defp(silence, do: Logger.put_process_level(self(), :none)),
    else: defp(silence, do: Logger.disable(self()))
end
