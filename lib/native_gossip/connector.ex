defmodule NativeGossip.Connector do
  @moduledoc """
  The connection attempts that are in flight, each in a task of its own: a peer that accepts and never
  answers holds one for seven seconds. The Rust half bounds their number.

  Each attempt has a deadline: a `connect` of the topology that does not return is killed after it. Each
  ends with a report.

  Belongs to one process, which traps exits, as the tasks are linked to it, and hands every message that
  may be of a task to `ended/2`.

  What becomes of an attempt is reported to the Rust half, which tells of a peer's change of state once
  (`peer_connected`, `peer_unreachable`). `Cluster.Strategy.connect_nodes/4` would write a line for each
  attempt, so its own lines are not logged. Whatever `connect` and `list_nodes` of the topology log is.
  """

  require Logger

  alias Cluster.Strategy.State

  # As many as the Rust half has in flight, `ATTEMPTS_AT_ONCE` in native/core/src/budget.rs.
  @max_in_flight 256

  # In ms. Twice the time after which Erlang gives a connection up (`net_setuptime`, 7 s), and less than
  # the 30 s after which the Rust half gives the attempt up. Where a connection is made later, :nodeup
  # tells.
  @deadline 15_000

  @enforce_keys [:cluster, :deadline]
  defstruct @enforce_keys ++ [attempts: %{}, refs: %{}]

  @opaque t :: %__MODULE__{}

  @doc """
  No attempts yet, for the topology of this strategy state. Option: `:deadline` of an attempt, in ms.
  """
  @spec new(State.t(), keyword) :: t
  def new(%State{} = cluster, options \\ []) do
    deadline = Keyword.get(options, :deadline, @deadline)
    %__MODULE__{cluster: %{cluster | config: []}, deadline: deadline}
  end

  @doc """
  How many attempts are in flight.
  """
  @spec in_flight(t) :: non_neg_integer
  def in_flight(connector), do: map_size(connector.attempts)

  @doc """
  Connects to a node, unless an attempt is in flight, whose end will be reported. Where too many are,
  there will be none.
  """
  @spec start(t, node) :: {:ok, t} | {:error, :full}
  def start(connector, node) do
    cond do
      is_map_key(connector.refs, node) ->
        {:ok, connector}

      in_flight(connector) >= @max_in_flight ->
        {:error, :full}

      true ->
        %Task{ref: ref, pid: pid} = Task.async(__MODULE__, :attempt, [connector.cluster, node])
        timer = Process.send_after(self(), {__MODULE__, :overdue, ref}, connector.deadline)
        attempt = %{node: node, pid: pid, timer: timer, noticed: nil}

        {:ok,
         %{
           connector
           | attempts: Map.put(connector.attempts, ref, attempt),
             refs: Map.put(connector.refs, node, ref)
         }}
    end
  end

  @doc """
  Takes note that a node was connected or went down while an attempt is in flight: the attempt may have
  seen less, and its end will tell what came last. Returns `:settled` where there is no such attempt.
  """
  @spec notice(t, node, :connected | :down) :: {:unsettled, t} | :settled
  def notice(connector, node, change) do
    case connector.refs do
      %{^node => ref} -> {:unsettled, put_in(connector.attempts[ref].noticed, change)}
      %{} -> :settled
    end
  end

  @doc """
  Whether this message says that an attempt has ended, and how.
  """
  @spec ended(t, message :: term) :: {node, :connected | :unreachable | :down, t} | :not_ours
  def ended(%{attempts: attempts} = connector, {ref, result}) when is_map_key(attempts, ref) do
    finish(connector, ref, if(result == :ok, do: :connected, else: :unreachable))
  end

  def ended(%{attempts: attempts} = connector, {:DOWN, ref, :process, _pid, _reason})
      when is_map_key(attempts, ref) do
    finish(connector, ref, :unreachable)
  end

  def ended(%{attempts: attempts} = connector, {__MODULE__, :overdue, ref})
      when is_map_key(attempts, ref) do
    Process.exit(attempts[ref].pid, :kill)
    finish(connector, ref, :unreachable)
  end

  def ended(_connector, _message), do: :not_ours

  defp finish(connector, ref, result) do
    {attempt, attempts} = Map.pop!(connector.attempts, ref)
    true = Process.demonitor(ref, [:flush])
    _ = Process.cancel_timer(attempt.timer)
    refs = Map.delete(connector.refs, attempt.node)

    {attempt.node, outcome(result, attempt.noticed),
     %{connector | attempts: attempts, refs: refs}}
  end

  defp outcome(:connected, :down), do: :down
  defp outcome(:unreachable, :connected), do: :connected
  defp outcome(result, _noticed), do: result

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
