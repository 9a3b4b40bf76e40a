defmodule NativeGossip.Test.Lan do
  @moduledoc """
  Hosts on one network, each with its address, its epmd and BEAM nodes of its own.

  The nodes are started with `-connect_all false`: they connect to whom their strategy tells them,
  and never because a third node knows both. A mesh is then the strategy's work alone.
  """
  alias NativeGossip.Dev.{Beam, Epmd, Inside, Mesh}
  alias NativeGossip.Test.{Network, Requirement}

  @epmd_port 4369

  @doc "A host with its epmd; options as in `NativeGossip.Test.Network.add_host/3`."
  @spec host(GenServer.server(), 1..254, keyword) :: Network.Host.t()
  def host(network, number, options \\ []) do
    host = Network.add_host(network, number, options)
    %Epmd{} = Epmd.start_link(enter: host.enter, port: @epmd_port)
    host
  end

  @doc """
  A node on a host, called NAME@ADDRESS.

  Options: `:name` (`"n"` and the host's number; nil for a node that is not alive), `:connect_all`
  (false), and those of `NativeGossip.Dev.Beam.start_link/1`.
  """
  @spec beam(Network.Host.t(), keyword) :: Beam.t()
  def beam(host, options \\ []) do
    {name, options} = Keyword.pop(options, :name, "n#{host.number}")
    {arguments, options} = Keyword.pop(options, :args, [])
    {connect_all, options} = Keyword.pop(options, :connect_all, false)
    carrier = if host.family == :inet6, do: ["-proto_dist", "inet6_tcp"], else: []

    Beam.start_link(
      [
        name: name && full_name(host, name),
        enter: host.enter,
        epmd_port: @epmd_port,
        args: ["-connect_all", "#{connect_all}"] ++ carrier ++ arguments
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

  @doc "The stock strategy, which is in the real libcluster and not in the stand-in."
  @spec stock :: module
  def stock, do: Module.concat([Cluster, Strategy, Gossip])

  @doc "The stock strategy where it is there; else ours, which sends the same packets without a secret."
  @spec stock_or_ours :: module
  def stock_or_ours,
    do: if(Requirement.real_libcluster(), do: NativeGossip.Strategy, else: stock())

  @doc "The strategies that a run compares, each with its name; the stock one where it is there."
  @spec strategies :: [{String.t(), module}]
  def strategies do
    ours = [{"ours", NativeGossip.Strategy}]

    if Requirement.real_libcluster(),
      do: ours,
      else: ours ++ [{"the stock strategy", stock()}]
  end

  @doc "Heartbeats of `sender` that the node has logged, where libcluster's `debug` flag is set."
  @spec logged(Beam.t(), node) :: non_neg_integer
  def logged(beam, sender) do
    # What follows it is ours to choose; without it the line is the stock strategy's.
    line = "[libcluster:lan] received heartbeat from #{sender}"

    Enum.count(Beam.logs(beam), fn {level, text} ->
      level == :debug and (text == line or String.starts_with?(text, line <> " "))
    end)
  end

  @doc "Sets libcluster's `debug` flag in the node."
  @spec debug(Beam.t()) :: :ok
  def debug(beam), do: Beam.call(beam, Application, :put_env, [:libcluster, :debug, true])

  @doc "What the strategy has written at this level, oldest first."
  @spec lines(Beam.t(), Logger.level()) :: [String.t()]
  def lines(beam, level) do
    for {^level, "[libcluster:lan] " <> line} <- Beam.logs(beam), do: line
  end

  @doc "Ends the connections among these nodes, from both sides."
  @spec disconnect([Beam.t()]) :: :ok
  def disconnect(beams) do
    for one <- beams, other <- beams, one != other do
      Beam.call(one, Node, :disconnect, [other.name])
    end

    %{} = Mesh.await_none(beams)
    :ok
  end

  @doc "The counters of the topology called `lan`; nil while its strategy restarts."
  @spec counters(Beam.t()) :: %{atom => non_neg_integer} | nil
  def counters(beam), do: Beam.call(beam, Inside, :counters, [:lan])
end
