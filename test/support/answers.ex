defmodule NativeGossip.Test.Answers do
  @moduledoc """
  Answers to `NativeGossip.ClusterMap.Survey` that are made up.
  """

  alias NativeGossip.ClusterMap

  @at ~U[2026-01-01 12:00:00Z]

  @doc "The map of these replies, asked by the first of them."
  @spec map([map], keyword) :: ClusterMap.t()
  def map([%{name: name} | _] = replies, options \\ []) do
    ClusterMap.assemble(
      %{
        topology: "lan",
        node: name,
        timeout_ms: 6_000,
        unasked: Keyword.get(options, :unasked, []),
        replies: replies
      },
      @at
    )
  end

  @doc "A node that answers: it hears these, and is connected to them where nothing else is said in `answer`."
  @spec answer(String.t(), [map], map) :: map
  def answer(name, hears, answer \\ %{}) do
    basis = %{
      "version" => "0.1.0",
      "topologies" => ["lan"],
      "runs" => true,
      "interval_ms" => 5_000,
      "draining" => false,
      "faults" => [],
      "connected" => Enum.map(hears, & &1["name"]),
      "hears" => hears,
      "omitted" => 0
    }

    reply(name, :answered, answer: Map.merge(basis, answer))
  end

  @doc "What became of the question to a node."
  @spec reply(String.t(), atom, keyword) :: map
  def reply(name, outcome, more \\ []),
    do:
      Map.merge(
        %{name: name, outcome: outcome, answer: nil, version: nil, reason: nil},
        Map.new(more)
      )

  @doc "A peer in an answer, heard well where nothing else is said."
  @spec peer(String.t(), map) :: map
  def peer(name, fields \\ %{}) do
    Map.merge(
      %{
        "name" => name,
        "state" => "connected",
        "address" => "10.0.0.9",
        "interface" => "eth0",
        "heard_ms" => 400,
        "heartbeat_form" => "sealed",
        "loss" => 0.0,
        "received" => 200,
        "missing" => 0,
        "clock_ms" => 3
      },
      fields
    )
  end

  @doc "The answers of so many nodes that all hear each other: `n001@h` and so on."
  @spec healthy(pos_integer) :: [map]
  def healthy(count) do
    names = for number <- 1..count, do: "n#{String.pad_leading("#{number}", 3, "0")}@h"
    for name <- names, do: answer(name, for(other <- names, other != name, do: peer(other)))
  end
end
