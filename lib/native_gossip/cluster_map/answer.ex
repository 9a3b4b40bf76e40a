defmodule NativeGossip.ClusterMap.Answer do
  @moduledoc """
  What a node tells of a topology when another one makes a map: whom it hears, and to whom it is connected.

  It crosses the cluster as maps of strings and numbers, so that nodes with other versions of native_gossip can
  read it: a reader ignores what it does not know, and `read/1` makes nil of what is not there or is of another type.
  """

  alias NativeGossip.{Events, Peer, Status}

  # The answers of a whole cluster are in the memory of the one that asks: those heard last are told.
  @max_peers 1_024

  # In ms. What was refused longer ago need not be so now.
  @recent 60_000

  # As many as fit on a screen, each with the length of a line or two.
  @max_faults 16
  @max_text 300

  @peer_fields [
    :name,
    :state,
    :cause,
    :failures,
    :address,
    :interface,
    :heard_ms,
    :heartbeat_form,
    :loss,
    :received,
    :missing,
    :clock_ms
  ]

  @typedoc "A peer as one node hears it. `NativeGossip.Peer` has the fields."
  @type link :: %{
          name: String.t(),
          state: String.t() | nil,
          cause: String.t() | nil,
          failures: non_neg_integer | nil,
          address: String.t() | nil,
          interface: String.t() | nil,
          heard_ms: non_neg_integer | nil,
          heartbeat_form: String.t() | nil,
          loss: number | nil,
          received: non_neg_integer | nil,
          missing: non_neg_integer | nil,
          clock_ms: integer | nil
        }

  @typedoc """
  An answer that was read. `hidden` are those to whom it is connected as to consoles and tools; `runs` is whether the topology runs there, `failure` why its peers are not known, and
  `omitted` how many peers it has beside those that it tells.
  """
  @type t :: %{
          version: String.t() | nil,
          runs: boolean,
          topologies: [String.t()],
          connected: [String.t()],
          hidden: [String.t()],
          draining: boolean,
          interval_ms: non_neg_integer | nil,
          faults: [String.t()],
          refused: [String.t()],
          hears: [link],
          omitted: non_neg_integer,
          failure: String.t() | nil
        }

  @typedoc "An answer as it is sent: the keys are words of four letters and more."
  @type given :: %{optional(<<_::32, _::_*8>>) => term}

  @doc """
  The answer of this node. Called by another one, by `:erpc`.
  """
  @spec give(topology :: term) :: given
  def give(topology) do
    topologies = NativeGossip.topologies()
    strategies = for {^topology, strategy} <- topologies, do: strategy

    basis = %{
      "version" => version(),
      "topologies" => topologies |> Keyword.keys() |> Enum.uniq() |> Enum.map(&topology_name/1),
      "runs" => strategies != [],
      "connected" => Enum.map(Node.list(), &Atom.to_string/1),
      "hidden" => Enum.map(Node.list(:hidden), &Atom.to_string/1)
    }

    Map.merge(basis, told(strategies))
  end

  # Where two supervisors run topologies of one name, a node is heard that one of them hears.
  defp told(strategies) do
    statuses = Enum.map(strategies, &NativeGossip.status/1)
    peers = strategies |> Enum.flat_map(&NativeGossip.peers/1) |> Enum.sort_by(& &1.heard_ms)
    peers = Enum.uniq_by(peers, & &1.name)
    {told, omitted} = Enum.split(peers, @max_peers)

    %{
      "draining" => statuses != [] and Enum.all?(statuses, & &1.draining),
      "interval_ms" => statuses |> Enum.map(& &1.interval_ms) |> Enum.max(fn -> nil end),
      "faults" => for(%{faults: faults} <- statuses, fault <- faults, do: fault(fault)),
      "refused" => Enum.flat_map(statuses, &refused/1),
      "hears" => Enum.map(told, &peer/1),
      "omitted" => length(omitted)
    }
  rescue
    # It stops, or its loop does not answer.
    error in [ArgumentError, RuntimeError] -> %{"failure" => Exception.message(error)}
  end

  # Questions of doctors are no fault.
  defp refused(status) do
    lately = for {cause, %{ms: ms}} <- status.last_refused, ms <= @recent, do: cause
    Status.Text.refused(status, Enum.sort(lately -- [:doctor]))
  end

  defp fault(fault), do: fault |> Events.Fault.raised() |> text()

  defp peer(peer) do
    peer = Peer.to_map(peer)

    for field <- @peer_fields, value = Map.get(peer, field), value != nil, into: %{} do
      {Atom.to_string(field), if(is_number(value), do: value, else: word(value))}
    end
  end

  defp word(text) when is_binary(text), do: text
  defp word(atom) when is_atom(atom), do: Atom.to_string(atom)
  defp word(other), do: inspect(other)

  @doc "The name of a topology as text."
  @spec topology_name(term) :: String.t()
  def topology_name(topology) when is_atom(topology), do: Atom.to_string(topology)
  def topology_name(topology), do: inspect(topology)

  defp version do
    case :application.get_key(:native_gossip, :vsn) do
      {:ok, version} -> to_string(version)
      :undefined -> nil
    end
  end

  @doc """
  An answer as this version knows it, whatever came.

      iex> answer = NativeGossip.ClusterMap.Answer.read(%{"runs" => true, "hears" => [%{"name" => "b@h", "loss" => 2.5}, 7]})
      iex> {answer.runs, answer.connected, Enum.map(answer.hears, &{&1.name, &1.loss, &1.heard_ms})}
      {true, [], [{"b@h", 2.5, nil}]}
  """
  @spec read(term) :: t
  def read(answer) when is_map(answer) do
    hears =
      for %{"name" => name} = peer when is_binary(name) <- list(answer["hears"]), do: link(peer)

    %{
      version: string(answer["version"]),
      runs: answer["runs"] == true,
      topologies: strings(answer["topologies"]),
      connected: strings(answer["connected"]),
      hidden: strings(answer["hidden"]),
      draining: answer["draining"] == true,
      interval_ms: count(answer["interval_ms"]),
      faults: sentences(answer["faults"]),
      refused: sentences(answer["refused"]),
      hears: hears |> Enum.uniq_by(& &1.name) |> Enum.take(@max_peers),
      omitted: count(answer["omitted"]) || 0,
      failure: if(failure = string(answer["failure"]), do: text(failure))
    }
  end

  def read(_other), do: read(%{"failure" => "its answer cannot be read"})

  defp sentences(list), do: list |> strings() |> Enum.take(@max_faults) |> Enum.map(&text/1)

  defp link(peer) do
    %{
      name: peer["name"],
      state: string(peer["state"]),
      cause: string(peer["cause"]),
      failures: count(peer["failures"]),
      address: string(peer["address"]),
      interface: string(peer["interface"]),
      heard_ms: count(peer["heard_ms"]),
      heartbeat_form: string(peer["heartbeat_form"]),
      loss: number(peer["loss"]),
      received: count(peer["received"]),
      missing: count(peer["missing"]),
      clock_ms: if(is_integer(peer["clock_ms"]), do: peer["clock_ms"])
    }
  end

  defp list(list) when is_list(list), do: if(List.improper?(list), do: [], else: list)
  defp list(_other), do: []

  defp strings(list), do: list |> list() |> Enum.filter(&is_binary/1)

  defp string(text), do: if(is_binary(text), do: text)
  defp count(number), do: if(is_integer(number) and number >= 0, do: number)
  defp number(number), do: if(is_number(number) and number >= 0, do: number)

  defp text(text), do: String.slice(text, 0, @max_text)
end
