defmodule NativeGossip.Status do
  @moduledoc """
  A topology at one moment, as `NativeGossip.status/1` returns it.

  | field | what it is |
  |---|---|
  | `topology` | its name in the configuration of libcluster |
  | `node` | the name of this node; nil while it is not alive, when it sends nothing |
  | `draining` | whether `NativeGossip.drain/1` was called: it sends nothing more, and connects to nobody |
  | `incarnation` | a number by which others know this life of the node; nil where it does not sign |
  | `heartbeat_form` | how it sends: `:sealed` (and signed), `:signed` or `:plain` |
  | `interval_ms` | the longest gap that it lets pass between two heartbeats, as things are, in ms; the mean is half of it |
  | `socket` | see below |
  | `memberships` | the interfaces, see below; `[]` with option `broadcast_only` |
  | `echo_ms` | how long ago a heartbeat of its own came back, in ms; nil where none did |
  | `counters` | as `NativeGossip.counters/1` has them: packets and heartbeats since the strategy started |
  | `last_refused` | of each cause of a refusal that there was, the last packet: its `source` as `{address, port}`, the name of the `interface` that it came by or nil, and how long ago in `ms` |
  | `send_failures` | how often the system refused to send a heartbeat: by one interface, to the broadcast address, or to one seed. `counters.sent` counts a heartbeat once, however many ways it goes |
  | `overloaded` | whether more arrives than option `receive_limit` lets it look at |
  | `readiness` | as `NativeGossip.readiness/1` has it: what has to be known before `authentication: :required` |
  | `peers` | how many peers are in each state of `NativeGossip.Peer` |
  | `faults` | what does not work: each as the event `[:native_gossip, :fault, :raised]` has it (`NativeGossip.Telemetry`), with `since_ms`, how long that has been so |

  `socket` is a map: its `address` and the `target` of heartbeats, each as `{address, port}`; whether the target is a
  `broadcast` address, else it is a group; whether the system hands it what is sent to the groups that it joined
  (`hears_groups`; where option `if_addr` is set, on Windows alone); whether it is `open`; and the `fault` that keeps it
  from that, nil before the first attempt. It is tried again every 4 s at the latest.

  Each of the `memberships` is a map: the `name`, the `index` and the `address` of the interface (nil where it is not
  there, and this is not known), whether the group is `joined` there, how long ago a heartbeat of this node (`echo_ms`)
  and one of another host (`heard_ms`) came by it, in ms or nil, and the `faults` that it has, which say why it is
  not joined or not heard.

  A fault has the cause of this moment, which the log may not have told yet.

  `inspect/2`, and so IEx, and `to_string/1` print it for people. `to_map/1` makes a map for JSON of it.
  """

  alias NativeGossip.{Events, Options, Peer, Plain}
  alias NativeGossip.Status.Text

  @fields [
    :topology,
    :node,
    :draining,
    :incarnation,
    :heartbeat_form,
    :interval_ms,
    :socket,
    :memberships,
    :echo_ms,
    :counters,
    :last_refused,
    :send_failures,
    :overloaded,
    :readiness,
    :peers,
    :faults
  ]
  @enforce_keys @fields
  defstruct @fields

  @typedoc "A number of milliseconds."
  @type ms :: non_neg_integer

  @typedoc "An address with its port."
  @type socket_address :: {:inet.ip_address(), :inet.port_number()}

  @type socket :: %{
          address: socket_address,
          target: socket_address,
          broadcast: boolean,
          hears_groups: boolean,
          open: boolean,
          fault: Events.Fault.t() | nil
        }

  @type membership :: %{
          name: String.t() | nil,
          index: non_neg_integer | nil,
          address: :inet.ip_address() | nil,
          joined: boolean,
          echo_ms: ms | nil,
          heard_ms: ms | nil,
          faults: [Events.Fault.t()]
        }

  @type last_refused :: %{source: socket_address, interface: String.t() | nil, ms: ms}

  @type t :: %__MODULE__{
          topology: term,
          node: node | nil,
          draining: boolean,
          incarnation: non_neg_integer | nil,
          heartbeat_form: Options.heartbeat_form(),
          interval_ms: ms,
          socket: socket,
          memberships: [membership],
          echo_ms: ms | nil,
          counters: %{atom => non_neg_integer},
          last_refused: %{(cause :: atom) => last_refused},
          send_failures: non_neg_integer,
          overloaded: boolean,
          readiness: %{signed: [non_neg_integer], unsigned: non_neg_integer},
          peers: %{Peer.state_name() => non_neg_integer},
          faults: [Events.Fault.t()]
        }

  @doc false
  @spec new(topology :: term, fields :: map) :: t
  def new(topology, fields) do
    counts =
      Map.new(for key <- [:counters, :last_refused, :peers], do: {key, Map.new(fields[key])})

    struct!(__MODULE__, fields |> Map.merge(counts) |> Map.put(:topology, topology))
  end

  @doc """
  The same as a map of atoms, numbers, strings, lists and maps, as JSON has them: an address is `"10.0.0.5"`, an
  address with its port `"10.0.0.5:45892"`, and the incarnation a string of hexadecimal digits.
  """
  @spec to_map(t) :: map
  def to_map(%__MODULE__{} = status) do
    hex = status.incarnation && Text.hex(status.incarnation)
    Plain.term(%{status | incarnation: hex})
  end

  defimpl String.Chars do
    def to_string(status), do: Enum.join([Text.title(status) | Text.lines(status)], "\n  ")
  end

  defimpl Inspect do
    import Inspect.Algebra

    def inspect(status, _opts) do
      lines = for line <- Text.lines(status), do: concat(line(), line)

      concat([
        "#NativeGossip.Status<",
        Text.title(status),
        nest(concat(lines), 2),
        line(),
        ">"
      ])
    end
  end
end
