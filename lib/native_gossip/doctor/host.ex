defmodule NativeGossip.Doctor.Host do
  @moduledoc """
  What the doctor asks of this host and, by `NativeGossip.Probe`, of the nodes that it has heard.
  """

  alias NativeGossip.Doctor.Facts
  alias NativeGossip.Probe
  alias NativeGossip.Probe.{Epmd, Outside}

  # Nodes that are probed, and at once: of a large cluster a few tell what is wrong with all of them.
  @max_probes 16
  @at_once 8

  # In ms: of a probe seven steps of two seconds, and some more.
  @patience 15_000

  @doc "How many nodes are probed."
  @spec max_probes() :: unquote(@max_probes)
  def max_probes, do: @max_probes

  @doc "Addresses of this host, and of each interface what its flags say."
  @spec interfaces() :: %{
          addresses: [:inet.ip_address()],
          flags: %{String.t() => [atom]}
        }
  def interfaces do
    found =
      case :inet.getifaddrs() do
        {:ok, found} -> found
        {:error, _} -> []
      end

    %{
      addresses: for({_, options} <- found, {:addr, address} <- options, do: address),
      flags: for({name, options} <- found, into: %{}, do: {"#{name}", options[:flags] || []})
    }
  end

  @doc "Whether an epmd runs here; nil where nodes of this BEAM's kind need none."
  @spec epmd(Outside.t()) :: nil | :runs | {:absent, :inet.port_number()}
  def epmd(%{epmd: nil, epmd_port: port} = outside) do
    loopback =
      if match?({:inet6, _}, outside.carrier), do: {0, 0, 0, 0, 0, 0, 0, 1}, else: {127, 0, 0, 1}

    case Epmd.port(outside, loopback, "native_gossip_doctor", 2_000) do
      {:error, :refused, _} -> {:absent, port}
      _ -> :runs
    end
  end

  def epmd(_outside), do: nil

  @doc """
  Probes nodes that were heard. `attempts` says what is known of the attempts to connect to one
  (`NativeGossip.Doctor.Running.attempts/2`).

  A BEAM without a name has none that is long or short: it takes one of the form that the node has.
  """
  @spec probe(
          [Facts.heard()],
          own :: :inet.ip_address(),
          attempts :: (node -> :kept_apart | :failed | :unknown)
        ) :: [Probe.Result.t()]
  def probe(nodes, own, attempts) do
    nodes
    # The same each time, and those of other hosts first.
    |> Enum.sort_by(&{&1.here?, &1.name})
    |> Enum.take(@max_probes)
    |> Task.async_stream(&probe_one(&1, own, attempts),
      max_concurrency: @at_once,
      timeout: @patience,
      on_timeout: :kill_task
    )
    |> Enum.flat_map(fn
      {:ok, result} -> [result]
      {:exit, _} -> []
    end)
  end

  defp probe_one(%{name: name, source: source}, own, attempts) do
    # At most @max_probes names become atoms.
    node = String.to_atom(name)
    outside = if Node.alive?(), do: [], else: nameless(name, own)
    options = [heard_from: of_host(source), outside: outside]

    case attempts.(node) do
      :unknown -> Probe.run(node, options)
      :failed -> Probe.run(node, [connect: :failed] ++ options)
      :kept_apart -> apart(Probe.run(node, [disconnected_by: :global] ++ options))
    end
  end

  # It may be connected for a moment.
  defp apart(%{cause: :connected} = result), do: %{result | cause: :kept_apart}
  defp apart(result), do: result

  # To a link-local address no name leads.
  defp of_host({first, _, _, _, _, _, _, _}) when first in 0xFE80..0xFEBF, do: nil
  defp of_host(source), do: source

  defp nameless(name, own) do
    [_, host] = String.split(name, "@", parts: 2)
    {:ok, short} = :inet.gethostname()

    case :inet.parse_address(String.to_charlist(host)) do
      {:ok, address} when tuple_size(address) == 8 ->
        [ours: ours(:inet.ntoa(own)), carrier: {:inet6, :tcp}]

      _ ->
        ours = if String.contains?(host, "."), do: :inet.ntoa(own), else: short
        [ours: ours(ours)]
    end
  end

  # One of three for each host.
  defp ours(host), do: :"native_gossip_doctor@#{host}"
end
