defmodule NativeGossip.Peer do
  @moduledoc """
  A node of which a topology has heard, at one moment, as `NativeGossip.peers/1` returns it.

  | field | what it is |
  |---|---|
  | `name` | its name: a string, since a name that was only heard may never become an atom |
  | `state` | what it is to this node, see below |
  | `cause` | why it cannot be connected to, as a probe found out (`NativeGossip.Probe.Cause`); nil where none did |
  | `address`, `port` | where its last heartbeat came from; of one that came by several ways, the first. nil where all that came of it were copies |
  | `interface` | the name of the interface that it came by; nil where the system does not tell, and with option `broadcast_only` |
  | `heard_ms` | how long ago it was heard, in ms |
  | `heartbeat_form` | how it sends: `:sealed` (and signed), `:signed`, `:plain`, or `:sealed_unsigned`, as nodes of the stock strategy seal |
  | `secret` | which secret it seals or signs with: its place in option `secret`, from 1; nil for plain heartbeats |
  | `loss` | how many of its heartbeats did not come, in percent, since it was heard first; nil where it does not sign |
  | `received`, `missing` | heartbeats that came, and numbers between them that did not: what `loss` is made of |
  | `hidden` | whether it is connected as a hidden node, which `Node.list/0` does not name |
  | `clock_ms` | how far its wall clock is ahead of this node's, in ms, less the time that a packet takes; nil where it does not sign |

  The states:

  | `state` | what it means |
  |---|---|
  | `:connected` | it is connected, as far as the strategy was told |
  | `:announced` | an attempt to connect to it is under way |
  | `:waiting` | it waits for its turn, or for it to dial first |
  | `{:backing_off, until_ms, failures}` | `failures` attempts failed since it was connected for long; no attempt is made for `until_ms` ms, and then when it is heard |
  | `:leaving` | it said that it is about to stop (`NativeGossip.drain/1`), and is still connected |
  | `:left` | it said so, and is not connected |
  | `:down` | it is not connected, and will be when it is heard |

  A node that finds no place among `max_peers` is not among the peers: its packets are refused as `over_limit`.

  `inspect/2`, and so IEx, prints it in a line, and `table/1` many of them. `to_map/1` makes a map for JSON of it.

      iex> peer = %NativeGossip.Peer{
      ...>   name: "b@10.0.0.6", state: {:backing_off, 1_500, 2}, heard_ms: 300,
      ...>   address: {10, 0, 0, 6}, port: 45892, interface: "eth0",
      ...>   heartbeat_form: :signed, secret: 2, loss: 0.5, received: 199, missing: 1, clock_ms: -12
      ...> }
      iex> inspect(peer)
      "#NativeGossip.Peer<\\"b@10.0.0.6\\" backing off for 1.5 s (2 failed), heard 0.3 s ago from " <>
        "10.0.0.6:45892 on eth0, signed with secret 2, 0.5 % lost, clock -12 ms>"
      iex> NativeGossip.Peer.to_map(peer) |> Map.take([:name, :address, :state, :until_ms, :failures])
      %{name: "b@10.0.0.6", address: "10.0.0.6", state: :backing_off, until_ms: 1_500, failures: 2}
  """

  import NativeGossip.Events.Words

  alias NativeGossip.Plain
  alias NativeGossip.Probe.Cause

  @states [:connected, :announced, :waiting, :backing_off, :leaving, :left, :down]

  @enforce_keys [
    :name,
    :state,
    :address,
    :port,
    :interface,
    :heard_ms,
    :heartbeat_form,
    :secret,
    :loss,
    :received,
    :missing,
    :clock_ms
  ]
  defstruct @enforce_keys ++ [cause: nil, hidden: false]

  @typedoc "A state, without what else is known of it."
  @type state_name ::
          :connected | :announced | :waiting | :backing_off | :leaving | :left | :down

  @typedoc "What it is to this node."
  @type state ::
          :connected
          | :announced
          | :waiting
          | {:backing_off, until_ms :: non_neg_integer, failures :: pos_integer}
          | :leaving
          | :left
          | :down

  @type t :: %__MODULE__{
          name: String.t(),
          state: state,
          cause: Cause.t() | nil,
          address: :inet.ip_address() | nil,
          port: :inet.port_number() | nil,
          interface: String.t() | nil,
          heard_ms: non_neg_integer,
          heartbeat_form: :sealed | :signed | :plain | :sealed_unsigned,
          secret: pos_integer | nil,
          loss: float | nil,
          received: non_neg_integer | nil,
          missing: non_neg_integer | nil,
          clock_ms: integer | nil,
          hidden: boolean
        }

  @doc false
  @spec new(fields :: map) :: t
  # Of thousands, `struct!/2` would take twice as long.
  def new(fields), do: Map.merge(fields, %{__struct__: __MODULE__, cause: nil, hidden: false})

  @doc false
  @spec complete(t, causes :: %{String.t() => Cause.t()}, hidden :: [String.t()]) :: t
  def complete(%__MODULE__{state: :connected} = peer, _causes, []), do: peer

  def complete(%__MODULE__{state: :connected} = peer, _causes, hidden),
    do: %{peer | hidden: peer.name in hidden}

  def complete(peer, causes, _hidden) when causes == %{}, do: peer
  def complete(peer, causes, _hidden), do: %{peer | cause: causes[peer.name]}

  @doc "All states, in the order in which they are shown."
  @spec state_names() :: [state_name, ...]
  def state_names, do: @states

  @doc false
  @spec state_word(state_name) :: String.t()
  def state_word(:backing_off), do: "backing off"
  def state_word(name), do: to_string(name)

  @doc """
  The same as a map of atoms, numbers and strings, as JSON has them: `state` is a word, with `until_ms` and
  `failures` beside it, which are nil where it is not `:backing_off`.
  """
  @spec to_map(t) :: map
  def to_map(%__MODULE__{} = peer) do
    {state, until_ms, failures} =
      case peer.state do
        {:backing_off, _until_ms, _failures} = backing_off -> backing_off
        state -> {state, nil, nil}
      end

    %{peer | state: state} |> Plain.term() |> Map.merge(%{until_ms: until_ms, failures: failures})
  end

  @titles ["name", "state", "heard", "from", "by", "sends", "lost", "clock"]

  @doc """
  A table of peers, a line for each, for `IO.puts/1`.
  """
  @spec table([t]) :: String.t()
  def table(peers) do
    rows = [@titles | Enum.map(peers, &row/1)]

    widths =
      rows |> Enum.zip_with(&(&1 |> Enum.map(fn cell -> String.length(cell) end) |> Enum.max()))

    Enum.map_join(rows, "\n", &line(&1, widths))
  end

  defp line(row, widths) do
    cells = Enum.zip_with(row, widths, &String.pad_trailing/2)
    cells |> Enum.join("  ") |> String.trim_trailing()
  end

  defp row(peer) do
    [
      shown(peer.name),
      state(peer),
      "#{span(peer.heard_ms)} ago",
      from(peer) || "-",
      peer.interface || "-",
      sends(peer),
      lost(peer) || "-",
      clock(peer.clock_ms) || "-"
    ]
  end

  @doc false
  @spec sentence(t) :: String.t()
  def sentence(peer) do
    from = from(peer)
    source = if from, do: " from #{from}#{on(peer.interface)}", else: ""
    lost = lost(peer)
    clock = clock(peer.clock_ms)

    [
      "#{shown(peer.name)} #{state(peer)}",
      "heard #{span(peer.heard_ms)} ago#{source}",
      sends(peer),
      lost && "#{lost} lost",
      clock && "clock #{clock}"
    ]
    |> Enum.filter(& &1)
    |> Enum.join(", ")
  end

  # Whoever sends chooses the letters, and some control a terminal.
  defp shown(name), do: inspect(name)

  defp state(%{state: {:backing_off, until_ms, failures}, cause: cause}),
    do: "backing off for #{span(until_ms)} (#{failures} failed#{because(cause)})"

  defp state(%{state: :connected, hidden: true}), do: "connected, hidden"
  defp state(%{state: state, cause: cause}), do: state_word(state) <> because(cause)

  defp because(nil), do: ""
  defp because(cause), do: ": #{cause}"

  defp from(%{address: nil}), do: nil
  defp from(peer), do: socket_address({peer.address, peer.port})

  defp sends(%{heartbeat_form: :sealed_unsigned, secret: secret}),
    do: "sealed, not signed#{by(secret)}"

  defp sends(%{heartbeat_form: form, secret: secret}), do: form(form) <> by(secret)

  # With a single secret, which is the rule, there is nothing to tell.
  defp by(secret) when secret in [nil, 1], do: ""
  defp by(secret), do: " with secret #{secret}"

  defp lost(%{loss: nil}), do: nil
  defp lost(peer), do: "#{Float.round(peer.loss, 1)} %"

  defp clock(nil), do: nil
  defp clock(ms) when abs(ms) < 1_000, do: "#{sign(ms)}#{abs(ms)} ms"
  defp clock(ms), do: sign(ms) <> span(ms)

  defp sign(ms), do: if(ms < 0, do: "-", else: "+")

  defimpl String.Chars do
    defdelegate to_string(peer), to: NativeGossip.Peer, as: :sentence
  end

  defimpl Inspect do
    def inspect(peer, _opts),
      do: "#NativeGossip.Peer<" <> NativeGossip.Peer.sentence(peer) <> ">"
  end
end
