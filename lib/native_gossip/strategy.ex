defmodule NativeGossip.Strategy do
  @moduledoc """
  A strategy for libcluster that finds nodes by UDP multicast or broadcast, as
  `Cluster.Strategy.Gossip` does, with the same packets and the same options.

      config :libcluster,
        topologies: [
          lan: [
            strategy: NativeGossip.Strategy,
            config: [secret: "…"]
          ]
        ]

  ## Options

  #{NativeGossip.Options.table()}
  An option of another form stops the start with an `ArgumentError`. The network never does: what
  cannot be opened or joined is reported in the log, and tried again until it can.

  `connect`, `list_nodes` and the `debug` flag of libcluster have the meaning that they have for
  every strategy.
  """

  use GenServer
  use Cluster.Strategy

  import Cluster.Logger, only: [warn: 2]

  alias Cluster.Strategy.State
  alias NativeGossip.{Connects, Loop, Native, Options, Seeds}

  @enforce_keys [:native, :loop, :connects]
  defstruct @enforce_keys

  @impl Cluster.Strategy
  def start_link([%State{config: config, topology: topology} = cluster]) do
    options = Options.validate!(config, topology)
    GenServer.start_link(__MODULE__, {cluster, options})
  end

  @doc """
  What the strategy has counted since it started: heartbeats `sent`, packets `received`, heartbeats of
  other nodes (`accepted`), peers `announced`, own heartbeats that came back (`echoed`), and packets
  refused, by cause: `malformed`, `name`, `undecryptable`, `unsealed`, `over_limit`.
  """
  @spec counters(GenServer.server()) :: %{atom => non_neg_integer}
  def counters(strategy), do: GenServer.call(strategy, :counters)

  @impl GenServer
  def init({%State{topology: topology} = cluster, options}) do
    Enum.each(Options.Rules.warnings(options), &warn(topology, &1))
    :ok = :net_kernel.monitor_nodes(true, node_type: :all)
    native = Native.open(options)
    warn_if_crowded(topology)
    {:ok, loop} = Loop.start_link(native, topology)

    start_seeds(options, topology, native)
    {:ok, %__MODULE__{native: native, loop: loop, connects: Connects.new(cluster)}}
  end

  @impl GenServer
  def handle_call(:counters, _from, state) do
    {:reply, Native.counters(state.native), state}
  end

  @impl GenServer
  def handle_info({:gossip_peer, node}, state) do
    {:noreply, %{state | connects: Connects.start(state.connects, node)}}
  end

  def handle_info({:nodedown, node, _info}, state) do
    case Connects.down(state.connects, node) do
      {:unsettled, connects} ->
        {:noreply, %{state | connects: connects}}

      :settled ->
        Native.report(state.native, node, :down)
        {:noreply, state}
    end
  end

  # What is left is of no concern, and may not end the strategy: :nodeup, strangers' messages.
  def handle_info(message, state) do
    case Connects.ended(state.connects, message) do
      {node, outcome, connects} ->
        Native.report(state.native, node, outcome)
        {:noreply, %{state | connects: connects}}

      :not_ours ->
        {:noreply, state}
    end
  end

  defp start_seeds(%{seeds: []}, _topology, _native), do: :ok

  defp start_seeds(options, topology, native) do
    {:ok, _} = Seeds.start_link(options, topology, &Native.seeds(native, &1))
    :ok
  end

  defp warn_if_crowded(topology) do
    if Loop.crowded?() do
      loops = Native.loops()

      warn(
        topology,
        "#{loops} loops hold all #{:erlang.system_info(:dirty_io_schedulers)} dirty IO " <>
          "schedulers of this BEAM, and files wait for them: start it with +SDio #{loops + 8}"
      )
    end
  end
end
