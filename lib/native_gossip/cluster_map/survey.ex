defmodule NativeGossip.ClusterMap.Survey do
  @moduledoc """
  Asks every connected node for its `NativeGossip.ClusterMap.Answer`: all at once, and for as long as the timeout says.

  Who does not answer is told as what it is. No node is connected to for it, and no message is left to the caller.
  """

  alias NativeGossip.ClusterMap.Answer
  alias NativeGossip.Topologies

  # Erlang connects each node to each other: clusters of more are not built this way. So many have 262,144 links.
  @max_nodes 512

  # In ms, of the timeout, for the question that follows where a node does not know the first.
  @reserve 100

  @typedoc """
  What became of the question to one node.

    * `:answered`;
    * `:older`: it has a native_gossip that cannot be asked for a map;
    * `:stock_or_none`: it has none;
    * `:no_answer`: not within the timeout, or the connection was lost;
    * `:failed`: the question raised there; `reason` says what.
  """
  @type outcome :: :answered | :older | :stock_or_none | :no_answer | :failed

  @typedoc "The question to one node, as it ended."
  @type reply :: %{
          name: String.t(),
          outcome: outcome,
          answer: map | nil,
          version: String.t() | nil,
          reason: String.t() | nil
        }

  @typedoc "All that came back: maps, strings and numbers, which another version can read."
  @type t :: %{
          topology: String.t(),
          node: String.t(),
          timeout_ms: pos_integer,
          unasked: [String.t()],
          replies: [reply]
        }

  @doc """
  Asks this node and those connected to it.

  Raises `ArgumentError` with the topologies that run where this one does not run here.
  """
  @spec take(topology :: atom, timeout_ms :: pos_integer) :: t
  def take(topology, timeout) do
    # It may run twice, where one is not to be found.
    _ = List.keymember?(Topologies.all(), topology, 0) || Topologies.find!(topology)
    hidden = Node.list(:hidden)
    others = Enum.sort(Node.list() ++ hidden)
    {asked, unasked} = Enum.split([node() | others], @max_nodes)
    replies = ask_all(asked, &ask(&1, topology, timeout), timeout)

    %{
      topology: Answer.topology_name(topology),
      node: Atom.to_string(node()),
      timeout_ms: timeout,
      unasked: Enum.map(unasked, &Atom.to_string/1),
      replies: without_tools(replies, Enum.map(hidden, &Atom.to_string/1))
    }
  end

  # A hidden node is a console or a tool, unless it runs the topology or is heard.
  @doc false
  @spec without_tools([reply], hidden :: [String.t()]) :: [reply]
  def without_tools(replies, []), do: replies

  def without_tools(replies, hidden) do
    heard =
      for %{answer: %{"hears" => hears}} <- replies,
          %{"name" => name} <- hears,
          into: MapSet.new() do
        name
      end

    Enum.reject(replies, fn %{name: name, answer: answer} ->
      name in hidden and not match?(%{"runs" => true}, answer) and name not in heard
    end)
  end

  @doc false
  # A task each: one that hangs in connecting is ended, too.
  @spec ask_all([node], (node -> map), pos_integer) :: [reply]
  def ask_all(nodes, ask, timeout) do
    options = [max_concurrency: max(length(nodes), 1), timeout: timeout, on_timeout: :kill_task]

    for {node, result} <- Enum.zip(nodes, Task.async_stream(nodes, ask, options)) do
      reply =
        case result do
          {:ok, reply} -> reply
          {:exit, :timeout} -> %{outcome: :no_answer}
        end

      Map.merge(
        %{name: Atom.to_string(node), answer: nil, version: nil, reason: nil},
        reply
      )
    end
  end

  @doc false
  @spec ask(node, topology :: term, pos_integer) :: map
  def ask(node, topology, timeout) do
    answer = :erpc.call(node, Answer, :give, [topology], max(timeout - @reserve, 1))
    %{outcome: :answered, answer: answer}
  catch
    :error, {:exception, :undef, [{Answer, :give, _arguments, _where} | _]} -> without(node)
    :error, {:erpc, :timeout} -> %{outcome: :no_answer}
    :error, {:erpc, :noconnection} -> %{outcome: :no_answer, reason: "the connection was lost"}
    :error, {:exception, reason, _stack} -> failed(Exception.normalize(:error, reason))
    _kind, reason -> failed(reason)
  end

  # Where the library is older than maps, its application is there.
  defp without(node) do
    case :erpc.call(node, :application, :get_key, [:native_gossip, :vsn], @reserve) do
      {:ok, version} -> %{outcome: :older, version: to_string(version)}
      :undefined -> %{outcome: :stock_or_none}
    end
  catch
    _kind, _reason -> %{outcome: :stock_or_none}
  end

  defp failed(%_{} = exception), do: %{outcome: :failed, reason: Exception.message(exception)}
  defp failed(reason), do: %{outcome: :failed, reason: inspect(reason)}
end
