defmodule NativeGossip.Test.Witness do
  @moduledoc """
  Reads every packet of the group inside a node, as the stock strategy and as another implementation of the
  signatures would, and counts what it saw. Started by a call into the node, it outlives its caller.
  """
  use GenServer

  alias NativeGossip.Test.{ReferencePeer, SignedHeartbeat}

  @typedoc "Whether a stock node without a secret reads it; its form, and the place of the secret that signed it."
  @type seen ::
          {stock_reads? :: boolean, :plain | :sealed | :unread,
           signed_by :: non_neg_integer | nil}

  @doc "Options: those of `NativeGossip.Test.ReferencePeer`, and `:secrets`."
  @spec start(keyword) :: :ok
  def start(options) do
    {:ok, _} = GenServer.start(__MODULE__, options, name: __MODULE__)
    :ok
  end

  @doc "What was seen since the last call, and how often."
  @spec take :: %{seen => pos_integer}
  def take, do: GenServer.call(__MODULE__, :take)

  @impl true
  def init(options) do
    {secrets, options} = Keyword.pop!(options, :secrets)
    {:ok, _} = ReferencePeer.start_link([raw: true] ++ options)
    {:ok, %{secrets: secrets, seen: %{}}}
  end

  @impl true
  def handle_call(:take, _from, state), do: {:reply, state.seen, %{state | seen: %{}}}

  @impl true
  def handle_info({:packet, packet}, state) do
    stock_reads? = match?({:ok, _}, ReferencePeer.decode(packet))

    seen =
      case SignedHeartbeat.read(packet, state.secrets, nil) do
        {:ok, _, signed_by, form} -> {stock_reads?, form, signed_by}
        {:error, :no_trailer} -> {stock_reads?, if(stock_reads?, do: :plain, else: :sealed), nil}
        {:error, _} -> {stock_reads?, :unread, nil}
      end

    {:noreply, %{state | seen: Map.update(state.seen, seen, 1, &(&1 + 1))}}
  end
end
