defmodule NativeGossip.Strategy do
  @moduledoc """
  A strategy for libcluster that finds nodes by UDP multicast or broadcast, as
  `Cluster.Strategy.Gossip` does, with the same packets and the same options.

      config :libcluster,
        topologies: [
          lan: [
            strategy: NativeGossip.Strategy,
            config: [secret: System.fetch_env!("GOSSIP_SECRET")]
          ]
        ]

  ## Options

  #{NativeGossip.Options.table()}
  An option of another form stops the start with an `ArgumentError`, and a BEAM that has no file descriptors left with
  a `RuntimeError`. The network never does: what cannot be opened or joined is reported in the log, and tried again
  until it can.

  `connect`, `list_nodes` and the `debug` flag of libcluster have the meaning that they have for
  every strategy. `NativeGossip` tells what became of every packet, and has a node say that it leaves.
  """

  use GenServer
  use Cluster.Strategy

  alias Cluster.Strategy.State
  alias NativeGossip.{Connector, Events, Loop, Native, Options, Prober, Seeds, Topologies}
  alias NativeGossip.Events.Log

  # No options: what crash reports, `:sys.get_state/1` and the like show has no secret in it.
  @enforce_keys [:native, :loop, :parts, :connector, :prober, :heeds_nodeup?]
  defstruct @enforce_keys

  # What a topology has that has none of its own.
  @list_nodes {:erlang, :nodes, [:connected]}
  @connect {:net_kernel, :connect_node, []}

  # In ms. A `list_nodes` of the user's own may forget a node in silence, and a `connect` say that a node
  # is connected that is not. The stock strategy would see it at the next heartbeat, at the latest after
  # this time.
  @refresh_interval 5_000

  @impl Cluster.Strategy
  def start_link([%State{config: config, topology: topology} = cluster]) do
    options = Options.validate!(config, topology)
    warnings = Options.Rules.warnings(options, config)
    GenServer.start_link(__MODULE__, {%{cluster | config: []}, options, warnings})
  end

  # It traps exits so that a connection attempt, which is linked to it, may crash. What it cannot do
  # without ends it, as a link does: its parts.
  @impl GenServer
  def init({%State{topology: topology} = cluster, options, warnings}) do
    Process.flag(:trap_exit, true)
    :ok = Log.attach_without_application()
    Enum.each(warnings, &Events.emit(topology, &1))
    :ok = :net_kernel.monitor_nodes(true, [:nodedown_reason, node_type: :all])
    failed = "topology #{inspect(topology)} does not start"
    native = Loop.open(options, refresh_interval(cluster), failed)
    warn_if_crowded(topology)

    about = %{
      topology: topology,
      heartbeat_form: Options.heartbeat_form(options),
      authentication: options.authentication
    }

    tell_broadcast(options, about)
    {:ok, loop} = Loop.start_link(native, about)
    prober = start_prober(options, cluster)
    seeds = start_seeds(options, topology, native)
    processes = %{loop: loop, prober: prober}
    parts = [loop, seeds, Topologies.register(topology, native, processes)]

    {:ok,
     %__MODULE__{
       native: native,
       loop: loop,
       parts: parts,
       connector: Connector.new(cluster),
       prober: prober,
       # Where `list_nodes` has the last word, it is asked.
       heeds_nodeup?: cluster.list_nodes == @list_nodes
     }}
  end

  # :nodeup and :nodedown tell all that the defaults do.
  defp refresh_interval(%State{connect: @connect, list_nodes: @list_nodes}), do: nil
  defp refresh_interval(%State{}), do: @refresh_interval

  defp start_seeds(%{seeds: []}, _topology, _native), do: nil

  defp start_seeds(options, topology, native) do
    {:ok, seeds} = Seeds.start_link(options, topology, {Native, :set_seeds, [native]})
    seeds
  end

  # What a probe finds out is what Erlang's own way to connect would meet.
  defp start_prober(%{probe: true}, %State{connect: {:net_kernel, _, _}, topology: topology}) do
    {:ok, prober} = Prober.start_link(topology, strategy: self())
    prober
  end

  defp start_prober(_options, _cluster), do: nil

  @impl GenServer
  def handle_info({:gossip_peer, node}, state) when is_atom(node) do
    case Connector.start(state.connector, node) do
      {:ok, connector} -> {:noreply, %{state | connector: connector}}
      {:error, :full} -> {:noreply, report(state, node, :unreachable)}
    end
  end

  # The other side has connected, most likely.
  def handle_info({:nodeup, node, _info}, %{heeds_nodeup?: true} = state) when is_atom(node),
    do: {:noreply, notice(state, node, :connected)}

  def handle_info({:nodedown, node, info}, state) when is_atom(node) do
    :ok = tell_disconnect(state.prober, node, info)
    {:noreply, notice(state, node, :down)}
  end

  # Without it no cause is told, and all else goes on.
  def handle_info({:EXIT, prober, _reason}, %{prober: prober} = state),
    do: {:noreply, %{state | prober: nil}}

  # Its own report has been logged.
  def handle_info({:EXIT, pid, reason}, %{parts: parts} = state) do
    if pid in parts, do: {:stop, {:shutdown, reason}, state}, else: {:noreply, state}
  end

  # What is left is of no concern, and may not end the strategy: strangers' messages.
  def handle_info(message, state) do
    case Connector.ended(state.connector, message) do
      {node, outcome, connector} ->
        :ok = tell_prober(state.prober, node, outcome)
        {:noreply, report(%{state | connector: connector}, node, outcome)}

      :not_ours ->
        {:noreply, state}
    end
  end

  # While an attempt is in flight, its end is the report.
  defp notice(state, node, change) do
    case Connector.notice(state.connector, node, change) do
      {:unsettled, connector} ->
        %{state | connector: connector}

      :settled ->
        :ok = tell_prober(state.prober, node, change)
        report(state, node, change)
    end
  end

  defp tell_prober(prober, node, :unreachable) when prober != nil, do: Prober.failed(prober, node)

  defp tell_prober(prober, node, :connected) when prober != nil,
    do: Prober.connected(prober, node)

  defp tell_prober(_prober, _node, _outcome), do: :ok

  # Where this node itself has disconnected the other one: global did, or a call.
  defp tell_disconnect(prober, node, info) when prober != nil and is_list(info) do
    if {:nodedown_reason, :disconnect} in info, do: Prober.disconnected(prober, node), else: :ok
  end

  defp tell_disconnect(_prober, _node, _info), do: :ok

  defp report(state, node, outcome) do
    :ok = Native.report(state.native, node, outcome)
    state
  end

  # Nothing of this project calls a strategy. Whoever does is answered, and nothing ends.
  @impl GenServer
  def handle_call(_stray, _from, state), do: {:reply, {:error, :unknown_call}, state}

  @impl GenServer
  def handle_cast(_stray, state), do: {:noreply, state}

  # What is told of a group when it is joined.
  defp tell_broadcast(%{broadcast_only: false}, _about), do: :ok

  defp tell_broadcast(%{multicast_addr: address, port: port}, about) do
    event = {:broadcast_chosen, %{target: {address, port}, heartbeat_form: about.heartbeat_form}}
    Events.emit(about.topology, event)
  end

  defp warn_if_crowded(topology) do
    if Loop.crowded?() do
      schedulers = :erlang.system_info(:dirty_io_schedulers)
      event = {:schedulers_crowded, %{loops: Native.loops(), schedulers: schedulers}}
      Events.emit(topology, event)
    end
  end
end
