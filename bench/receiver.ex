defmodule NativeGossip.Bench.Receiver do
  @moduledoc """
  A BEAM whose strategy hears many peers and is connected to all of them, and a program that sends their
  heartbeats (`native/net/examples/heartbeats.rs`).
  """
  alias NativeGossip.Bench.Probe
  alias NativeGossip.Dev.{Await, Beam, FreePort, Inside}

  @host "127.0.0.1"
  @secret "of a benchmark, and of nothing else"
  @program "target/release/examples/heartbeats"

  @doc "The secret of all heartbeats that it sends."
  @spec secret :: String.t()
  def secret, do: @secret

  @doc "Starts one; `options` are further ones of its strategy."
  @spec start(keyword) :: {Beam.t(), :inet.port_number()}
  def start(options) do
    port = FreePort.udp()
    beam = Beam.start_link()
    Beam.call(beam, Inside, :become, [:"receiver@127.0.0.1"])

    # An interval that no measurement lasts: what it sends itself is nobody's heartbeat.
    config = [
      port: port,
      if_addr: @host,
      multicast_addr: "233.252.1.36",
      multicast_if: @host,
      secret: @secret,
      heartbeat_interval: 60_000
    ]

    config = Keyword.merge(config, options)
    topology = [strategy: NativeGossip.Strategy, connect: {Probe, :connect, []}, config: config]
    :ok = Beam.call(beam, Inside, :start_cluster, [[lan: topology]])
    {beam, port}
  end

  @doc "Sends heartbeats of `peers` nodes at a rate, some of them at once, for some seconds. Returns how many."
  @spec send_heartbeats(:sealed | :signed, :inet.port_number(), [pos_integer]) :: pos_integer
  def send_heartbeats(form, port, [_peers, _per_second, _at_once, _seconds] = numbers) do
    arguments = [form, "#{@host}:#{port}"] ++ numbers ++ [@secret]
    {sent, 0} = System.cmd(program(), Enum.map(arguments, &to_string/1))
    sent |> String.trim() |> String.to_integer()
  end

  @doc "The program, which also only receives."
  @spec program :: Path.t()
  def program, do: Path.expand(@program)

  @doc "Returns when this many peers are connected."
  @spec await_connected(Beam.t(), pos_integer) :: pos_integer
  def await_connected(beam, peers) do
    connected = fn -> Beam.call(beam, NativeGossip, :status, [:lan]).peers.connected end
    Await.until("all are connected", connected, &(&1 >= peers), within: 120_000)
  end
end
