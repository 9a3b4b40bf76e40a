defmodule NativeGossip.Test.Traffic do
  @moduledoc """
  Heartbeats of many names, and noise between them, a packet every other millisecond until it is
  stopped.

  A process of its own with a socket of its own, which joins nothing and hears nothing.
  """
  use GenServer

  alias NativeGossip.Test.ReferencePeer

  @pause_ms 2
  @group {233, 252, 1, 32}
  @noise ["heartbeat::garbage", "heartbeat::", "", :binary.copy(<<0xA5>>, 64)]

  @doc """
  Starts to send.

  Options: `:ports` (required; each packet goes to all of them), `:names` (fifty of
  127.0.0.2), `:noise?` (true), `:secret`, `:interface` (`{127, 0, 0, 1}`).
  """
  @spec start_link(keyword) :: GenServer.on_start()
  def start_link(options), do: GenServer.start_link(__MODULE__, options)

  @doc "As `start_link/1`, for a call into a node: it outlives its caller."
  @spec start(keyword) :: GenServer.on_start()
  def start(options), do: GenServer.start(__MODULE__, options)

  @impl true
  def init(options) do
    interface = Keyword.get(options, :interface, {127, 0, 0, 1})
    {:ok, socket} = :gen_udp.open(0, [:binary, multicast_if: interface, multicast_loop: true])
    names = Keyword.get_lazy(options, :names, fn -> for n <- 1..50, do: :"p#{n}@127.0.0.2" end)
    heartbeats = Enum.map(names, &ReferencePeer.encode(&1, options[:secret]))
    noise = if Keyword.get(options, :noise?, true), do: @noise, else: []

    {:ok, %{socket: socket, packets: heartbeats ++ noise, ports: options[:ports], sent: 0},
     {:continue, :send}}
  end

  @impl true
  def handle_continue(:send, state), do: {:noreply, transmit(state)}

  @impl true
  def handle_info(:send, state), do: {:noreply, transmit(state)}
  def handle_info({:udp_error, _socket, _reason}, state), do: {:noreply, state}

  defp transmit(%{sent: sent, packets: packets} = state) do
    packet = Enum.at(packets, rem(sent, length(packets)))
    for port <- state.ports, do: :ok = :gen_udp.send(state.socket, @group, port, packet)
    Process.send_after(self(), :send, @pause_ms)
    %{state | sent: sent + 1}
  end
end
