defmodule NativeGossip.Events.Refusal do
  @moduledoc """
  What each cause of a refusal means to the person who reads the log, and what to do.
  """

  # What each cause of a refusal means, and what to do. A cause has a level of its own.
  @table [
    malformed:
      {:warning,
       "it is no heartbeat, or a sealed one while this node has no secret. Give both nodes the same " <>
         "(option secret), or keep other senders away from this group and port"},
    doctor: {:info, "it is the question of a doctor (NativeGossip.Doctor), and no fault"},
    name: {:warning, "it names a node by a name that no node can have. See what sends it"},
    undecryptable:
      {:warning,
       "it is sealed with another secret, or is no heartbeat. Give both nodes the same (option secret)"},
    unsealed:
      {:warning,
       "its sender has no secret, while this node has one. Give it the same (option secret)"},
    signature:
      {:warning,
       "it is signed with another secret, or was forged or changed on its way. Give both nodes the same " <>
         "(option secret)"},
    unsigned:
      {:warning,
       "it is not signed, while this node takes signed ones alone (option authentication), or while the " <>
         "node of its name signs. Give its sender this strategy and the secret; if it has them, somebody " <>
         "forges it"},
    stale:
      {:warning,
       "the clock of its sender or of this host is more than a minute off, or it was recorded. Set the " <>
         "clocks (NTP); a node whose clock is off is taken once it has heard this one"},
    replayed:
      {:warning,
       "it was received before. If it is no network that delays packets, somebody sends recorded ones: " <>
         "see who does"},
    twin:
      {:warning,
       "two machines speak as one node, as after a snapshot of one was started. Give one of them another " <>
         "name, and start its BEAM again"},
    # What was asked for.
    cluster: {:info, "it is of another cluster (option cluster)"},
    filtered: {:info, "no pattern of option allow matches the name of its node"},
    # Many names at once are what a large cluster starts with.
    over_limit:
      {:info, "more new names than are taken in (option max_peers), or packets that are too long"}
  ]

  @doc "The causes that have a meaning: all that the Rust half counts."
  @spec causes :: [atom]
  def causes, do: Keyword.keys(@table)

  @doc "The level at which packets refused for this cause are told."
  @spec level(cause :: atom) :: :info | :warning
  def level(cause), do: elem(@table[cause], 0)

  @doc "What it means, in words that follow \"packets refused as …; \"."
  @spec meaning(cause :: atom) :: String.t()
  def meaning(cause), do: elem(@table[cause], 1)
end
