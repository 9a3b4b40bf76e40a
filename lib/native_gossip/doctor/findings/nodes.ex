defmodule NativeGossip.Doctor.Findings.Nodes do
  @moduledoc """
  What is wrong with the nodes that are heard, or should be.
  """

  import NativeGossip.Events.Words

  alias NativeGossip.Doctor.{Facts, Finding}
  alias NativeGossip.Probe
  alias NativeGossip.Probe.Explanation

  @doc "Findings of nodes that were heard, or should be: their names, connecting, silence."
  @spec of(Facts.t()) :: [Finding.t()]
  def of(facts) do
    names(facts) ++
      epmd(facts) ++ unconnectable(facts) ++ silent(facts) ++ hung(facts) ++ hidden(facts)
  end

  @doc "Findings of clocks."
  @spec clocks(Facts.t()) :: [Finding.t()]
  def clocks(facts) do
    Finding.list(:clock, facts.clocks, "", fn %{node: node, off_ms: off} ->
      "the clock of #{inspect(node)} is #{span(off)} #{side(off)} this one's"
    end)
  end

  defp side(off) when off < 0, do: "behind"
  defp side(_off), do: "ahead of"

  defp names(facts) do
    shared =
      for name <- facts.shared,
          do: Finding.new(:name_shared, "two BEAMs speak as #{inspect(name)}")

    shared ++ forms(Enum.split_with(facts.nodes, &long?(&1.name)))
  end

  defp forms({[], _}), do: []
  defp forms({_, []}), do: []

  defp forms({long, short}) do
    [
      Finding.new(
        :name_forms,
        "long names are heard (#{named(long)}) and short ones (#{named(short)})"
      )
    ]
  end

  defp epmd(%{epmd: {:absent, port}}),
    do: [Finding.new(:epmd, "no epmd runs on this host: nothing listens at port #{port}")]

  defp epmd(_facts), do: []

  # What is no cause, or is said by another finding: busy ends by itself.
  @unsaid [:connected, :reachable, :own_name, :not_alive, :busy, :probe_failed]

  defp unconnectable(facts) do
    mixed? = forms(Enum.split_with(facts.nodes, &long?(&1.name))) != []

    for %{cause: cause} = result <- facts.probes,
        cause not in @unsaid,
        not (mixed? and cause == :name_form),
        not (match?({:absent, _}, facts.epmd) and cause == :epmd_refused and
               here?(result, facts)),
        not beyond_us?(cause, facts) do
      seen = "#{attempt(result.node, facts)} (#{cause}): #{Explanation.seen(result)}"
      Finding.new(:unconnectable, seen, cause: cause, remedy: Probe.Cause.remedy(cause))
    end
  end

  defp attempt(node, %{ours: nil}),
    do: "#{inspect(node)} cannot be connected to from this host"

  defp attempt(node, facts) do
    if node in facts.connected,
      do: "#{inspect(node)} is connected, and could not be from this host",
      else: "no connection to #{inspect(node)}"
  end

  defp silent(facts) do
    Finding.list(
      :fell_silent,
      facts.silent,
      "what is connected is not heard any more: ",
      fn node ->
        from = if node.source, do: " from #{address(node.source)}", else: ""
        "#{inspect(node.name)}, last #{span(node.heard_ms)} ago#{from}"
      end
    )
  end

  defp hung(facts) do
    for name <- facts.hung do
      Finding.new(
        :hangs,
        "the node #{inspect(name)} of this host, which epmd names, takes a connection and says nothing"
      )
    end
  end

  defp hidden(facts) do
    hidden = for %{facts: %{published?: false}, node: node} <- facts.probes, do: node
    Finding.list(:hidden, hidden, "hidden nodes are heard: ", &inspect/1)
  end

  defp here?(%{node: node}, facts) do
    name = Atom.to_string(node)
    Enum.any?(facts.nodes, &(&1.name == name and &1.here?))
  end

  # A BEAM without a name has not the flags of a node: whether a node should speak TLS is not known to it.
  defp beyond_us?(cause, %{ours: nil}), do: cause in [:tls_there, :tls_both]
  defp beyond_us?(cause, _facts), do: cause == :tls_both

  defp named(nodes), do: Finding.some(nodes, &inspect(&1.name))

  defp long?(name) do
    [_ | host] = String.split(name, "@", parts: 2)
    Enum.any?(host, &Probe.long?/1)
  end
end
