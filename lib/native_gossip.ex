defmodule NativeGossip do
  @moduledoc """
  What can be asked of the topologies that run with `NativeGossip.Strategy` on this node.

      NativeGossip.counters(:lan)
      #=> %{sent: 12, received: 37, accepted: 25, …}

  A topology is named as in the configuration of libcluster. Where two supervisors run topologies of one
  name, give the pid of a strategy instead: `topologies/0` has them.
  """

  alias NativeGossip.{
    Await,
    ClusterMap,
    Events,
    Native,
    Peer,
    Prober,
    Snapshot,
    Status,
    Topologies
  }

  @typedoc "The name of a topology in the configuration of libcluster."
  @type topology :: atom

  @doc """
  The topologies that run, each with the pid of its strategy, in the order of their names.

      NativeGossip.topologies()
      #=> [lan: #PID<0.231.0>]
  """
  @spec topologies() :: [{topology, pid}]
  def topologies,
    do: for({topology, strategy, _loop} <- Topologies.all(), do: {topology, strategy})

  @doc """
  How a topology is at this moment: its socket, the interfaces, what was sent, taken and refused, and what does
  not work. `NativeGossip.Status` has the fields, and prints well.

      NativeGossip.status(:lan)
      #=> #NativeGossip.Status<lan: 2 peers connected …>

  The loop is asked, and answers between two batches of packets: it is for people and dashboards, and not for each request
  of an application. `counters/1` asks nobody.

  Raises `ArgumentError` with the topologies that run where the given one does not, or runs more than once; and
  `RuntimeError` where it does not answer within 5 s. Leaves no message to the caller.

  Not for handlers of telemetry: many of them run in the loop itself, which would wait for its own answer. There it
  raises `RuntimeError`, too.
  """
  @spec status(topology | pid) :: Status.t()
  def status(topology_or_pid) do
    {topology, fields} = Snapshot.take!(topology_or_pid, :status)
    Status.new(topology, fields)
  end

  @doc """
  The status of each topology that runs, in the order of their names. One that stops meanwhile is left out.
  """
  @spec status() :: [Status.t()]
  def status,
    do: for({topology, fields} <- Snapshot.take_all(:status), do: Status.new(topology, fields))

  @doc """
  The peers of a topology at this moment: those of whom it has heard, in the order of their names, and as many as
  option `max_peers` at most. `NativeGossip.Peer` has the fields.

      NativeGossip.peers(:lan) |> NativeGossip.Peer.table() |> IO.puts()

  Raises as `status/1`.
  """
  @spec peers(topology | pid) :: [Peer.t()]
  def peers(topology_or_pid) do
    {_topology, peers} = Snapshot.take!(topology_or_pid, :peers)
    causes = causes(topology_or_pid)
    hidden = Enum.map(Node.list(:hidden), &Atom.to_string/1)
    peers = for peer <- peers, do: peer |> Peer.new() |> Peer.complete(causes, hidden)
    Enum.sort_by(peers, & &1.name)
  end

  defp causes(topology_or_pid) do
    %{prober: prober} = topology_or_pid |> Topologies.find!() |> Topologies.processes()
    if prober, do: Prober.causes(prober), else: %{}
  end

  @doc """
  The cluster at one look: who hears whom, by which interface, how long ago and with how much loss, and who is
  connected to whom. `NativeGossip.ClusterMap` has the fields, and what is printed of it.

      NativeGossip.map(:lan) |> IO.puts()

  All connected nodes are asked at once, by `:erpc`. `timeout` is how long to wait for each of them, in ms, 6,000
  without it: after it the map is there, and shows who did not answer. Nodes without native_gossip are shown as such.
  From outside of the cluster, `mix native_gossip.map` does the same.

  Raises `ArgumentError` with the topologies that run where the given one does not run on this node, and where an
  option is wrong. No node is connected to for it, and no message is left to the caller.
  """
  @spec map(topology, [ClusterMap.option()]) :: ClusterMap.t()
  defdelegate map(topology, options \\ []), to: ClusterMap, as: :make

  @doc """
  What a topology has counted since its strategy started: heartbeats `sent`, packets `received`,
  heartbeats of other nodes (`accepted`) and those of them that are signed with none of our secrets
  (`accepted_unsigned`), copies of them that came by another way (`copied`), peers `announced`, own heartbeats
  that came back (`echoed`), and packets refused, by cause: `malformed`, `doctor`, `name`, `undecryptable`,
  `unsealed`, `signature`, `unsigned`, `stale`, `replayed`, `twin`, `cluster`, `filtered`, `over_limit`.

  Calls no process, and never waits. Raises `ArgumentError` with the topologies that run where the given one
  does not, or runs more than once.
  """
  @spec counters(topology | pid) :: %{atom => non_neg_integer}
  def counters(topology_or_pid), do: topology_or_pid |> loop!() |> Native.counters()

  @doc """
  Has this node say that it is about to stop, so that nobody connects to it any more.

  With a secret, four signed heartbeats within a second say so. Then, and without a secret at once, no more
  heartbeats are sent and no peers are connected to. Nodes of this strategy connect to this one no more until
  it speaks again; nodes of the stock strategy hear nothing new of it. Nobody is disconnected.

  For a rolling deploy, call it before the supervisors stop, and give the heartbeats their second:

      # in the module of your application
      def prep_stop(state) do
        for {topology, _} <- NativeGossip.topologies(), do: NativeGossip.drain(topology)
        Process.sleep(1_000)
        state
      end

  It is for good: only a strategy that is started again speaks again, also one that crashed and that its
  supervisor restarts. Returns before the heartbeats are sent. Raises as `counters/1`.
  """
  @spec drain(topology | pid) :: :ok
  def drain(topology_or_pid) do
    {topology, _strategy, loop} = Topologies.find!(topology_or_pid)
    :ok = Native.drain(loop)
    Events.emit(topology, {:node_drained, %{}})
  end

  @doc """
  Which nodes sign: counts of the names whose heartbeats were taken within the last day, each by its last one.

      NativeGossip.readiness(:lan)
      #=> %{signed: [7, 2], unsigned: 1}

  `signed` has a count for each secret, in the order of option `secret`: while a secret is changed, the old one
  may go when its count is 0 on every node. `unsigned` are those that do not sign, or with none of our secrets:
  at 0, `authentication: :required` refuses nobody who was heard. This node itself is not among them.

  The counts are up to three seconds old. Without a secret, `signed` is `[]`. Raises as `counters/1`.
  """
  @spec readiness(topology | pid) :: %{signed: [non_neg_integer], unsigned: non_neg_integer}
  def readiness(topology_or_pid), do: topology_or_pid |> loop!() |> Native.readiness()

  @doc """
  Waits until other nodes are connected, at the latest until the timeout.

      NativeGossip.await(:lan, nodes: 2, timeout: 10_000)
      #=> {:ok, %{connected: [:"b@10.0.0.6", :"c@10.0.0.7"], absent: [], heard: 2, waited_ms: 812}}

  `nodes` is how many others, or a list of their names; `timeout` is in ms, 10,000 without it. After the timeout
  it returns `{:error, seen}`, with the same of what it saw: `absent` are those awaited by name that are not
  connected, `heard` is how many other nodes were heard within the last day, nil where the topology does not run.

  It need not run yet. Nothing is logged, no message is left to the caller. Raises `ArgumentError` where an option
  is wrong. `NativeGossip.Await` is the same for a supervisor.
  """
  @spec await(topology, [Await.option()]) :: {:ok, Await.seen()} | {:error, Await.seen()}
  defdelegate await(topology, options), to: Await

  defp loop!(topology_or_pid) do
    {_topology, _strategy, loop} = Topologies.find!(topology_or_pid)
    loop
  end
end
