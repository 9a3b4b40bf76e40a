defmodule NativeGossip.Doctor.Host do
  @moduledoc """
  What the doctor asks of this host and, by `NativeGossip.Probe`, of the nodes that it has heard.
  """

  alias NativeGossip.Doctor.Facts
  alias NativeGossip.Probe
  alias NativeGossip.Probe.{Epmd, Handshake, Outside}

  # Nodes that are probed, and at once: of a large cluster a few tell what is wrong with all of them.
  @max_probes 16
  @at_once 8

  # In ms, of what is asked of this host.
  @step 2_000

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
    case Epmd.port(outside, loopback(outside), "native_gossip_doctor", @step) do
      {:error, :refused, _} -> {:absent, port}
      _ -> :runs
    end
  end

  def epmd(_outside), do: nil

  defp loopback(%{carrier: {:inet6, _}}), do: {0, 0, 0, 0, 0, 0, 0, 1}
  defp loopback(_outside), do: {127, 0, 0, 1}

  @doc """
  Names of nodes that the epmd of this host knows and that take a connection and say nothing, as one does that is stopped.
  """
  @spec hung(Outside.t()) :: [String.t()]
  def hung(%{epmd: nil} = outside) do
    {:ok, short} = :inet.gethostname()
    outside = %{outside | ours: outside.ours || ours(short)}
    names = Epmd.names(outside, loopback(outside), @step)
    hung = Task.async_stream(names, &hung?(outside, &1), timeout: :infinity)
    for {name, {:ok, true}} <- Enum.zip(names, hung), do: name
  end

  def hung(_outside), do: []

  defp hung?(outside, name) do
    case Epmd.port(outside, loopback(outside), name, @step) do
      {:registered, %{port: port, version: version}} ->
        Handshake.run(outside, {loopback(outside), port}, version, @step) == :silent

      _ ->
        false
    end
  end

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
    # That a node is connected does not say that this host could connect to it.
    outside = [connected: []] ++ if(Node.alive?(), do: [], else: nameless(name, own))
    options = [heard_from: of_host(source), outside: outside]

    case attempts.(node) do
      :unknown -> Probe.run(node, options)
      :failed -> Probe.run(node, [connect: :failed] ++ options)
      :kept_apart -> Probe.run(node, [disconnected_by: :global] ++ options)
    end
  end

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
