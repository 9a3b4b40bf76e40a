defmodule NativeGossip.Dev.Inside do
  @moduledoc """
  What a test has done inside a node, by `NativeGossip.Dev.Beam.call/4`.

  Everything is named by its topology and looked up where it runs: the pid of a process does not
  survive the moment at which its node gets a name.
  """

  alias NativeGossip.Dev.OsProcess

  @doc "Starts these topologies as an application would; they outlive the call."
  @spec start_cluster(keyword) :: :ok
  def start_cluster(topologies) do
    # A start that fails would end the call before its reason could be said.
    Process.flag(:trap_exit, true)

    case Cluster.Supervisor.start_link([topologies, [name: __MODULE__]]) do
      {:ok, supervisor} ->
        Process.unlink(supervisor)
        :ok

      {:error, reason} ->
        raise "the topologies do not start: " <> Exception.format_exit(reason)
    end
  end

  @doc """
  The same under a supervisor that never gives up: `Cluster.Supervisor` gives up at the fourth
  restart within five seconds, and is started again.
  """
  @spec start_lasting_cluster(keyword) :: :ok
  def start_lasting_cluster(topologies) do
    child = {Cluster.Supervisor, [topologies, [name: __MODULE__]]}
    options = [strategy: :one_for_one, max_restarts: 1_000_000]
    {:ok, supervisor} = Supervisor.start_link([child], options)
    Process.unlink(supervisor)
    :ok
  end

  @doc """
  Gives the node a name without a listener: heartbeats are sent, nobody can connect, and no epmd is
  needed.
  """
  @spec become(node) :: :ok
  def become(name) do
    {:ok, _} = :net_kernel.start(name, %{name_domain: :longnames, dist_listen: false})
    :ok
  end

  @doc "Stands in for `connect` of a topology: it takes its time, and every other name fails."
  @spec connect(node) :: boolean
  def connect(node) do
    number = :erlang.phash2(node, 20)
    Process.sleep(number)
    rem(number, 2) == 0
  end

  @doc "Stands in for `list_nodes`."
  @spec list_nodes :: [node]
  def list_nodes, do: []

  @spec stop_cluster :: :ok
  def stop_cluster, do: Supervisor.stop(__MODULE__)

  @doc "The strategy's process, or nil between its end and its restart."
  @spec strategy(atom) :: pid | nil
  def strategy(topology) do
    Enum.find_value(Supervisor.which_children(__MODULE__), fn
      {^topology, pid, _, _} when is_pid(pid) -> pid
      _ -> nil
    end)
  catch
    :exit, _ -> nil
  end

  @doc "The counters of the strategy, or nil between its end and its restart."
  @spec counters(atom) :: %{atom => non_neg_integer} | nil
  def counters(topology) do
    if pid = strategy(topology), do: NativeGossip.Strategy.counters(pid)
  catch
    :exit, _ -> nil
  end

  @doc "Ends the strategy, or the loop process linked to it, in one of three ways."
  @spec break(atom, :crash_strategy | :kill_strategy | :kill_loop) :: :ok
  def break(topology, :crash_strategy), do: GenServer.stop(strategy(topology), :broken_by_test)

  def break(topology, :kill_strategy) do
    Process.exit(strategy(topology), :kill)
    :ok
  end

  def break(topology, :kill_loop) do
    Process.exit(:sys.get_state(strategy(topology)).loop, :kill)
    :ok
  end

  @doc """
  Takes the membership of a group from every UDP socket of this BEAM that is bound to `port`, behind
  the back of whoever owns it; returns from how many.
  """
  @spec leave_group(:inet.port_number(), :inet.ip4_address()) :: non_neg_integer
  def leave_group(port, group) do
    os_pid = List.to_integer(:os.getpid())
    leave = %{multiaddr: group, interface: {0, 0, 0, 0}}
    descriptors = OsProcess.udp_descriptors(os_pid, port)
    caller = self()

    # Erlang's copies of the descriptors are kept: before it closes a socket it makes it a blocking
    # one, and that would hold for the owner's descriptor too.
    spawn(fn ->
      sockets =
        for descriptor <- descriptors do
          {:ok, socket} = :socket.open(descriptor, %{dup: true})
          :ok = :socket.setopt(socket, {:ip, :drop_membership}, leave)
          socket
        end

      send(caller, {:left, self()})
      receive do: ({:close, ^sockets} -> :ok)
    end)

    receive do: ({:left, _} -> length(descriptors))
  end
end
