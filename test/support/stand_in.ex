defmodule NativeGossip.Test.StandIn do
  @moduledoc """
  What epmd and a node say on the wire, told apart from the code: for stand-ins of them.
  """

  alias NativeGossip.Probe
  alias NativeGossip.Test.Listener

  @typedoc "Bytes after their length."
  @type packet :: <<_::16, _::_*8>>

  @doc "The answer of an epmd that knows the name, as the node's at this port."
  @spec registered(String.t(), :inet.port_number(), keyword) :: binary
  def registered(name, port, options \\ []) do
    high = Keyword.get(options, :version, 6)

    <<119, 0, port::16, 77, 0, high::16, 5::16, byte_size(name)::16, name::binary, 0::16>>
  end

  @doc "The answer of an epmd that does not."
  @spec unregistered :: <<_::16>>
  def unregistered, do: <<119, 1>>

  @doc "A status, as a node says it in the handshake."
  @spec status(String.t()) :: packet
  def status(status), do: packet("s" <> status)

  @doc "A challenge, in the form of OTP 23 and later."
  @spec challenge(String.t()) :: packet
  def challenge(name) do
    packet(<<?N, 0xDF7FBD::64, 12_345::32, 1::32, byte_size(name)::16, name::binary>>)
  end

  @doc "A challenge, in the form of OTP 22."
  @spec old_challenge(String.t()) :: packet
  def old_challenge(name), do: packet(<<?n, 5::16, 0x3FFFFF::32, 12_345::32, name::binary>>)

  defp packet(data), do: <<byte_size(data)::16>> <> data

  @doc """
  Probes `b@127.0.0.1` as `a@127.0.0.1`, with the epmd at this port. Options are those of a probe; its
  `:outside` is added to.
  """
  @spec probe(:inet.port_number(), keyword) :: Probe.Result.t()
  def probe(epmd_port, options \\ []) do
    {node, options} = Keyword.pop(options, :node, :"b@127.0.0.1")
    {more, options} = Keyword.pop(options, :outside, [])

    outside =
      Keyword.merge([ours: :"a@127.0.0.1", epmd: nil, epmd_port: epmd_port, connected: []], more)

    Probe.run(node, [outside: outside] ++ Keyword.put_new(options, :step_timeout, 1_000))
  end

  @doc """
  Probes with each of these ports, side by side: those that stall take their time. Each with what it is for.
  """
  @spec probe_all([{term, :inet.port_number()}], (:inet.port_number() -> Probe.Result.t())) ::
          [{term, Probe.Cause.t()}]
  def probe_all(ports, probe) do
    ports
    |> Task.async_stream(fn {what, port} -> {what, probe.(port).cause} end, max_concurrency: 8)
    |> Enum.map(fn {:ok, found} -> found end)
  end

  @doc "The same, where the epmd names this port as the node's."
  @spec probe_port(:inet.port_number(), keyword) :: Probe.Result.t()
  def probe_port(port, options \\ []) do
    name = options |> Keyword.get(:node, :"b@127.0.0.1") |> Atom.to_string()
    [short, _host] = String.split(name, "@")
    {version, options} = Keyword.pop(options, :version, 6)
    probe(Listener.answering(registered(short, port, version: version)), options)
  end
end
