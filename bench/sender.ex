defmodule NativeGossip.Bench.Sender do
  @moduledoc """
  The program that sends the heartbeats of many nodes (`native/net/examples/heartbeats.rs`).

  Numbers are those of the program: nodes, heartbeats a second, how many of these at once, seconds.
  """
  alias NativeGossip.Dev.OsProcess

  @host "127.0.0.1"
  @secret "of a benchmark, and of nothing else"
  @program "target/release/examples/heartbeats"

  @typedoc "What it sends."
  @type form :: :sealed | :signed | :noise | :undecryptable | :labelled

  @type numbers :: [pos_integer, ...]

  @doc "The secret of all heartbeats that it sends."
  @spec secret :: String.t()
  def secret, do: @secret

  @doc "The program, which also only receives."
  @spec program :: Path.t()
  def program, do: Path.expand(@program)

  @doc "What it calls its nodes."
  @spec names(pos_integer) :: [node]
  def names(count), do: for(number <- 1..count, do: :"known#{number}@#{@host}")

  @doc """
  Starts it, and returns when it begins to send. Whoever calls this has to call `await/1` or `stop/1`.

  `turns`: the heartbeats that each node has sent before, where it signs; without them each node is restarted.
  """
  @spec start(form, :inet.port_number(), numbers, non_neg_integer | nil) :: port
  def start(form, port, [_nodes, _per_second, _at_once, _seconds] = numbers, turns \\ nil) do
    arguments = [form, "#{@host}:#{port}"] ++ numbers ++ [@secret] ++ List.wrap(turns)
    sender = OsProcess.open(program(), Enum.map(arguments, &to_string/1), [])

    receive do
      {^sender, {:data, "ready\n"}} -> sender
    end
  end

  @doc "Waits until everything is sent. Returns how many heartbeats that were."
  @spec await(port) :: pos_integer
  def await(sender) do
    receive do
      {^sender, {:data, sent}} ->
        receive do
          {^sender, {:exit_status, 0}} -> sent |> String.trim() |> String.to_integer()
        end
    end
  end

  @doc "`start/4`, and then `await/1`."
  @spec run(form, :inet.port_number(), numbers, non_neg_integer | nil) :: pos_integer
  def run(form, port, numbers, turns \\ nil), do: await(start(form, port, numbers, turns))

  @doc "Ends it before everything is sent."
  @spec stop(port) :: :ok
  def stop(sender) do
    # It ends with its standard input.
    true = Port.close(sender)
    :ok
  end
end
