defmodule NativeGossip.Bench.Settled do
  @moduledoc """
  A BEAM in a cluster that has settled: it hears many peers and is connected to all of them, as far as its strategy
  knows.

  This strategy is told so by the messages that `:net_kernel` sends, so that `connect` and `list_nodes` are the
  defaults. The stock strategy asks `list_nodes` at each heartbeat, and is answered with the names.
  """
  alias NativeGossip.Bench.Receiver
  alias NativeGossip.Dev.{Await, Beam, FreePort, Inside}

  @host "127.0.0.1"
  @group "233.252.1.37"
  @within_ms 120_000

  # Heartbeats a second while the peers are heard for the first time, and of these at once.
  @introduction [1_000, 10]

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

    config = [port: port, if_addr: @host, multicast_addr: @group, multicast_if: @host] ++ config

    [lan: [strategy: strategy(way), config: config] ++ settings]
  end

  defp strategy(:ours), do: NativeGossip.Strategy
  defp strategy(:stock), do: Module.concat([Cluster, Strategy, Gossip])

  @doc "Starts one that has heard `peers`; the port is where it hears them."
  @spec start(way, peers :: pos_integer) :: {Beam.t(), :inet.port_number()}
  def start(way, peers) do
    port = FreePort.udp()
    beam = Beam.start_link()
    :ok = Beam.call(beam, Inside, :become, [:"settled@127.0.0.1"])
    :ok = Beam.call(beam, __MODULE__, :begin, [way, port, peers])
    if way == :ours, do: introduce(beam, port, peers)
    {beam, port}
  end

  @doc "Has it hear `peers`, and takes all of them for connected; only where it runs our strategy."
  @spec introduce(Beam.t(), :inet.port_number(), pos_integer) :: :ok
  def introduce(beam, port, peers) do
    [rate, burst] = @introduction
    numbers = [peers, rate, burst, div(peers, rate) + 1]
    _ = Receiver.send_heartbeats(:signed, port, numbers)

    connected = fn ->
      case Beam.call(beam, __MODULE__, :connect_some, []) do
        {connected, heard} when heard < peers ->
          # One was lost on a busy machine.
          _ = Receiver.send_heartbeats(:signed, port, numbers)
          connected

        {connected, _heard} ->
          connected
      end
    end

    Await.until("all are connected", connected, &(&1 >= peers), within: @within_ms)
    :ok
  end

  @doc false
  def begin(way, port, peers) do
    :persistent_term.put(__MODULE__, names(peers))

    settings =
      case way do
        :ours -> [config: [secret: Receiver.secret(), probe: false, max_peers: @max_peers]]
        :stock -> [config: [secret: Receiver.secret()], list_nodes: {__MODULE__, :nodes, []}]
        :none -> []
      end

    topologies = topologies(way, port, settings)
    if topologies != [], do: Inside.start_cluster(topologies), else: :ok
  end

  @doc false
  def nodes, do: :persistent_term.get(__MODULE__)

  # Takes some that are not connected yet for connected, as if they had dialled; returns how many were before, and how many are heard.
  @doc false
  def connect_some do
    strategy = Inside.strategy(:lan)
    {connected, others} = Enum.split_with(NativeGossip.peers(:lan), &(&1.state == :connected))

    for peer <- Enum.take_random(others, @at_once),
        do: send(strategy, {:nodeup, String.to_atom(peer.name), []})

    {length(connected), length(connected) + length(others)}
  end

  # As native/net/examples/heartbeats.rs calls them.
  defp names(peers), do: for(number <- 1..peers, do: :"known#{number}@127.0.0.1")
end
