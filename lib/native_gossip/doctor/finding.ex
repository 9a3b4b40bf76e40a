defmodule NativeGossip.Doctor.Finding do
  @moduledoc """
  One thing that is wrong: what was seen, what was expected instead, and what to do.

  `kind` is its place in the table of `NativeGossip.Doctor.Kind`; `cause` is that of the refusal, the fault or
  the probe it comes from, where it comes from one.
  """

  alias NativeGossip.Doctor.Kind
  alias NativeGossip.Events.Words

  # Items of a list that are written out.
  @shown 3

  @enforce_keys [:kind, :seen, :expected, :remedy]
  defstruct @enforce_keys ++ [:cause]

  @type t :: %__MODULE__{
          kind: Kind.t(),
          cause: atom,
          seen: String.t(),
          expected: String.t(),
          remedy: String.t()
        }

  @doc "A finding with the words of its kind; `more` may have a `cause`, and a `remedy` of its own."
  @spec new(Kind.t(), seen :: String.t(), keyword) :: t
  def new(kind, seen, more \\ []) do
    %__MODULE__{
      kind: kind,
      cause: more[:cause],
      seen: seen,
      expected: Kind.expected(kind),
      remedy: more[:remedy] || Kind.remedy(kind)
    }
  end

  @doc "One finding that lists what was seen, in these words and after `intro`; none where nothing was."
  @spec list(Kind.t(), [item], intro :: String.t(), (item -> String.t())) :: [t] when item: term
  def list(_kind, [], _intro, _write), do: []
  def list(kind, items, intro, write), do: [new(kind, intro <> some(items, write))]

  @doc "The first items of a list, in words."
  @spec some([item], (item -> String.t())) :: String.t() when item: term
  def some(items, write), do: Words.first(items, @shown, write)
end
