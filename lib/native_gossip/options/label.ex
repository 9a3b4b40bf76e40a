defmodule NativeGossip.Options.Label do
  @moduledoc """
  The label of a cluster, or nil for none. It is no secret: its digest is in each heartbeat.

  A blank one is refused: that is what an empty variable of the environment leaves.
  """
  @behaviour NativeGossip.Options.Type

  # In bytes. Longer than any name of a cluster; whoever gives more means something else.
  @longest 255

  @impl true
  def parse(nil), do: {:ok, nil}

  def parse(given) do
    if is_binary(given) and byte_size(given) in 1..@longest and String.valid?(given) and
         String.trim(given) == given,
       do: {:ok, given},
       else: :error
  end

  @impl true
  def expected,
    do: "nil, or a string of 1 to #{@longest} bytes without white space at its ends"
end
