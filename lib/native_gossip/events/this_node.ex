defmodule NativeGossip.Events.ThisNode do
  @moduledoc """
  The sentences about this node: its name, and that it leaves.
  """

  alias NativeGossip.Events

  @doc "What became of the node, and what to do where it sends nothing."
  @spec sentence(Events.name(), fields :: map) :: String.t()
  def sentence(:node_unnamed, _) do
    "this node has no name: it sends no heartbeats until it is alive. Start it with --name or --sname, " <>
      "a release with RELEASE_DISTRIBUTION and RELEASE_NODE"
  end

  def sentence(:node_stopped, _),
    do: "this node is no longer alive: it sends no heartbeats until Node.start/2 gives it a name"

  def sentence(:node_named, %{node: node}), do: "alive as #{node}: sending heartbeats"

  def sentence(:node_drained, _) do
    "this node leaves: it says so where it has a secret, then sends no heartbeats and connects to nobody"
  end
end
