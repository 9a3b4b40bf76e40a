defmodule NativeGossip.Events.OptionWarning do
  @moduledoc """
  The sentences about options that are allowed and may surprise. None shows a secret.
  """

  import NativeGossip.Events.Words

  # That a sentence is not empty is nothing that a caller wants to know.
  @dialyzer {:no_underspecs, [sentence: 1]}

  @doc "What surprises, and what to do."
  @spec sentence(fields :: map) :: String.t()
  def sentence(%{warning: :secret_nil}) do
    "secret is nil, so heartbeats are plain. If it should come from the environment, take it with " <>
      "System.fetch_env!/1; if plain is meant, leave the option out"
  end

  def sentence(%{warning: :secret_padded}) do
    "a secret begins or ends with white space, which is part of it, so a node that has it without is not " <>
      "found. Files often end with a newline; String.trim/1 takes it away, on all nodes"
  end

  def sentence(%{warning: :secret_documented}) do
    "a secret is one that examples show (README.md, docs), so everybody knows it. Take one of mix " <>
      "native_gossip.gen.secret; with a list as secret it is changed node by node"
  end

  def sentence(%{warning: :secret_short}) do
    "a secret has fewer than 16 bytes: whoever records one heartbeat can find it by trying. Take one of " <>
      "mix native_gossip.gen.secret; with a list as secret it is changed node by node"
  end

  def sentence(%{warning: :bound_to_one_address, address: address}) do
    "bound to #{address(address)} (option if_addr), and such a socket hears no multicast: " <>
      "leave if_addr out, and name the interface with multicast_if"
  end

  def sentence(%{warning: :broadcast_to_group, group: group}) do
    "broadcast_only is set, and multicast_addr is the multicast group #{address(group)}, " <>
      "which is not joined: set multicast_addr to the broadcast address of the network"
  end

  def sentence(%{warning: :unused_interfaces}) do
    "broadcast_only is set, and multicast_if has no effect on broadcasts: " <>
      "multicast_addr, the broadcast address of one network, says which interface sends"
  end
end
