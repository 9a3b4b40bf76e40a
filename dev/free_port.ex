defmodule NativeGossip.Dev.FreePort do
  @moduledoc """
  Ports that were free a moment ago, each asked of the protocol that will use it: a port that UDP has
  free may be taken by TCP.
  """

  @spec udp :: :inet.port_number()
  def udp do
    {:ok, socket} = :gen_udp.open(0)
    {:ok, port} = :inet.port(socket)
    :ok = :gen_udp.close(socket)
    port
  end

  @spec tcp :: :inet.port_number()
  def tcp do
    {:ok, socket} = :gen_tcp.listen(0, [])
    {:ok, port} = :inet.port(socket)
    :ok = :gen_tcp.close(socket)
    port
  end
end
