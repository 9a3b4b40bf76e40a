defmodule NativeGossip.Probe.Epmd do
  @moduledoc """
  What is asked of an epmd: PORT_PLEASE2 for one name, and NAMES. Neither leaves anything behind there.
  """

  alias NativeGossip.Probe.{Facts, Outside, Tcp}

  @port_please2 ?z
  @port2 ?w
  @names ?n

  # Bytes of an answer to NAMES that are read, a few hundred names, and how many of these names are kept.
  @max_names 16_384
  @kept 8

  @type found ::
          {:registered, %{port: :inet.port_number(), version: non_neg_integer}}
          | :unregistered
          | :silent
          | :foreign
          | {:error, Tcp.refusal(), reason :: term}

  @doc "Where the node of this name listens."
  @spec port(Outside.t(), :inet.ip_address(), name :: String.t(), patience :: non_neg_integer) ::
          found
  def port(outside, address, name, patience) do
    request = <<byte_size(name) + 1::16, @port_please2, name::binary>>

    case ask(outside, address, patience, request, &answer(&1, name)) do
      {:ok, found} -> found
      error -> error
    end
  end

  @doc "Names that the epmd knows: none where it does not say."
  @spec names(Outside.t(), :inet.ip_address(), patience :: non_neg_integer) :: [String.t()]
  def names(outside, address, patience) do
    case ask_names(outside, address, patience) do
      {:ok, <<_port::32, lines::binary>>} -> listed(lines)
      _ -> []
    end
  end

  @doc "Whether it answers a question for its names, or what is in the way."
  @spec answers(Outside.t(), :inet.ip_address(), patience :: non_neg_integer) ::
          :ok | :silent | {:error, Tcp.refusal()}
  def answers(outside, address, patience) do
    case ask_names(outside, address, patience) do
      {:ok, <<_port::32, _names::binary>>} -> :ok
      {:error, refusal, _reason} -> {:error, refusal}
      _ -> :silent
    end
  end

  defp ask_names(outside, address, patience),
    do: ask(outside, address, patience, <<1::16, @names>>, &Tcp.read_all(&1, @max_names))

  @doc """
  What `port/4` asks, of a module that stands for epmd: `port_please/3`, and before it `address_please/3` where it has one.
  Whatever it does takes no longer than the time given.
  """
  @spec ask_module(module, Facts.t(), name :: String.t(), :inet | :inet6) ::
          {:ok, :inet.ip_address() | nil, :inet.port_number()} | {:error, term}
  def ask_module(module, facts, name, family) do
    name = String.to_charlist(name)
    host = String.to_charlist(facts.host)

    case address_please(module, name, host, family) do
      {:ok, address, port, _version} -> {:ok, address, port}
      {:ok, address} -> port_please(module, name, address, address)
      nil -> port_please(module, name, host, nil)
      other -> {:error, other}
    end
  end

  defp address_please(module, name, host, family) do
    if Code.ensure_loaded?(module) and function_exported?(module, :address_please, 3),
      do: module.address_please(name, host, family)
  end

  defp port_please(module, name, where, address) do
    case module.port_please(name, where, 1_000) do
      {:port, port, _version} -> {:ok, address, port}
      other -> {:error, other}
    end
  end

  defp ask(outside, address, patience, request, read) do
    Tcp.with_connection(outside, {address, outside.epmd_port}, patience, fn connection ->
      case Tcp.send(connection, request) do
        :ok -> read.(connection)
        {:error, _} -> :foreign
      end
    end)
  end

  defp answer(connection, name) do
    with {:ok, <<@port2, result>>} <- Tcp.read(connection, 2),
         :ok <- known(result),
         {:ok, <<port::16, _type, _protocol, high::16, _low::16, length::16>>} <-
           Tcp.read(connection, 10),
         true <- length == byte_size(name) and port > 0,
         {:ok, ^name} <- Tcp.read(connection, length) do
      {:registered, %{port: port, version: high}}
    else
      :unregistered -> :unregistered
      {:error, :timeout} -> :silent
      _ -> :foreign
    end
  end

  defp known(0), do: :ok
  defp known(_error), do: :unregistered

  defp listed(lines) do
    found =
      for line <- String.split(lines, "\n"),
          [_, name] <- [Regex.run(~r/\Aname (.{1,255}) at port \d+\z/, line)],
          do: name

    Enum.take(found, @kept)
  end
end
