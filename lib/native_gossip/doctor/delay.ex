defmodule NativeGossip.Doctor.Delay do
  @moduledoc """
  Whether packets get lost on the way to a host, as far as TCP shows it.

  The first packet of a connection is sent again a second later where no answer came. So of several questions at once
  some are answered late where packets are lost, and none where the way is well.
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
  Asks the epmd of each of these hosts for its names, all at once.

  A host where one question is refused is left out: systems limit their refusals, so these come late without any loss.
  So is a host that answers no question in time: it has another fault.
  """
  @spec late([:inet.ip_address()], Outside.t()) :: [t]
  def late(addresses, %{epmd: nil} = outside) do
    addresses
    |> Enum.map(&Task.async(fn -> ask_host(&1, outside) end))
    |> Task.await_many(:infinity)
    |> Enum.flat_map(&judged/1)
  end

  # Nodes that need no epmd may have none.
  def late(_addresses, _outside), do: []

  defp ask_host(address, outside) do
    asked = for _ <- 1..@questions, do: Task.async(fn -> ask(address, outside) end)
    {address, Task.await_many(asked, :infinity)}
  end

  defp ask(address, outside) do
    started = System.monotonic_time(:millisecond)
    answer = Epmd.answers(outside, address, @patience)
    {answer, System.monotonic_time(:millisecond) - started}
  end

  defp judged({address, answers}) do
    refused? =
      Enum.any?(answers, fn {answer, _} -> answer not in [:ok, :silent, {:error, :filtered}] end)

    late = Enum.count(answers, fn {answer, ms} -> answer != :ok or ms >= @late end)

    if refused? or late == @questions,
      do: [],
      else: [%{address: address, late: late, of: @questions}]
  end
end
