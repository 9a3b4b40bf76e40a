defmodule NativeGossip.Test.Faults.SilentHost do
  @moduledoc """
  A host that accepts where its epmd should be, and never answers; and heartbeats from it, naming
  nodes there. Runs in a node of that host, which has no epmd.
  """
  use GenServer

  alias NativeGossip.Test.Traffic

  @epmd_port 4369

  @doc "Accepts from now on, and sends heartbeats of these names to the group at `port`."
  @spec start(:inet.ip4_address(), :inet.port_number(), [node]) :: :ok
  def start(address, port, names) do
    {:ok, host} = GenServer.start(__MODULE__, address, name: __MODULE__)
    GenServer.call(host, {:send, ports: [port], names: names, noise?: false, interface: address})
  end

  @doc "Connections that were accepted and wait for an answer still."
  @spec waiting :: non_neg_integer
  def waiting, do: GenServer.call(__MODULE__, :waiting)

  @spec stop :: :ok
  def stop, do: GenServer.stop(__MODULE__)

  @impl true
  def init(address) do
    {:ok, listener} = :gen_tcp.listen(@epmd_port, ip: address, active: true, backlog: 1024)
    host = self()
    spawn_link(fn -> accept(listener, host) end)
    {:ok, %{address: address, sockets: MapSet.new()}}
  end

  @impl true
  def handle_call({:send, options}, _from, state) do
    {:ok, _} = Traffic.start_link(options)
    {:reply, :ok, state}
  end

  def handle_call(:waiting, _from, state), do: {:reply, MapSet.size(state.sockets), state}

  @impl true
  def handle_info({:accepted, socket}, state),
    do: {:noreply, update_in(state.sockets, &MapSet.put(&1, socket))}

  def handle_info({:tcp_closed, socket}, state),
    do: {:noreply, update_in(state.sockets, &MapSet.delete(&1, socket))}

  # The question of who listens there.
  def handle_info({:tcp, _socket, _question}, state), do: {:noreply, state}

  defp accept(listener, host) do
    {:ok, socket} = :gen_tcp.accept(listener)
    :ok = :gen_tcp.controlling_process(socket, host)
    send(host, {:accepted, socket})
    accept(listener, host)
  end
end
