defmodule NativeGossip.Test.Lan do
  @moduledoc """
  Hosts on one network, each with its address, its epmd and BEAM nodes of its own.

  The nodes are started with `-connect_all false`: they connect to whom their strategy tells them,
  and never because a third node knows both. A mesh is then the strategy's work alone.
  """
  alias NativeGossip.Test.{Beam, Epmd, Inside, Network}

  @epmd_port 4369

  @doc "A host with its epmd; options as in `NativeGossip.Test.Network.add_host/3`."
  @spec host(GenServer.server(), 1..254, keyword) :: Network.Host.t()
  def host(network, number, options \\ []) do
    host = Network.add_host(network, number, options)
    Epmd.start_link(enter: host.enter, port: @epmd_port)
    host
  end

  @doc """
  A node on a host, called NAME@ADDRESS.

  Options: `:name` (`"n"` and the host's number; nil for a node that is not alive), and those of
  `NativeGossip.Test.Beam.start_link/1`.
  """
  @spec beam(Network.Host.t(), keyword) :: Beam.t()
  def beam(host, options \\ []) do
    {name, options} = Keyword.pop(options, :name, "n#{host.number}")
    {arguments, options} = Keyword.pop(options, :args, [])

    Beam.start_link(
      [
        name: name && full_name(host, name),
        enter: host.enter,
        epmd_port: @epmd_port,
        args: ["-connect_all", "false" | arguments]
      ] ++ options
    )
  end

  @doc "Hosts with these numbers and one node on each."
  @spec beams(GenServer.server(), Enumerable.t()) :: [Beam.t()]
  def beams(network, numbers), do: Enum.map(numbers, &beam(host(network, &1)))

  @spec full_name(Network.Host.t(), String.t()) :: String.t()
  def full_name(host, name), do: name <> "@" <> host.address

  @doc "Starts one topology called `lan` in the node, with short gaps between heartbeats."
  @spec join(Beam.t(), keyword, module) :: :ok
  def join(beam, config, strategy \\ NativeGossip.Strategy) do
    config = Keyword.put_new(config, :heartbeat_interval, 200)
    Beam.call(beam, Inside, :start_cluster, [[lan: [strategy: strategy, config: config]]])
  end

  @doc "The counters of the topology called `lan`; nil while its strategy restarts."
  @spec counters(Beam.t()) :: %{atom => non_neg_integer} | nil
  def counters(beam), do: Beam.call(beam, Inside, :counters, [:lan])
end
