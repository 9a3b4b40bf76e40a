defmodule NativeGossip.Doctor.Findings.Loss do
  @moduledoc """
  What is lost on the way, and where that is too much.
  """

  import NativeGossip.Events.Words

  alias NativeGossip.Doctor.{Facts, Finding}

  # Packets, and percent of all, that have to be lost before it is a finding: a queue may overflow now and then.
  @lost 3
  @lossy 10

  # Questions to epmd that are answered late.
  @late 2

  @doc "Findings of heartbeats, questions to epmd and to a doctor that were lost."
  @spec of(Facts.t()) :: [Finding.t()]
  def of(facts) do
    heartbeats(facts) ++ late(facts.late) ++ unanswered(facts.to)
  end

  defp heartbeats(facts) do
    lossy = Enum.filter(Facts.elsewhere(facts), &lossy?(&1.missing, &1.received + &1.missing))
    worst_first = Enum.sort_by(lossy, &(-&1.missing))

    Finding.list(:lossy, worst_first, "heartbeats do not come: ", fn node ->
      "#{inspect(node.name)} (#{node.missing} of #{node.received + node.missing})"
    end)
  end

  defp late(hosts) do
    for %{late: late, of: of, address: address} when late >= @late <- hosts do
      Finding.new(
        :lossy,
        "of #{of} questions to the epmd at #{address(address)} #{late} were answered late, as where packets are lost"
      )
    end
  end

  defp unanswered(%{lost: {lost, of}, host: host}) do
    if lossy?(lost, of),
      do: [Finding.new(:lossy, "the doctor at #{host} answers #{of - lost} of #{of} questions")],
      else: []
  end

  defp unanswered(_to), do: []

  defp lossy?(lost, of), do: lost >= @lost and 100 * lost >= @lossy * of
end
