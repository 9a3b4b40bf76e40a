defmodule NativeGossip.DoctestsTest do
  use ExUnit.Case, async: true

  doctest NativeGossip.Events
  doctest NativeGossip.Events.Words
  doctest NativeGossip.Options.Address
  doctest NativeGossip.Options.Interface
  doctest NativeGossip.Options.Seed
  doctest NativeGossip.Options.Type
end
