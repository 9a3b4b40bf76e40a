defmodule NativeGossip do
  @moduledoc """
  What can be asked of the topologies that run with `NativeGossip.Strategy` on this node.

      NativeGossip.counters(:lan)
      #=> %{sent: 12, received: 37, accepted: 25, …}

  A topology is named as in the configuration of libcluster. Where two supervisors run topologies of one
  name, give the pid of a strategy instead: `topologies/0` has them.
  """

  alias NativeGossip.{Native, Topologies}

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
  What a topology has counted since its strategy started: heartbeats `sent`, packets `received`,
  heartbeats of other nodes (`accepted`), peers `announced`, own heartbeats that came back (`echoed`), and
  packets refused, by cause: `malformed`, `name`, `undecryptable`, `unsealed`, `over_limit`.

  Calls no process, and never waits. Raises `ArgumentError` with the topologies that run where the given one
  does not, or runs more than once.
  """
  @spec counters(topology | pid) :: %{atom => non_neg_integer}
  def counters(topology_or_pid) do
    {_topology, _strategy, loop} = Topologies.find!(topology_or_pid)
    Native.counters(loop)
  end
end
