defmodule NativeGossip.ClusterMap do
  @moduledoc """
  A cluster at one look: who hears whom and who is connected to whom, as `NativeGossip.map/2` returns it.

  `IO.puts/1` and IEx print it as below. `json/1` and `html/1` are for programs and browsers, and
  `mix native_gossip.map` makes all three from outside of the cluster.

  ```text
  lan: 4 nodes, 3 answered. Asked by a@10.0.0.5, 2026-01-01 12:00:00Z

                1                2                3                4
  1 a@10.0.0.5  .                = 0.4s eth0 0%   = 1.1s eth0 31%  = 2.0s eth0 ?
  2 b@10.0.0.6  = ! never        .                = 0.9s eth0 0%   = 2.0s eth0 ?
  3 c@10.0.0.7  = 0.4s eth0 0%   = 0.4s eth0 2%   .                = 2.0s eth0 ?
  4 d@10.0.0.8  = ?              = ?              = ?              .

  A row hears the columns: = connected or x not, when the last heartbeat came, by which interface, and how many were
  lost since the first one. ! means that it should be heard and is not, - that it is not heard, ? that it is not known.

  2 findings:
  - a@10.0.0.5 hears b@10.0.0.6, and b@10.0.0.6 does not hear a@10.0.0.5
  - a@10.0.0.5 hears c@10.0.0.7 with 31 % loss (62 of 200 heartbeats did not come, on eth0)

  1 note:
  - d@10.0.0.8 has no native_gossip (the stock strategy, or none): whom it hears is not known
  ```

  With more than eight nodes each pair has a character instead, and 64 nodes are drawn at most.

  | field | what it is |
  |---|---|
  | `topology` | its name, as all names a string |
  | `node` | the node that asked |
  | `at` | when |
  | `timeout_ms` | for how long each node was waited for |
  | `nodes` | who is connected to the node that asked, and who is heard by those that answered; see below |
  | `findings` | what is not as it should be, the surest first: `kind`, the `nodes` that it is about, a `sentence`, and whether it is a `note`, which blames nobody |

  Each of the `nodes` is a map: its `name`; its `status`; the `version` of native_gossip there, or nil; the `reason` of
  its status, or nil; what it said: whom it `hears`, which is a map from names to what `NativeGossip.Peer` knows of them,
  as strings and numbers, and to whom it is `connected`, both nil where it did not answer; `draining`, `interval_ms`,
  `faults` and `refused` (sentences) and `omitted`, how many peers are not told beside the 1,024 heard last.

  | `status` | what it means |
  |---|---|
  | `:answered` | it runs the topology, and said whom it hears |
  | `:no_topology` | it has native_gossip, and does not run the topology |
  | `:older` | its native_gossip cannot be asked for a map |
  | `:stock_or_none` | it has no native_gossip: it may run the stock strategy |
  | `:no_answer` | it is connected, and did not answer in time |
  | `:failed` | it could not say it; the `reason` is its own |
  | `:not_asked` | others hear it or are connected to it, and the node that asked is not connected to it |
  | `:gone` | it was heard, is heard by nobody any more, and connected to nobody |

  A node counts as heard for six times the longest pause between two heartbeats, and for 30 s at least.
  """

  alias NativeGossip.{ClusterMap, Json}
  alias NativeGossip.ClusterMap.{Answer, Findings, Html, Survey, Text}

  @statuses [
    :answered,
    :no_topology,
    :older,
    :stock_or_none,
    :no_answer,
    :failed,
    :not_asked,
    :gone
  ]

  # Of a link that loses 30 % of its heartbeats all of twelve, which is the mean of six pauses, are lost once in
  # a million times.
  @pauses 6

  # In ms: six pauses of the stock strategy, and of ours by default.
  @heard_ms 30_000

  # In ms. A loop that does not answer its own node is given up after 5,000, and that is worth to be told.
  @timeout 6_000

  # In ms: what a person waits for. Less than the first leaves no time for a second question.
  @timeouts 500..600_000

  @enforce_keys [:topology, :node, :at, :timeout_ms, :nodes]
  defstruct @enforce_keys ++ [findings: []]

  @type option :: {:timeout, milliseconds :: pos_integer}

  @type status ::
          :answered
          | :no_topology
          | :older
          | :stock_or_none
          | :no_answer
          | :failed
          | :not_asked
          | :gone

  @type node_map :: %{
          name: String.t(),
          status: status,
          version: String.t() | nil,
          reason: String.t() | nil,
          hears: %{String.t() => Answer.link()} | nil,
          connected: [String.t()] | nil,
          draining: boolean,
          interval_ms: non_neg_integer | nil,
          faults: [String.t()],
          refused: [String.t()],
          omitted: non_neg_integer
        }

  @type t :: %__MODULE__{
          topology: String.t(),
          node: String.t(),
          at: DateTime.t(),
          timeout_ms: pos_integer,
          nodes: [node_map],
          findings: [Findings.t()]
        }

  @doc "All statuses, in the order in which they are drawn."
  @spec statuses() :: [status, ...]
  def statuses, do: @statuses

  @doc false
  @spec make(topology :: atom, [option]) :: t
  def make(topology, options) do
    timeout = timeout!(options)
    topology |> Survey.take(timeout) |> assemble(DateTime.utc_now())
  end

  defp timeout!(options) do
    unless Keyword.keyword?(options) and Keyword.keys(options) -- [:timeout] == [] do
      raise ArgumentError,
            "the options of NativeGossip.map/2: expected none but :timeout, as [timeout: 6_000], " <>
              "got: #{inspect(options)}"
    end

    timeout = Keyword.get(options, :timeout, @timeout)

    unless timeout in @timeouts do
      raise ArgumentError,
            "option :timeout of NativeGossip.map/2: expected how long to wait for each node, in ms, " <>
              "from #{@timeouts.first} to #{@timeouts.last}, got: #{inspect(timeout)}"
    end

    timeout
  end

  @doc "For how long each node is waited for where nothing is said, in ms, and for how long it can be."
  @spec timeouts() :: {default :: pos_integer, Range.t()}
  def timeouts, do: {@timeout, @timeouts}

  @doc false
  @spec assemble(Survey.t(), DateTime.t()) :: t
  def assemble(survey, at) do
    answers =
      for reply <- survey.replies, reply.answer, do: {reply.name, Answer.read(reply.answer)}

    answers = Map.new(answers)
    names = names(survey, answers)
    asked = Enum.map(survey.replies, &asked(&1, answers[&1.name], names))
    strangers = Enum.sort(MapSet.difference(names, MapSet.new(asked, & &1.name)))

    map = %ClusterMap{
      topology: survey.topology,
      node: survey.node,
      at: at,
      timeout_ms: survey.timeout_ms,
      nodes: asked
    }

    others = Enum.map(strangers, &empty(&1, :not_asked))
    map = %{map | nodes: asked ++ others}
    live = live(map, survey.unasked)
    nodes = Enum.map(map.nodes, &if(&1.name in live, do: &1, else: %{&1 | status: :gone}))
    map = %{map | nodes: Enum.sort_by(nodes, &{place(&1.status), &1.name})}
    %{map | findings: Findings.of(map)}
  end

  # Hidden nodes that nobody hears are consoles and tools.
  defp names(survey, answers) do
    told =
      for {_name, answer} <- answers, do: [answer.connected, Enum.map(answer.hears, & &1.name)]

    asked = Enum.map(survey.replies, & &1.name)
    MapSet.new(List.flatten([asked, survey.unasked, told]))
  end

  # Whoever answers or is connected is not gone.
  defp live(map, unasked) do
    connected = for %{connected: [_ | _] = names} <- map.nodes, name <- names, do: name

    heard =
      for %{hears: %{} = hears} = hearer <- map.nodes,
          {name, link} <- hears,
          recent?(link, hearer),
          do: name

    asked = for %{status: status, name: name} <- map.nodes, status != :not_asked, do: name
    MapSet.new(connected ++ heard ++ asked ++ unasked)
  end

  defp place(:gone), do: 2
  defp place(:answered), do: 0
  defp place(_status), do: 1

  defp empty(name, status) do
    %{
      name: name,
      status: status,
      version: nil,
      reason: nil,
      hears: nil,
      connected: nil,
      draining: false,
      interval_ms: nil,
      faults: [],
      refused: [],
      omitted: 0
    }
  end

  defp asked(%{outcome: :answered} = reply, answer, names) do
    answer = answer || Answer.read(nil)
    connected = answer.connected ++ Enum.filter(answer.hidden, &(&1 in names))
    node = %{empty(reply.name, status(answer)) | version: answer.version, connected: connected}

    case node.status do
      :answered ->
        node
        |> Map.merge(Map.take(answer, [:draining, :interval_ms, :faults, :refused, :omitted]))
        |> Map.put(:hears, answer.hears |> Map.new(&{&1.name, &1}) |> Map.delete(reply.name))

      :failed ->
        %{node | reason: answer.failure}

      :no_topology ->
        %{node | reason: runs(answer.topologies)}
    end
  end

  # What a later version may say is a failure to this one.
  defp asked(%{outcome: outcome} = reply, _answer, _names) do
    status = if outcome in @statuses, do: outcome, else: :failed
    %{empty(reply.name, status) | version: reply[:version], reason: reply[:reason]}
  end

  defp status(%{failure: failure}) when failure != nil, do: :failed
  defp status(%{runs: false}), do: :no_topology
  defp status(_answer), do: :answered

  defp runs([]), do: "no topology runs there"
  defp runs(topologies), do: "those that run there are: " <> Enum.join(topologies, ", ")

  @doc """
  Whether a node is heard at present, by what another one knows of it.
  """
  @spec recent?(Answer.link() | nil, hearer :: node_map) :: boolean
  def recent?(nil, _hearer), do: false
  def recent?(%{heard_ms: nil}, _hearer), do: false

  def recent?(%{heard_ms: ms}, hearer),
    do: ms <= max(@heard_ms, @pauses * (hearer.interval_ms || 0))

  @doc """
  Whether all that are connected have answered, also those of whom the answer is that they have no native_gossip.
  """
  @spec complete?(t) :: boolean
  def complete?(map), do: not Enum.any?(map.nodes, &(&1.status in [:no_answer, :failed]))

  @doc "The map for a terminal, as `to_string/1` has it."
  @spec text(t) :: String.t()
  defdelegate text(map), to: Text

  @doc "The map as one HTML file that needs no other: without scripts, for light and dark screens."
  @spec html(t) :: String.t()
  defdelegate html(map), to: Html

  @doc "The map as maps, lists, strings and numbers: what a node `hears` is a list."
  @spec to_map(t) :: map
  def to_map(%__MODULE__{} = map) do
    nodes =
      for node <- map.nodes do
        hears = if node.hears, do: node.hears |> Map.values() |> Enum.sort_by(& &1.name)
        %{node | hears: hears}
      end

    %{Map.from_struct(map) | nodes: nodes, at: DateTime.to_iso8601(map.at)}
    |> Map.put(:complete, complete?(map))
  end

  @doc "The map as JSON, on one line."
  @spec json(t) :: String.t()
  def json(map), do: map |> to_map() |> Json.encode()
end
