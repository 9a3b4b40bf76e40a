defmodule NativeGossip.Options.Seeds do
  @moduledoc """
  Targets of heartbeats beside the group, a bounded list of them.
  """
  @behaviour NativeGossip.Options.Type

  alias NativeGossip.Options.{Seed, Type}

  # Each heartbeat is sent to every one of them: 256 are 100 packets a second from one node, and a
  # whole cluster is meant to send 200.
  @max 256

  @doc "The most seeds that may be given, and the most targets that they may lead to."
  @spec max() :: 256
  def max, do: @max

  @impl true
  def parse(given) do
    case Type.parse_each(given, &Seed.parse/1) do
      {:ok, seeds} when length(seeds) > @max -> {:error, "#{length(seeds)} of them"}
      result -> result
    end
  end

  @impl true
  def expected do
    "a list of at most #{@max} targets, or one: an address, a host's name, " <>
      "\"host:port\", \"[IPv6]:port\" or {host, port}"
  end
end
