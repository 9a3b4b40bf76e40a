defmodule Cluster.Strategy do
  @moduledoc """
  A stand-in for libcluster's behaviour of strategies, so that this project can be built and tested
  where Hex cannot be reached. Written for that from the description of libcluster's interface:
  it has what a strategy calls, no strategies of its own, and is not for use elsewhere.
  """

  alias Cluster.Logger

  @callback child_spec([Cluster.Strategy.State.t()]) :: Supervisor.child_spec()
  @callback start_link([Cluster.Strategy.State.t()]) :: {:ok, pid} | :ignore | {:error, term}

  defmacro __using__(_options) do
    quote do
      @behaviour Cluster.Strategy

      @impl Cluster.Strategy
      def child_spec(args), do: %{id: __MODULE__, start: {__MODULE__, :start_link, [args]}}

      defoverridable child_spec: 1
    end
  end

  @doc "Connects to those of `nodes` that `list_nodes` does not list; `{:error, failed}` names the rest."
  @spec connect_nodes(atom, mfa, mfa, [node]) :: :ok | {:error, [{node, reason :: term}]}
        when mfa: {module, atom, [term]}
  def connect_nodes(topology, connect, list_nodes, nodes) do
    known = [Node.self() | call(list_nodes, [])]

    failed =
      for node <- nodes,
          node not in known,
          answer = attempt(topology, connect, node),
          answer != :ok do
        answer
      end

    if failed == [], do: :ok, else: {:error, failed}
  end

  defp attempt(topology, connect, node) do
    started = System.monotonic_time()

    case call(connect, [node]) do
      true ->
        event(:ok, %{duration: System.monotonic_time() - started}, %{
          node: node,
          topology: topology
        })

        Logger.info(topology, "connected to #{inspect(node)}")
        :ok

      false ->
        refused(topology, node, :unreachable, "")
        {node, false}

      :ignored ->
        refused(topology, node, :not_part_of_network, ": not part of network")
        {node, :ignored}
    end
  end

  defp refused(topology, node, reason, explanation) do
    event(:error, %{}, %{node: node, topology: topology, reason: reason})
    Logger.warn(topology, "unable to connect to #{inspect(node)}#{explanation}")
  end

  defp event(outcome, measurements, metadata) do
    :telemetry.execute([:libcluster, :connect_node, outcome], measurements, metadata)
  end

  defp call({module, function, args}, more), do: apply(module, function, args ++ more)
end
