defmodule NativeGossip.Await do
  @moduledoc """
  Has the start of an application wait for the cluster, where its children need it: Horde, Mnesia,
  `Phoenix.Presence`.

      children = [
        {Cluster.Supervisor, [topologies, [name: MyApp.ClusterSupervisor]]},
        {NativeGossip.Await, topology: :lan, nodes: 2, timeout: 10_000},
        MyApp.WhatNeedsTheCluster
      ]

  Its supervisor goes on with the children behind it once the nodes are connected, and at the latest after the
  timeout. Nodes that do not come never stop the start; a wrong option does, with an `ArgumentError`. A line in the
  log says what was awaited, what is there, and after how long; it is the event
  `[:native_gossip, :cluster, :awaited]` of `NativeGossip.Telemetry`. No process is left, and when the supervisor
  restarts its other children it does not wait again.

  `NativeGossip.await/2` is the same for code of your own.

  | option | default | meaning |
  |---|---|---|
  | `topology` | | its name in the configuration of libcluster. It need not run yet, but something must start it meanwhile |
  | `nodes` | | how many **other** nodes: in a cluster of three, 2. Or a list of their names, in which this node itself counts as connected |
  | `timeout` | 10 000 | how long at most, in ms |

  Nodes count that are connected and visible, as in `Node.list/0`, whoever connected them. Where this node has no
  name it waits as well, since it may get one.
  """

  alias NativeGossip.{Events, Native, Topologies}

  @enforce_keys [:topology, :nodes]
  defstruct @enforce_keys ++ [timeout: 10_000]

  # What `receive` takes: 49 days.
  @longest 4_294_967_295

  @typedoc "How many other nodes, or which ones."
  @type nodes :: non_neg_integer | [node]

  @type option ::
          {:topology, atom} | {:nodes, nodes} | {:timeout, milliseconds :: non_neg_integer}

  @typedoc """
  What was seen at the end: the nodes that are connected; of those that were awaited by name the ones that are not;
  how many other nodes were heard within the last day, or nil where the topology does not run; and how long it took.
  """
  @type seen :: %{
          connected: [node],
          absent: [node],
          heard: non_neg_integer | nil,
          waited_ms: non_neg_integer
        }

  @typep t :: %__MODULE__{topology: atom, nodes: nodes, timeout: non_neg_integer}

  @doc false
  @spec child_spec([option]) :: Supervisor.child_spec()
  def child_spec(options) do
    %__MODULE__{topology: topology} = checked!(options, "NativeGossip.Await")

    %{
      id: {__MODULE__, topology},
      start: {__MODULE__, :start_link, [options]},
      restart: :temporary
    }
  end

  @doc false
  @spec start_link([option]) :: :ignore
  def start_link(options) do
    await = checked!(options, "NativeGossip.Await")
    {outcome, seen} = wait(await)
    {heard, fields} = Map.pop!(seen, :heard)
    fields = if heard, do: Map.put(fields, :heard, heard), else: fields
    fields = Map.merge(fields, %{awaited: await.nodes, outcome: outcome, alive: Node.alive?()})
    :ok = Events.emit(await.topology, {:cluster_awaited, fields})
    :ignore
  end

  @doc false
  @spec await(topology :: atom, [option]) :: {:ok, seen} | {:error, seen}
  def await(topology, options) do
    options = if is_list(options), do: [{:topology, topology} | options], else: options
    options |> checked!("NativeGossip.await/2") |> wait()
  end

  # Messages of nodes that come and go are none of the caller's: they go to a process of their own.
  @spec wait(t) :: {:ok, seen} | {:error, seen}
  defp wait(await) do
    started = now()

    {_pid, ref} =
      spawn_monitor(__MODULE__, :watch, [self(), await.nodes, started + await.timeout])

    receive do
      {:DOWN, ^ref, :process, _pid, reason} ->
        {outcome, connected} =
          case reason do
            {:shutdown, {__MODULE__, seen}} -> seen
            # Somebody has killed it.
            _ -> count(await.nodes)
          end

        {outcome,
         %{
           connected: Enum.sort(connected),
           absent: absent(await.nodes, connected),
           heard: heard(await.topology),
           waited_ms: now() - started
         }}
    end
  end

  @doc false
  @spec watch(caller :: pid, nodes, deadline :: integer) :: no_return
  def watch(caller, nodes, deadline) do
    caller = Process.monitor(caller)
    # A node that is not alive yet is told when it is, too.
    :ok = :net_kernel.monitor_nodes(true)
    exit({:shutdown, {__MODULE__, watched(caller, nodes, deadline)}})
  end

  defp watched(caller, nodes, deadline) do
    # Of thousands that come at once, each is one of those that are counted now.
    flush_changes()

    with {:error, _} = absent <- count(nodes) do
      receive do
        {change, _node} when change in [:nodeup, :nodedown] ->
          if now() < deadline, do: watched(caller, nodes, deadline), else: absent

        {:DOWN, ^caller, :process, _pid, _reason} ->
          exit(:normal)
      after
        max(deadline - now(), 0) -> count(nodes)
      end
    end
  end

  defp flush_changes do
    receive do
      {change, _node} when change in [:nodeup, :nodedown] -> flush_changes()
    after
      0 -> :ok
    end
  end

  defp count(nodes) do
    connected = Node.list()
    {if(there?(nodes, connected), do: :ok, else: :error), connected}
  end

  defp there?(count, connected) when is_integer(count), do: length(connected) >= count
  defp there?(nodes, connected), do: absent(nodes, connected) == []

  defp absent(count, _connected) when is_integer(count), do: []
  defp absent(nodes, connected), do: Enum.uniq(nodes) -- [node() | connected]

  # Where two topologies have one name, the one that hears more.
  defp heard(topology) do
    counts =
      for {^topology, _strategy, loop} <- Topologies.all(),
          %{signed: signed, unsigned: unsigned} = Native.readiness(loop),
          do: Enum.sum(signed) + unsigned

    Enum.max(counts, fn -> nil end)
  end

  defp now, do: System.monotonic_time(:millisecond)

  @spec checked!(term, whose :: String.t()) :: t
  defp checked!(options, whose) do
    unless Keyword.keyword?(options) do
      refuse!("the options of #{whose}", "a keyword list, as [topology: :lan, nodes: 2]", options)
    end

    for {name, _} <- options, name not in [:topology, :nodes, :timeout] do
      refuse!("the options of #{whose}", "none but :topology, :nodes and :timeout", name)
    end

    await = struct(__MODULE__, options)

    for {name, value} <- Map.from_struct(await), not valid?(name, value) do
      given = if name in Keyword.keys(options), do: value, else: :nothing
      refuse!("option #{inspect(name)} of #{whose}", expected(name), given)
    end

    await
  end

  defp valid?(:topology, name), do: is_atom(name) and name not in [nil, true, false]
  defp valid?(:timeout, timeout), do: is_integer(timeout) and timeout in 0..@longest
  defp valid?(:nodes, count) when is_integer(count), do: count >= 0

  defp valid?(:nodes, names),
    do: is_list(names) and not List.improper?(names) and Enum.all?(names, &node_name?/1)

  defp node_name?(name), do: is_atom(name) and Atom.to_string(name) =~ ~r/.@./

  defp expected(:topology), do: "the name of a topology, as :lan in topologies: [lan: …]"
  defp expected(:timeout), do: "how long to wait at most, in ms, from 0 to #{@longest}"

  defp expected(:nodes) do
    "how many other nodes to wait for, from 0 (2 in a cluster of three), or a list of their names, as " <>
      ~s([:"b@10.0.0.6"])
  end

  @spec refuse!(String.t(), String.t(), term) :: no_return
  defp refuse!(what, expected, given) do
    given = if given == :nothing, do: "nothing", else: inspect(given)
    raise ArgumentError, "#{what}: expected #{expected}, got: #{given}"
  end
end
