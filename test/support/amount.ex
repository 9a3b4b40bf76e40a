defmodule NativeGossip.Test.Amount do
  @moduledoc """
  How often a test does what it does: a small number by default, the full one by the environment.
  """

  @spec from_env(String.t(), pos_integer) :: pos_integer
  def from_env(name, default) do
    case System.get_env(name, "") do
      "" -> default
      text -> String.to_integer(text)
    end
  end

  @doc "The seed of a test's random choices, `SEED` or a new one."
  @spec seed() :: pos_integer
  def seed, do: from_env("SEED", :rand.uniform(1_000_000))

  @doc "The middle of some measured values."
  @spec median([number, ...]) :: number
  def median(values), do: values |> Enum.sort() |> Enum.at(div(length(values), 2))
end
