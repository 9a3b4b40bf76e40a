defmodule NativeGossip.Test.Listener do
  @moduledoc """
  A TCP port on the loopback at which something stands in for an epmd or a node. It ends with the process that
  started it.
  """

  @loopback {127, 0, 0, 1}

  @doc """
  Calls a function with each connection, in a process of its own; the connection is closed when it returns.
  Returns the port.
  """
  @spec start((:gen_tcp.socket() -> term), keyword) :: :inet.port_number()
  def start(serve, options \\ []) do
    options = Keyword.merge([ip: @loopback, active: false, mode: :binary], options)
    {:ok, listener} = :gen_tcp.listen(0, options)
    {:ok, port} = :inet.port(listener)
    acceptor = spawn_link(fn -> accept(listener, serve) end)
    :ok = :gen_tcp.controlling_process(listener, acceptor)
    port
  end

  defp accept(listener, serve) do
    {:ok, socket} = :gen_tcp.accept(listener)

    server =
      spawn(fn ->
        receive do
          :yours -> serve.(socket)
        end
      end)

    :ok = :gen_tcp.controlling_process(socket, server)
    send(server, :yours)
    accept(listener, serve)
  end

  @doc "Reads what is asked, answers with these bytes, and closes."
  @spec answering(iodata) :: :inet.port_number()
  def answering(answer) do
    start(fn socket ->
      {:ok, _question} = :gen_tcp.recv(socket, 0)
      _ = :gen_tcp.send(socket, answer)
      # Closed while something is unread, it would be reset, and the answer be lost.
      _ = :gen_tcp.shutdown(socket, :write)
      :gen_tcp.recv(socket, 0, 5_000)
    end)
  end

  @doc "Takes connections, and never says a word."
  @spec silent :: :inet.port_number()
  def silent, do: start(fn _socket -> Process.sleep(:infinity) end)

  @doc "Answers with these bytes, and then neither closes nor says more."
  @spec stalling(iodata) :: :inet.port_number()
  def stalling(answer) do
    start(fn socket ->
      _ = :gen_tcp.send(socket, answer)
      Process.sleep(:infinity)
    end)
  end

  @doc """
  Lets nothing through, as a firewall that drops: the queue of connections that nobody accepts is full, and
  Linux drops what comes.
  """
  @spec filtered :: :inet.port_number()
  def filtered do
    {:ok, listener} = :gen_tcp.listen(0, ip: @loopback, backlog: 0)
    {:ok, port} = :inet.port(listener)
    fill(port)
    port
  end

  defp fill(port) do
    case :gen_tcp.connect(@loopback, port, [], 200) do
      {:ok, _kept_open} -> fill(port)
      {:error, :timeout} -> :ok
    end
  end

  @doc "A port at which nobody listens."
  @spec refused :: :inet.port_number()
  defdelegate refused, to: NativeGossip.Dev.FreePort, as: :tcp
end
