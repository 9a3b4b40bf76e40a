defmodule NativeGossip.Test.Doctored do
  @moduledoc "Facts as a doctor may gather them: of a host where all is well, and what may be wrong with it."

  alias NativeGossip.Doctor.Facts
  alias NativeGossip.Probe

  @doc "A host with one interface that hears two nodes, of which one is its own; `changes` are put into it."
  @spec healthy(map) :: Facts.t()
  def healthy(changes \\ %{}) do
    struct!(
      %Facts{
        topology: :lan,
        options: options([]),
        seconds: 6,
        epmd: :runs,
        interfaces: [interface([])],
        nodes: [heard("a@10.0.0.5", here?: true), heard("b@10.0.0.6", [])],
        probes: [probe(:"a@10.0.0.5", :reachable), probe(:"b@10.0.0.6", :reachable)]
      },
      changes
    )
  end

  @doc "What the topology was joined by."
  @spec options(keyword) :: map
  def options(changes) do
    Map.merge(
      %{
        port: 45_892,
        group: {233, 252, 1, 32},
        broadcast_only: false,
        multicast_if: nil,
        secret?: false,
        cluster: nil,
        seeds: 0
      },
      Map.new(changes)
    )
  end

  @doc "An interface that hears itself and others."
  @spec interface(keyword) :: Facts.interface()
  def interface(changes) do
    Map.merge(
      %{
        name: "eth0",
        address: {10, 0, 0, 5},
        index: 2,
        multicast?: true,
        loopback?: false,
        echo: :heard,
        heard: 5
      },
      Map.new(changes)
    )
  end

  @doc "A node that was heard from another host, by the address in its name where it has one."
  @spec heard(String.t(), keyword) :: Facts.heard()
  def heard(name, changes \\ []) do
    [_, host] = String.split(name, "@")

    source =
      case :inet.parse_address(String.to_charlist(host)) do
        {:ok, address} -> address
        _ -> nil
      end

    Map.merge(
      %{
        name: name,
        packets: 2,
        received: 2,
        missing: 0,
        interfaces: ["eth0"],
        source: source,
        here?: false
      },
      Map.new(changes)
    )
  end

  @doc "Packets that were refused."
  @spec refusal(atom) :: Facts.refusal()
  def refusal(cause),
    do: %{cause: cause, packets: 4, source: {{10, 0, 0, 7}, 45_892}, interface: "eth0"}

  @doc "What a probe may find out about a node."
  @spec probe(node, Probe.Cause.t(), keyword) :: Probe.Result.t()
  def probe(node, cause, seen \\ []) do
    facts = %Probe.Facts{
      at: ~U[2026-01-01 00:00:00Z],
      ours: :"a@10.0.0.5",
      host: "10.0.0.6",
      address: {10, 0, 0, 6},
      epmd_port: 4369,
      port: 40_000,
      answered_as: "c@10.0.0.6",
      obstacle: :name_unregistered,
      reason: :timeout
    }

    %Probe.Result{node: node, cause: cause, facts: struct!(facts, seen)}
  end
end
