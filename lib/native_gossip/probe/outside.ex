defmodule NativeGossip.Probe.Outside do
  @moduledoc """
  What a probe has of the world: this node and its settings, the resolver, and TCP. A test replaces parts
  of it.
  """

  alias NativeGossip.Probe.Bounded

  # That of IANA, and of erl_epmd.
  @epmd_port 4369

  # In ms. Settings are read at once; a module that stands for epmd may be anything.
  @patience 1_000

  @enforce_keys [:ours, :connected, :carrier, :epmd, :epmd_port, :local]
  defstruct @enforce_keys ++ [resolve: &:inet.getaddrs/2, connect: &:gen_tcp.connect/4]

  @typedoc "As `:gen_tcp.connect/4`."
  @type connect :: (:inet.ip_address(), :inet.port_number(), list, timeout -> opened)
  @type opened :: {:ok, :gen_tcp.socket()} | {:error, term}

  @typedoc """
    * `ours`: the name of this node, nil where it has none; `connected`: the nodes it is connected to;
    * `carrier`: how the distribution is carried here, by family and by TLS; nil where it is by none of OTP's;
    * `epmd`: nil where an epmd is asked, or the module that is asked instead; `epmd_port`;
    * `local`: the addresses of this host;
    * `resolve`, `connect`: as `:inet.getaddrs/2` and `:gen_tcp.connect/4`.
  """
  @type t :: %__MODULE__{
          ours: node | nil,
          connected: [node],
          carrier: {:inet | :inet6, :tcp | :tls} | nil,
          epmd: module | nil,
          epmd_port: :inet.port_number(),
          local: [:inet.ip_address()],
          resolve: (charlist, :inet | :inet6 -> {:ok, [:inet.ip_address()]} | {:error, term}),
          connect: connect
        }

  @doc "The world as it is."
  @spec new() :: t
  def new do
    %__MODULE__{
      ours: if(Node.alive?(), do: node()),
      connected: Node.list(:connected),
      carrier: carrier(argument(:proto_dist)),
      epmd: epmd(),
      epmd_port: epmd_port(),
      local: local()
    }
  end

  defp carrier(nil), do: {:inet, :tcp}
  defp carrier("inet_tcp"), do: {:inet, :tcp}
  defp carrier("inet6_tcp"), do: {:inet6, :tcp}
  defp carrier("inet_tls"), do: {:inet, :tls}
  defp carrier("inet6_tls"), do: {:inet6, :tls}
  defp carrier(_other), do: nil

  # With -erl_epmd_port all nodes have one port, and erl_epmd asks nobody.
  defp epmd do
    module = :net_kernel.epmd_module()
    if module != :erl_epmd or argument(:erl_epmd_port) != nil, do: module
  end

  # `erl` makes an argument of ERL_EPMD_PORT.
  defp epmd_port do
    case Integer.parse(argument(:epmd_port) || System.get_env("ERL_EPMD_PORT", "")) do
      {port, ""} when port in 1..65_535 -> port
      _ -> @epmd_port
    end
  end

  defp argument(name) do
    case :init.get_argument(name) do
      {:ok, [[value | _] | _]} -> List.to_string(value)
      _ -> nil
    end
  end

  defp local do
    case Bounded.call(&:inet.getifaddrs/0, @patience) do
      {:ok, {:ok, interfaces}} ->
        for {_name, options} <- interfaces, {:addr, address} <- options, do: address

      _ ->
        []
    end
  end
end
