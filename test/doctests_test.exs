defmodule NativeGossip.DoctestsTest do
  @moduledoc "What an example in the documentation of any module says is what comes out."
  use ExUnit.Case, async: true

  {:ok, modules} = :application.get_key(:native_gossip, :modules)
  for module <- modules, do: doctest(module)
end
