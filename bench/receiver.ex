defmodule NativeGossip.Bench.Receiver do
  @moduledoc """
  A BEAM whose strategy hears many peers and is connected to all of them, and a program that sends their
  heartbeats (`native/net/examples/heartbeats.rs`).

  `connect` and `list_nodes` are the defaults. So attempts to connect fail, and the strategy is told that its peers
  are connected as `:net_kernel` tells it.
  """
  alias NativeGossip.Dev.{Await, Beam, FreePort, Inside}

  @host "127.0.0.1"
  @secret "of a benchmark, and of nothing else"
  @program "target/release/examples/heartbeats"

  # Reports at a time: less than what the queue of a loop holds.
  @at_once 1_000

  @doc "The secret of all heartbeats that it sends."
  @spec secret :: String.t()
  def secret, do: @secret

  @doc "Starts one; `options` are further ones of its strategy."
  @spec start(keyword) :: {Beam.t(), :inet.port_number()}
  def start(options) do
    {beam, port} = boot()

    # An interval that no measurement lasts: what it sends itself is nobody's heartbeat.
    config = config(port) ++ [heartbeat_interval: 60_000, probe: false]
    topology = [strategy: NativeGossip.Strategy, config: Keyword.merge(config, options)]
    :ok = Beam.call(beam, Inside, :start_cluster, [[lan: topology]])
    {beam, port}
  end

  @doc "A BEAM with a name and no strategy, and a port for one."
  @spec boot :: {Beam.t(), :inet.port_number()}
  def boot do
    # No epmd has this port.
    beam = Beam.start_link(epmd_port: FreePort.tcp())
    :ok = Beam.call(beam, Inside, :become, [:"receiver@127.0.0.1"])
    {beam, FreePort.udp()}
  end

  @doc "The options that every strategy has which is measured here."
  @spec config(:inet.port_number()) :: keyword
  def config(port) do
    [
      port: port,
      if_addr: @host,
      multicast_addr: "233.252.1.36",
      multicast_if: @host,
      secret: @secret
    ]
  end

  @typedoc "What `native/net/examples/heartbeats.rs` sends."
  @type form :: :sealed | :signed | :noise | :undecryptable | :labelled

  @doc """
  Sends heartbeats of `peers` nodes at a rate, some of them at once, for some seconds. Returns how many.

  Nodes that sign have had so many `turns` before; without them each begins a new life.
  """
  @spec send_heartbeats(form, :inet.port_number(), [pos_integer], non_neg_integer | nil) ::
          pos_integer
  def send_heartbeats(
        form,
        port,
        [_peers, _per_second, _at_once, _seconds] = numbers,
        turns \\ nil
      ) do
    arguments = [form, "#{@host}:#{port}"] ++ numbers ++ [@secret] ++ List.wrap(turns)
    {sent, 0} = System.cmd(program(), Enum.map(arguments, &to_string/1))
    sent |> String.trim() |> String.to_integer()
  end

  @doc "The program, which also only receives."
  @spec program :: Path.t()
  def program, do: Path.expand(@program)

  @doc "Has all peers connected that are heard, and returns when these are so many."
  @spec await_connected(Beam.t(), pos_integer) :: pos_integer
  def await_connected(beam, peers) do
    connect = fn -> Beam.call(beam, __MODULE__, :connect, []) end
    Await.until("all are connected", connect, &(&1 >= peers), within: 120_000)
  end

  @doc false
  def connect do
    strategy = Inside.strategy(:lan)

    {connected, others} =
      :lan |> NativeGossip.peers() |> Enum.split_with(&(&1.state == :connected))

    for %{name: name} <- Enum.take(others, @at_once),
        do: send(strategy, {:nodeup, String.to_atom(name), []})

    # The loop takes them meanwhile.
    Process.sleep(100)
    length(connected)
  end
end
