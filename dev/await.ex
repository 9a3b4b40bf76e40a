defmodule NativeGossip.Dev.Await do
  @moduledoc """
  Waits until something that cannot send us a message has come true.

  The conditions live in other operating system processes (a node's `Node.list/0`, the
  descriptors under `/proc`), so they are polled. A condition that never comes true raises with the
  value that was seen last: that value is what tells a failure's cause.
  """

  defmodule TimeoutError do
    defexception [:message]
  end

  @poll_ms 20
  @deadline_ms 15_000

  @doc """
  Calls `probe` until `accept?` is true of what it returns; returns that value.

  Options: `:within`, the deadline in milliseconds (#{@deadline_ms}).
  """
  @spec until(String.t(), (... -> value), (value -> as_boolean(term)), keyword) :: value
        when value: term
  def until(what, probe, accept?, options \\ []) do
    within = Keyword.get(options, :within, @deadline_ms)
    poll(what, probe, accept?, within, System.monotonic_time(:millisecond) + within)
  end

  defp poll(what, probe, accept?, within, deadline) do
    seen = probe.()

    cond do
      accept?.(seen) ->
        seen

      System.monotonic_time(:millisecond) >= deadline ->
        raise TimeoutError,
              "waited #{within} ms until #{what}, and it did not; last seen:\n" <>
                inspect(seen, pretty: true, limit: 200, printable_limit: 4000)

      true ->
        Process.sleep(@poll_ms)
        poll(what, probe, accept?, within, deadline)
    end
  end
end
