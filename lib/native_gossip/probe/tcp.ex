defmodule NativeGossip.Probe.Tcp do
  @moduledoc """
  A TCP connection of a probe: it has a deadline, what is read a bound, and it is always closed.
  """

  alias NativeGossip.Options.Address
  alias NativeGossip.Probe.{Bounded, Outside}

  @typedoc "Why there is no connection: the way is blocked, nobody listens, nobody is there, or another reason."
  @type refusal :: :filtered | :refused | :unreachable | :failed

  @typedoc "A connection, and the monotonic time in ms until which it may be used."
  @type t :: {:gen_tcp.socket(), deadline :: integer}

  @doc """
  Connects, calls the function with the connection, and closes it, whatever the function does.

  To connect may take `patience` ms, and what is said then as long again.
  """
  @spec with_connection(
          Outside.t(),
          {:inet.ip_address(), :inet.port_number()},
          patience :: non_neg_integer,
          (t -> value)
        ) :: {:ok, value} | {:error, refusal, reason :: term}
        when value: term
  def with_connection(outside, {address, port}, patience, function) do
    family = Address.family(address)
    options = [family, :binary, active: false, send_timeout: patience, send_timeout_close: true]

    case Bounded.attempt(fn -> outside.connect.(address, port, options, patience) end) do
      {:ok, {:ok, socket}} ->
        try do
          {:ok, function.({socket, now() + patience})}
        after
          :gen_tcp.close(socket)
        end

      {:ok, {:error, reason}} ->
        {:error, refusal(reason), reason}

      {_, other} ->
        {:error, :failed, other}
    end
  end

  # A firewall of this host says eperm or eacces of what it drops.
  defp refusal(reason) when reason in [:timeout, :etimedout, :eperm, :eacces], do: :filtered
  defp refusal(reason) when reason in [:econnrefused, :econnreset], do: :refused

  defp refusal(reason)
       when reason in [:ehostunreach, :enetunreach, :ehostdown, :enetdown, :eaddrnotavail],
       do: :unreachable

  defp refusal(_reason), do: :failed

  @doc "Sends."
  @spec send(t, iodata) :: :ok | {:error, :closed | :timeout}
  def send({socket, _deadline}, data) do
    case :gen_tcp.send(socket, data) do
      :ok -> :ok
      {:error, reason} -> {:error, ended(reason)}
    end
  end

  @doc "Reads exactly `bytes` bytes, or with 0 what comes at once."
  @spec read(t, bytes :: non_neg_integer) :: {:ok, binary} | {:error, :closed | :timeout}
  def read({socket, deadline}, bytes) do
    case :gen_tcp.recv(socket, bytes, max(0, deadline - now())) do
      {:ok, data} -> {:ok, data}
      {:error, reason} -> {:error, ended(reason)}
    end
  end

  @doc "Reads until the other side closes, but not more than these bytes."
  @spec read_all(t, max :: pos_integer) :: binary
  def read_all(connection, max), do: read_all(connection, max, "")

  defp read_all(_connection, max, sofar) when byte_size(sofar) >= max,
    do: binary_part(sofar, 0, max)

  defp read_all(connection, max, sofar) do
    case read(connection, 0) do
      {:ok, data} -> read_all(connection, max, sofar <> data)
      {:error, _} -> sofar
    end
  end

  # Whatever else ends a connection, as econnreset.
  defp ended(:timeout), do: :timeout
  defp ended(_reason), do: :closed

  defp now, do: System.monotonic_time(:millisecond)
end
