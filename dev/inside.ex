defmodule NativeGossip.Dev.Inside do
  @moduledoc """
  What is done inside a node, by `NativeGossip.Dev.Beam.call/4`.

  Everything is named by its topology and looked up where it runs: the pid of a process does not
  survive the moment at which its node gets a name.
  """

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

  @doc "Starts children in their order, as the supervisor of an application does; they outlive the call."
  @spec start_application([Supervisor.child_spec() | {module, term}]) :: :ok
  def start_application(children) do
    {:ok, supervisor} = Supervisor.start_link(children, strategy: :one_for_one)
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
    if pid = strategy(topology), do: NativeGossip.counters(pid)
  rescue
    # It has ended meanwhile.
    ArgumentError -> nil
  end
end
