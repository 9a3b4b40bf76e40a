defmodule NativeGossip.Doctor.Delay do
  @moduledoc """
  Whether packets get lost on the way to a host, as far as TCP shows it.

  The first packet of a connection is sent again a second later where no answer came. So of several questions at once
  some are answered late where packets are lost, and none where the way is well, whatever the answer.
  """

  alias NativeGossip.Probe.{Epmd, Outside}

  # Questions at once, and what counts as late: half of what TCP waits before it repeats itself, in ms.
  @questions 10
  @late 500

  # In ms: the second and the third packet are sent after 1 s and 3 s.
  @patience 3_500

  @typedoc "Of `of` questions to the epmd at `address`, `late` were answered late or not at all."
  @type t :: %{address: :inet.ip_address(), late: non_neg_integer, of: pos_integer}

  @doc """
  Asks the epmd of each of these hosts for its names, all at once. A host that answers none at once has another
  fault: it is left out.
  """
  @spec late([:inet.ip_address()], Outside.t()) :: [t]
  def late(addresses, outside) do
    addresses
    |> Enum.map(&Task.async(fn -> ask_host(&1, outside) end))
    |> Task.await_many(:infinity)
    |> Enum.filter(&(&1.late < &1.of))
  end

  defp ask_host(address, outside) do
    asked = for _ <- 1..@questions, do: Task.async(fn -> late?(address, outside) end)
    late = asked |> Task.await_many(:infinity) |> Enum.count(& &1)
    %{address: address, late: late, of: @questions}
  end

  defp late?(address, outside) do
    started = System.monotonic_time(:millisecond)
    # What the answer is is of no concern.
    _ = Epmd.names(outside, address, @patience)
    System.monotonic_time(:millisecond) - started >= @late
  end
end
