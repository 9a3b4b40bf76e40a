defmodule NativeGossip.Prober do
  @moduledoc """
  Has nodes probed whose connection attempts fail, or which this node itself disconnects again and again, rarely, and
  tells their cause once, and again when it changes: of one node 12 times a day at most.

  It belongs to a strategy, which tells it of each attempt that failed, and of each node that was connected, or
  disconnected by this one. It has no timers: a probe is made when an attempt fails and one is due, so all ends with
  the heartbeats of the node, which make the attempts. Nothing waits for it, and it waits for nothing: the probe runs
  in a process of its own.

  What this costs a cluster of n nodes that all fail to connect to one: each makes attempts at it, after pauses of
  1 to 30 s, with two connections each. The probes are as heavy, and far fewer: the first one is due at the second
  failure or up to 20 ms for each connected node later, so that about 50 a second come, and then after pauses that
  double to a quarter of an hour. Of 10,000 nodes 10,000 / 30 s = 333 attempts a second come in the end, and
  10,000 / 900 s = 11 probes.
  """

  use GenServer

  alias NativeGossip.{Events, Probe, Snapshot}

  # Failures in a row before the first probe. A single one is often a node that is still starting, or both
  # sides connecting at once.
  @failures 2

  # A node is kept apart when this one has disconnected it twice, the second time within five minutes (in ms) of the
  # first. A single time may be a call of Node.disconnect/1. Attempts to connect again come every 30 s at the latest.
  @disconnects 2
  @recently 300_000

  # In ms, for each node that this one is connected to: the first probes of a whole cluster do not come at once.
  @spread 20

  # In ms, between two probes of one node, the first and the longest. Attempts, which are the proof that something
  # was mended, come every 30 s; of a cause that changes it is enough to read within a quarter of an hour.
  @pauses {60_000, 900_000}

  # Probes in a minute: as many as there are lines about peers that cannot be reached, since each may be a line.
  @per_minute 10

  # Nodes that are kept in mind. To tell of more than these, one by one, helps nobody.
  @max_peers 256

  # In ms. A node of which no trouble was told for so long is gone or connected: it makes room.
  @forgotten 120_000

  # In ms, before the same cause is told again of a node that was connected since: it may be connected and cut off
  # all day.
  @told_again 1_800_000

  # A cause that changes at each probe, as behind a loose cable, is not to fill the log: three lines about a node at
  # once, then pauses of 1, 4, 16, 64 minutes and four hours, as the Rust half has them for a fault
  # (`native/core/src/alerts/throttle.rs`, with which a test compares them). That makes 12 lines a day of the 100
  # probes. In ms, the first pause and the longest; after as long without a failure the next line is the first again.
  @lines_at_once 3
  @line_pauses {60_000, 14_400_000}

  @enforce_keys [:topology]
  defstruct @enforce_keys ++
              [
                strategy: nil,
                probe: &Probe.run/2,
                source: &Snapshot.source/2,
                now: &__MODULE__.now/0,
                nodes: &__MODULE__.nodes/0,
                running: nil,
                began: [],
                peers: %{}
              ]

  @doc """
  Starts the process, linked to the caller, with which it ends.

  `strategy` is the process that knows from which address a node was heard. Further options replace, for a test:
  `probe` (as `NativeGossip.Probe.run/2`), `source` (as `NativeGossip.Snapshot.source/2`), `now` (monotonic, in ms)
  and `nodes` (how many this one is connected to).
  """
  @spec start_link(topology :: atom, keyword) :: GenServer.on_start()
  def start_link(topology, options \\ []) do
    GenServer.start_link(__MODULE__, struct!(%__MODULE__{topology: topology}, options))
  end

  @doc "Says that an attempt to connect to the node has failed."
  @spec failed(pid, node) :: :ok
  def failed(prober, node), do: GenServer.cast(prober, {:failed, node})

  @doc """
  Says that this node has disconnected the node. Who did so, `global` or a call of `Node.disconnect/1`, is not known.
  """
  @spec disconnected(pid, node) :: :ok
  def disconnected(prober, node), do: GenServer.cast(prober, {:disconnected, node})

  @doc "Says that the node is connected."
  @spec connected(pid, node) :: :ok
  def connected(prober, node), do: GenServer.cast(prober, {:connected, node})

  @doc """
  The causes that were found, by the names of the nodes: of each that was not connected since. None where the process
  has ended, or is too busy to answer within a second.
  """
  @spec causes(pid) :: %{(name :: String.t()) => Probe.Cause.t()}
  def causes(prober) do
    GenServer.call(prober, :causes, 1_000)
  catch
    :exit, _ -> %{}
  end

  @doc false
  def now, do: System.monotonic_time(:millisecond)

  @doc false
  def nodes, do: length(Node.list(:connected))

  # Exits are trapped so that a probe which is killed ends nothing else. That of the caller of start_link/2 ends
  # this process nevertheless, for whatever reason it comes.
  @impl GenServer
  def init(prober) do
    Process.flag(:trap_exit, true)
    {:ok, prober}
  end

  @impl GenServer
  def handle_cast({:failed, node}, prober), do: {:noreply, note(prober, node, &note_failure/3)}

  def handle_cast({:disconnected, node}, prober),
    do: {:noreply, note(prober, node, &note_disconnect/3)}

  def handle_cast({:connected, node}, %{peers: peers} = prober) when is_map_key(peers, node) do
    {:noreply, update_in(prober.peers[node], &note_connection/1)}
  end

  def handle_cast(_other, prober), do: {:noreply, prober}

  @impl GenServer
  def handle_call(:causes, _from, prober) do
    now = prober.now.()

    causes =
      for {node, %{last: %{cause: cause}} = peer} <- prober.peers,
          cause != :kept_apart or kept_apart?(peer, now),
          into: %{},
          do: {Atom.to_string(node), cause}

    {:reply, causes, prober}
  end

  def handle_call(_stray, _from, prober), do: {:reply, {:error, :unknown_call}, prober}

  @impl GenServer
  def handle_info({pid, %Probe.Result{} = result}, %{running: {pid, failures}} = prober),
    do: {:noreply, learn(prober, result, failures)}

  def handle_info({:EXIT, pid, _reason}, %{running: {pid, _failures}} = prober),
    do: {:noreply, %{prober | running: nil}}

  def handle_info(_stray, prober), do: {:noreply, prober}

  # What happened to a node.

  defp note(prober, node, note) do
    now = prober.now.()

    case peer(prober, node, now) do
      {:ok, peer, prober} ->
        peer = peer |> reschedule(prober, now) |> note.(prober, now)
        probe_if_due(put_in(prober.peers[node], %{peer | troubled_at: now}), node, now)

      :full ->
        prober
    end
  end

  defp note_failure(peer, prober, _now),
    do: confirm(%{peer | failures: peer.failures + 1}, prober)

  defp note_disconnect(peer, _prober, now) do
    before = if disconnected_lately?(peer, now), do: peer.disconnects, else: 0
    %{peer | disconnects: before + 1, disconnected_at: now}
  end

  # Between two times at which it is disconnected it is connected, and kept apart nevertheless.
  defp note_connection(peer) do
    told = peer.told && %{peer.told | connected_since?: true}
    last = if match?(%{cause: :kept_apart}, peer.last), do: peer.last
    %{peer | failures: 0, doubt: nil, last: last, told: told}
  end

  defp disconnected_lately?(%{disconnected_at: at}, now),
    do: at != nil and now - at < @recently

  defp kept_apart?(peer, now),
    do: peer.disconnects >= @disconnects and disconnected_lately?(peer, now)

  # Nodes that are kept in mind.

  defp peer(%{peers: peers} = prober, node, now) do
    case peers do
      %{^node => peer} -> {:ok, peer, prober}
      _ when map_size(peers) < @max_peers -> {:ok, new_peer(prober, now), prober}
      _ -> with_room(prober, now)
    end
  end

  defp new_peer(prober, now) do
    Map.merge(first_schedule(prober, now), %{
      failures: 0,
      disconnects: 0,
      disconnected_at: nil,
      troubled_at: now,
      doubt: nil,
      last: nil,
      told: nil
    })
  end

  defp first_schedule(prober, now) do
    {pause, _} = @pauses
    %{due: now + :rand.uniform(1 + @spread * prober.nodes.()) - 1, pause: pause}
  end

  # What fails again after half an hour is a new matter: its cause is not waited for.
  defp reschedule(%{troubled_at: at} = peer, prober, now) when now - at >= @told_again do
    {_, longest} = @line_pauses
    told = if now - at >= longest, do: peer.told && %{peer.told | lines: 0}, else: peer.told
    Map.merge(%{peer | told: told}, first_schedule(prober, now))
  end

  defp reschedule(peer, _prober, _now), do: peer

  defp with_room(prober, now) do
    {node, oldest} = Enum.min_by(prober.peers, fn {_, peer} -> peer.troubled_at end)

    if now - oldest.troubled_at >= @forgotten,
      do: {:ok, new_peer(prober, now), %{prober | peers: Map.delete(prober.peers, node)}},
      else: :full
  end

  # Probes.

  defp probe_if_due(%{running: nil} = prober, node, now) do
    peer = prober.peers[node]
    began = Enum.filter(prober.began, &(now - &1 < 60_000))
    troubled? = peer.failures >= @failures or kept_apart?(peer, now)

    if troubled? and peer.due <= now and length(began) < @per_minute do
      {_, longest} = @pauses
      due = now + div(peer.pause, 2) + :rand.uniform(peer.pause)
      running = {start(prober, node, seen(peer)), peer.failures}
      peer = %{peer | due: due, pause: min(2 * peer.pause, longest)}
      %{put_in(prober.peers[node], peer) | running: running, began: [now | began]}
    else
      prober
    end
  end

  defp probe_if_due(prober, _node, _now), do: prober

  # What the probe cannot see by itself.
  defp seen(%{failures: failures}) when failures >= @failures, do: [connect: :failed]
  defp seen(_kept_apart), do: [disconnected_by: :global]

  defp start(%{probe: probe, source: source, strategy: strategy}, node, seen) do
    prober = self()

    spawn_link(fn ->
      source = strategy && source.(strategy, node)
      options = if source, do: [heard_from: source] ++ seen, else: seen

      # An application may connect to and disconnect nodes that have nothing to do with the topology.
      if source != nil or seen[:disconnected_by] == nil,
        do: send(prober, {self(), probe.(node, options)})
    end)
  end

  # What is no cause, or said already: the other side may have connected meanwhile, two probes of one host may have
  # met, and that this node has no name is an event of its own (`node_unnamed`).
  @untold [:connected, :busy, :not_alive]

  # After a connection meanwhile the failures are counted from the start, and it is of those before.
  defp learn(prober, %{cause: cause, node: node} = result, failures_before) do
    case prober.peers do
      %{^node => %{failures: failures} = peer}
      when failures >= failures_before and cause not in @untold ->
        put_in(prober.peers[node], found(peer, prober, result))

      _ ->
        prober
    end
  end

  # That there is no connection was seen before the probe, and nothing in its way by the probe: between the two the
  # node may have been started. The next attempt tells.
  defp found(peer, _prober, %{cause: :cookie} = result), do: %{peer | doubt: result}
  defp found(peer, prober, result), do: hold(peer, prober, result)

  defp confirm(%{doubt: nil} = peer, _prober), do: peer
  defp confirm(%{doubt: result} = peer, prober), do: hold(peer, prober, result)

  defp hold(peer, prober, result),
    do: tell_change(%{peer | doubt: nil, last: result}, prober, result)

  # What is told again after a connection is the same cause; nothing else is told twice. What may not be told yet
  # is found by a later probe too, if it lasts.
  defp tell_change(%{told: nil} = peer, prober, result), do: tell(peer, prober, result)

  defp tell_change(%{told: told} = peer, prober, result) do
    pause = line_pause(told.lines)
    waited = prober.now.() - told.at

    tell? =
      if told.cause == result.cause,
        do: told.connected_since? and waited >= max(@told_again, pause),
        else: waited >= pause

    if tell?, do: tell(peer, prober, result), else: peer
  end

  defp line_pause(lines) when lines < @lines_at_once, do: 0

  defp line_pause(lines) do
    {first, longest} = @line_pauses
    # The longest is reached long before 4 to the power of 9.
    min(first * 4 ** min(lines - @lines_at_once, 9), longest)
  end

  defp tell(peer, prober, %{cause: cause} = result) do
    Events.emit(prober.topology, {:connect_failed, %{node: result.node, probe: result}})
    lines = if peer.told, do: peer.told.lines + 1, else: 1
    %{peer | told: %{cause: cause, at: prober.now.(), lines: lines, connected_since?: false}}
  end
end
