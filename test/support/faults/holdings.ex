defmodule NativeGossip.Test.Faults.Holdings do
  @moduledoc """
  What a node holds, so that a test can say that nothing of a fault stays.
  """
  alias NativeGossip.Dev.{Beam, OsProcess}
  alias NativeGossip.Native

  @doc "Its sockets on `port`, its threads, its descriptors by kind, and its loops."
  @spec of(Beam.t(), :inet.port_number()) :: %{
          sockets: non_neg_integer,
          threads: non_neg_integer,
          descriptors: %{String.t() => pos_integer},
          loops: non_neg_integer
        }
  def of(beam, port) do
    beam.os_pid
    |> OsProcess.holdings(port)
    |> Map.put(:loops, Beam.call(beam, Native, :loops, []))
  end
end
