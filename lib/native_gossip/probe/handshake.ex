defmodule NativeGossip.Probe.Handshake do
  @moduledoc """
  The handshake of the distribution as far as the challenge, at which the probe closes the connection.

  It says who it is (`native_gossip_probe@` and the host of this node), reads the status and the challenge,
  and never answers: no digest of a cookie is sent. The name is not this node's, or the other side would take it
  for another connection of this node, and end the one that it has. It is always the same, as each name is an
  atom there for ever. Without DFLAG_PUBLISHED and before the challenge is answered, nobody there is told of a
  node (`:nodeup`); without DFLAG_NAME_ME no name is made up.

  One name for all nodes of a host means that two of them may meet at one node. The one is told `nok`, or the
  other is closed after its status (`:interrupted`). `NativeGossip.Probe` asks again then.
  """

  import Bitwise

  alias NativeGossip.Probe.{Outside, Tcp}

  @name "native_gossip_probe@"

  # What a node must be able to do, for OTP 25 to 27 to answer. Each by itself: OTP 25 has a shorthand for its own
  # (DFLAG_MANDATORY_25_DIGEST) that older ones do not know. The last one is of OTP 27.
  @flags [
    extended_references: 0x04,
    dist_monitor: 0x08,
    fun_tags: 0x10,
    dist_monitor_name: 0x20,
    new_fun_tags: 0x80,
    extended_pids_ports: 0x100,
    export_ptr_tag: 0x200,
    bit_binaries: 0x400,
    new_floats: 0x800,
    unicode_io: 0x1000,
    dist_hdr_atom_cache: 0x2000,
    small_atom_tags: 0x4000,
    utf8_atoms: 0x10000,
    map_tag: 0x20000,
    big_creation: 0x40000,
    handshake_23: 0x1000000,
    unlink_id: 0x2000000,
    spawn: 1 <<< 32,
    v4_nc: 4 <<< 32,
    alias: 8 <<< 32,
    altact_sig: 16 <<< 32
  ]
  @sum Enum.reduce(@flags, 0, fn {_name, flag}, sum -> sum ||| flag end)

  # DFLAG_PUBLISHED, which a node has that was not started as a hidden one.
  @published 0x01

  # The characters of a node's name. In UTF-8 each has up to four bytes.
  @max_name 255
  @max_packet 1_100

  # An alert of TLS, in its versions 1.0 to 1.3: so a node that speaks TLS answers what is none.
  @alert <<21, 3>>

  @type found ::
          {:challenged, name :: String.t(), published? :: boolean}
          | {:status, String.t()}
          | :silent
          | :closed
          | :interrupted
          | :tls
          | :foreign
          | {:error, Tcp.refusal(), reason :: term}

  @doc "The flags that the probe says it has."
  @spec flags() :: unquote(@sum)
  def flags, do: @sum

  @doc """
  The name of the probe, for a node on this host.

      iex> NativeGossip.Probe.Handshake.name(:"app@10.0.0.5")
      "native_gossip_probe@10.0.0.5"
  """
  @spec name(ours :: node) :: String.t()
  def name(ours) do
    [_, host] = ours |> Atom.to_string() |> String.split("@", parts: 2)
    @name <> host
  end

  @doc "Speaks with whoever listens there. `version` is the highest that epmd says the node has."
  @spec run(
          Outside.t(),
          {:inet.ip_address(), :inet.port_number()},
          version :: non_neg_integer,
          patience :: non_neg_integer
        ) :: found
  def run(outside, target, version, patience) do
    introduction = introduction(name(outside.ours), version)

    case Tcp.with_connection(outside, target, patience, &speak(&1, introduction)) do
      {:ok, found} -> found
      error -> error
    end
  end

  # Version 6 is OTP 23's, and the only one of OTP 25.
  defp introduction(name, version) when version >= 6,
    do: packet(<<?N, @sum::64, 0::32, byte_size(name)::16, name::binary>>)

  defp introduction(name, _version), do: packet(<<?n, 5::16, @sum::32, name::binary>>)

  defp packet(data), do: [<<byte_size(data)::16>>, data]

  defp speak(connection, introduction) do
    with :ok <- Tcp.send(connection, introduction),
         {:ok, <<?s, status::binary>>} <- receive_packet(connection),
         {:go_on, _} <- {status(status), status},
         {:ok, challenge} <- challenge(connection),
         {:ok, name, flags} <- challenger(challenge) do
      {:challenged, name, (flags &&& @published) != 0}
    else
      {:end, status} -> {:status, status}
      {:error, :timeout} -> :silent
      {:error, :closed} -> :closed
      :interrupted -> :interrupted
      :tls -> :tls
      _ -> :foreign
    end
  end

  defp challenge(connection) do
    with {:error, :closed} <- receive_packet(connection), do: :interrupted
  end

  defp status(status) when status in ["ok", "ok_simultaneous"], do: :go_on
  defp status(status) when status in ["nok", "not_allowed", "alive"], do: :end
  defp status(_other), do: :unknown

  defp challenger(<<?N, flags::64, _challenge::32, _creation::32, length::16, name::binary>>)
       when length <= byte_size(name),
       do: valid(binary_part(name, 0, length), flags)

  defp challenger(<<?n, _version::16, flags::32, _challenge::32, name::binary>>),
    do: valid(name, flags)

  defp challenger(_other), do: :foreign

  defp valid(name, flags) do
    if String.valid?(name) and String.length(name) in 1..@max_name,
      do: {:ok, name, flags},
      else: :foreign
  end

  defp receive_packet(connection) do
    case Tcp.read(connection, 2) do
      {:ok, @alert} -> :tls
      {:ok, <<length::16>>} when length in 1..@max_packet -> Tcp.read(connection, length)
      {:ok, _length} -> :foreign
      {:error, reason} -> {:error, reason}
    end
  end
end
