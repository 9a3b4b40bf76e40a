defmodule NativeGossip.Bench.Settled do
  @moduledoc """
  A BEAM in a cluster that has settled: it hears many peers and is connected to all of them, as far as its strategy
  knows.

  This strategy is told so by the messages that `:net_kernel` sends, so that `connect` and `list_nodes` are the
  defaults. The stock strategy asks `list_nodes` at each heartbeat, and is answered with the names.
  """
  alias NativeGossip.Bench.Sender
  alias NativeGossip.Dev.{Await, Beam, FreePort, Inside}

  @host "127.0.0.1"
  @group {233, 252, 1, 37}
  @within_ms 120_000

  # Heartbeats a second while the peers are heard for the first time, and of these at once.
  @introduction {1_000, 10}

  # Room for as many names of one host as are ever heard here.
  @max_peers 100_000

  # Messages that the strategy gets at once: the loop's queue has room for all that follow from them.
  @at_once 200

  @type way :: :none | :ours | :stock

  @doc "The ways to be in a cluster that can be measured here: by no strategy, by ours, by the stock one."
  @spec ways :: [way, ...]
  def ways, do: [:none, :ours] ++ if(NativeGossip.Bench.stock?(), do: [:stock], else: [])

  @doc "What a table calls them."
  @spec title(way) :: String.t()
  def title(:none), do: "no strategy"
  def title(:ours), do: "this strategy"
  def title(:stock), do: "stock strategy"

  @doc "The topology `lan` of a way, on this port of the loopback, with further settings."
  @spec topologies(way, :inet.port_number(), keyword) :: keyword
  def topologies(:none, _port, _settings), do: []

  def topologies(way, port, settings) do
    {config, settings} = Keyword.pop(settings, :config, [])

    config =
      [
        port: port,
        if_addr: @host,
        multicast_addr: to_string(:inet.ntoa(@group)),
        multicast_if: @host
      ] ++ config

    [lan: [strategy: strategy(way), config: config] ++ settings]
  end

  @doc "The group of all that is measured here."
  @spec group :: :inet.ip4_address()
  def group, do: @group

  defp strategy(:ours), do: NativeGossip.Strategy
  defp strategy(:stock), do: Module.concat([Cluster, Strategy, Gossip])

  @doc """
  Starts one that has heard `peers` and is connected to them; the port is where it hears them. `config` has further
  options of this strategy.
  """
  @spec start(way, peers :: pos_integer, keyword) :: {Beam.t(), :inet.port_number()}
  def start(way, peers, config \\ []) do
    {beam, port} = boot(way, peers, config)

    if way == :ours do
      introduce(beam, peers, &Sender.run(:signed, port, [peers | &1]))
    end

    {beam, port}
  end

  @doc "As `start/3`, but nobody has spoken yet."
  @spec boot(way, peers :: pos_integer, keyword) :: {Beam.t(), :inet.port_number()}
  def boot(way, peers, config \\ []) do
    port = FreePort.udp()
    # No epmd has this port: attempts to connect fail.
    beam = Beam.start_link(epmd_port: FreePort.tcp())
    :ok = Beam.call(beam, Inside, :become, [:"settled@127.0.0.1"])
    :ok = Beam.call(beam, __MODULE__, :begin, [way, port, peers, config])
    {beam, port}
  end

  @doc """
  Has it hear `peers`, and takes all of them for connected; only where it runs this strategy.

  `speak` lets each of them speak once or more: it is given the heartbeats a second, how many of these at once, and
  the seconds.
  """
  @spec introduce(Beam.t(), pos_integer, ([pos_integer] -> term)) :: :ok
  def introduce(beam, peers, speak) do
    {per_second, at_once} = @introduction
    speak = fn -> speak.([per_second, at_once, div(peers, per_second) + 1]) end
    _ = speak.()

    connected = fn ->
      {connected, heard} = Beam.call(beam, __MODULE__, :connect_some, [])
      # On a busy machine a heartbeat may be lost.
      _ = if heard < peers, do: speak.()
      connected
    end

    Await.until("all are connected", connected, &(&1 >= peers), within: @within_ms)
    :ok
  end

  @doc false
  def begin(:none, _port, _peers, _config), do: :ok

  def begin(:ours, port, _peers, config) do
    config = Keyword.merge([secret: Sender.secret(), probe: false, max_peers: @max_peers], config)
    Inside.start_cluster(topologies(:ours, port, config: config))
  end

  def begin(:stock, port, peers, []) do
    :persistent_term.put(__MODULE__, Sender.names(peers))
    settings = [config: [secret: Sender.secret()], list_nodes: {__MODULE__, :nodes, []}]
    Inside.start_cluster(topologies(:stock, port, settings))
  end

  @doc false
  def nodes, do: :persistent_term.get(__MODULE__)

  # Takes some of those that are not connected for connected, as if they had dialled. Returns how many were connected
  # before, and how many are heard.
  @doc false
  def connect_some do
    strategy = Inside.strategy(:lan)
    {connected, others} = Enum.split_with(NativeGossip.peers(:lan), &(&1.state == :connected))

    for peer <- Enum.take_random(others, @at_once),
        do: send(strategy, {:nodeup, String.to_atom(peer.name), []})

    {length(connected), length(connected) + length(others)}
  end
end
