defmodule NativeGossip.Dev.LogKeeper do
  @moduledoc """
  Keeps every line logged in a node, so that a test can assert on what its user would read.

  It is the only handler of the node: what others print would stand amid the test's own output.
  """
  use GenServer

  alias NativeGossip.Dev.LogLines

  @doc "Starts to keep lines, for as long as the node runs."
  @spec start :: :ok
  def start do
    {:ok, keeper} = GenServer.start(__MODULE__, [], name: __MODULE__)
    for handler <- :logger.get_handler_ids(), do: :ok = :logger.remove_handler(handler)
    :ok = :logger.set_primary_config(:level, :debug)

    # OTP reports the start of every process of every application, at the level of information.
    filters = [progress: {&:logger_filters.progress/2, :stop}]
    LogLines.attach(keeper, filters: filters)
  end

  @doc "The lines so far, oldest first."
  @spec lines :: [{:logger.level(), String.t()}]
  def lines, do: GenServer.call(__MODULE__, :lines)

  @impl true
  def init([]), do: {:ok, []}

  @impl true
  def handle_info({:line, level, text}, lines), do: {:noreply, [{level, text} | lines]}

  @impl true
  def handle_call(:lines, _from, lines), do: {:reply, Enum.reverse(lines), lines}
end
