defmodule NativeGossip.Bench.Loss do
  @moduledoc """
  What `bin/bench loss` measures: how many heartbeats find no room in the socket, where many come in bursts.

  The kernel counts what it drops (`/proc/net/udp`).
  """
  @behaviour NativeGossip.Bench

  alias NativeGossip.Bench
  alias NativeGossip.Bench.{Listener, Table}

  @peers 100
  @at_once 64
  @names %{
    ours: "this strategy",
    recvfrom: "bare recvfrom",
    reference: "a peer in Elixir",
    stock: "stock strategy"
  }

  @impl true
  def about do
    %{
      name: "loss",
      text: "PER_SECOND heartbeats in bursts of 64 for SECONDS: how many the kernel dropped",
      arguments: [per_second: 100_000, seconds: 10],
      examples: ["heartbeats"]
    }
  end

  @impl true
  def run(%{per_second: per_second, seconds: seconds}) do
    kinds = [:recvfrom, :ours, :reference] ++ if(Bench.stock?(), do: [:stock], else: [])

    %Table{
      name: "loss",
      title:
        "Heartbeats lost in the socket: #{per_second} a second of #{@peers} peers in bursts of " <>
          "#{@at_once}, for #{seconds} s",
      note:
        "This strategy with `receive_limit: 1_000_000`. Each socket has the buffer that its program asks for: " <>
          "the bare loop asks for none.",
      columns: [
        who: "who receives",
        form: "heartbeats",
        sent: "sent",
        dropped: "dropped",
        percent: "% dropped",
        cpu: "% of a core"
      ],
      rows: for(kind <- kinds, do: row(kind, per_second, seconds))
    }
  end

  defp row(kind, per_second, seconds) do
    Bench.progress(@names[kind])
    listener = Listener.start(kind, @peers)
    form = if kind in [:ours, :recvfrom], do: :signed, else: :sealed
    began = System.monotonic_time(:nanosecond)
    heard = Listener.hear(listener, form, [per_second, @at_once, seconds])
    took = System.monotonic_time(:nanosecond) - began
    Listener.stop(listener)

    %{
      who: @names[kind],
      form: Atom.to_string(form),
      sent: heard.sent,
      dropped: heard.dropped,
      percent: 100 * heard.dropped / heard.sent,
      cpu: 100 * heard.cpu_ns / took
    }
  end
end
