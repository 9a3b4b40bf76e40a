defmodule NativeGossip.Doctor.Findings.Loss do
  @moduledoc """
  What is lost on the way, and where that is too much.
  """

  import NativeGossip.Events.Words

  alias NativeGossip.Doctor.{Facts, Finding}

  # Names of a list that are written out.
  @shown 3

  # Packets, and percent of all, that have to be lost before it is a finding: a queue may overflow now and then.
  @lost 3
  @lossy 10

  # Questions to epmd that are answered late.
  @late 2

  @doc "Findings of heartbeats, questions to epmd and to a doctor that were lost."
  @spec of(Facts.t()) :: [Finding.t()]
  def of(facts) do
    # The worst first.
    nodes =
      for %{missing: missing, received: received, name: name} <-
            Enum.sort_by(Facts.elsewhere(facts), &(-&1.missing)),
          lossy?(missing, received + missing),
          do: "#{inspect(name)} (#{missing} of #{received + missing})"

    heartbeats =
      if nodes == [],
        do: [],
        else: [Finding.new(:lossy, "heartbeats do not come: #{first(nodes, @shown, & &1)}")]

    heartbeats ++ late(facts.late) ++ unanswered(facts.to)
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
