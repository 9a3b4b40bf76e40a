defmodule NativeGossip.Probe.Result do
  @moduledoc """
  What a probe of a node found: one cause, and the facts it was worked out from.

  `NativeGossip.Probe.Explanation.sentence/1` says it to a person.
  """

  alias NativeGossip.Probe.{Cause, Facts}

  @enforce_keys [:node, :cause, :facts]
  defstruct @enforce_keys

  @type t :: %__MODULE__{node: node, cause: Cause.t(), facts: Facts.t()}
end
