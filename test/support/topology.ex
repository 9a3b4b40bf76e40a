defmodule NativeGossip.Test.Topology do
  @moduledoc """
  A topology on the loopback, and what stands in for its `connect` and `list_nodes`.

  Without a word it connects as `pretend/1` and has no nodes.
  """

  @doc """
  The spec of a topology, for `Cluster.Supervisor`: these options beside `port` and `multicast_if`,
  and other keys of a spec in `more`.
  """
  @spec spec(:inet.port_number(), keyword, keyword) :: keyword
  def spec(port, options \\ [], more \\ []) do
    [
      strategy: NativeGossip.Strategy,
      config: Keyword.merge([port: port, multicast_if: "127.0.0.1"], options),
      connect: {__MODULE__, :pretend, []},
      list_nodes: {__MODULE__, :list, [[]]}
    ]
    |> Keyword.merge(more)
  end

  @doc """
  Starts a strategy of a topology `:alone` that no permanent child is: of nobody, of a supervisor that is dynamic, or
  of one that forgets what ends. It outlives the call.
  """
  @spec start_alone(:nobody | :dynamic | :temporary, :inet.port_number()) :: :ok
  def start_alone(parent, port) do
    state = %Cluster.Strategy.State{
      topology: :alone,
      config: [port: port, multicast_if: "127.0.0.1"]
    }

    start = {NativeGossip.Strategy, :start_link, [[state]]}
    child = %{id: :alone, start: start, restart: :temporary}

    {:ok, pid} = start_alone_under(parent, state, child)
    Process.unlink(pid)
    :ok
  end

  defp start_alone_under(:nobody, state, _child), do: NativeGossip.Strategy.start_link([state])

  defp start_alone_under(:temporary, _state, child),
    do: Supervisor.start_link([child], strategy: :one_for_one)

  defp start_alone_under(:dynamic, _state, child) do
    {:ok, supervisor} = DynamicSupervisor.start_link(strategy: :one_for_one)
    {:ok, _strategy} = DynamicSupervisor.start_child(supervisor, child)
    {:ok, supervisor}
  end

  @doc "A `connect` that takes its time, and fails for every other name."
  @spec pretend(node) :: boolean
  def pretend(node) do
    number = :erlang.phash2(node, 20)
    Process.sleep(number)
    rem(number, 2) == 0
  end

  @doc "A `connect` that tells the test, `{:connect, node}`, and has this answer."
  @spec tell(pid, answer, node) :: answer when answer: term
  def tell(test, answer, node) do
    send(test, {:connect, node})
    answer
  end

  @doc "A `connect` that asks the test, `{:connect, node, pid}`, which sends it `{:answer, answer}`."
  @spec ask(pid, node) :: term
  def ask(test, node) do
    send(test, {:connect, node, self()})

    receive do
      {:answer, answer} -> answer
    end
  end

  @doc "A `list_nodes` that has these nodes."
  @spec list([node]) :: [node]
  def list(nodes), do: nodes
end
