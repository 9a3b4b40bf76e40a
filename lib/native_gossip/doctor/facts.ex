defmodule NativeGossip.Doctor.Facts do
  @moduledoc """
  What the doctor saw. `NativeGossip.Doctor.Findings` makes findings of it, and needs nothing else.

  Names are strings: what is only heard becomes no atom.
  """

  alias NativeGossip.{Events, Probe}

  @enforce_keys [:options, :seconds]
  defstruct @enforce_keys ++
              [
                :topology,
                :ours,
                :epmd,
                :to,
                :answered,
                faults: [],
                interfaces: [],
                nodes: [],
                refusals: [],
                untaken: [],
                clocks: [],
                shared: [],
                silent: [],
                late: [],
                hung: [],
                connected: [],
                probes: []
              ]

  @typedoc """
  An interface on which the group is joined. `echo` is whether the doctor's own packet came back on it, and
  `heard` how many datagrams of other hosts came by it; `multicast?` is what its flags say.
  """
  @type interface :: %{
          name: String.t(),
          address: :inet.ip_address(),
          index: pos_integer,
          multicast?: boolean,
          loopback?: boolean,
          echo: echo,
          heard: non_neg_integer
        }

  @type echo :: :heard | :unheard | {:unsent, reason :: atom} | :untested

  @typedoc """
  A node that was heard; `source` is where from, the first where there are several, and `here?` whether that is this
  host. Of its heartbeats `received` came, by one way or several, and `missing` did not, by the numbers of those that
  did: none where it does not sign.
  """
  @type heard :: %{
          name: String.t(),
          packets: pos_integer,
          received: pos_integer,
          missing: non_neg_integer,
          interfaces: [String.t()],
          source: :inet.ip_address(),
          here?: boolean
        }

  @type silent :: %{
          name: String.t(),
          heard_ms: non_neg_integer,
          source: :inet.ip_address() | nil
        }

  @type refusal :: %{
          cause: atom,
          packets: pos_integer,
          source: {:inet.ip_address(), :inet.port_number()} | nil,
          interface: String.t() | nil
        }

  @typedoc """
  The questions to the doctor at one host (option `to`).

    * `sent`: whether they could be sent; `arrived`: the ways by which one reached the doctor there;
    * `others`: addresses of other doctors that answered;
    * `lost`: of further questions, how many were not answered, and how many there were; nil where none was answered.
  """
  @type to :: %{
          host: String.t(),
          address: :inet.ip_address() | nil,
          sent: :ok | {:error, atom},
          arrived: [:unicast | :multicast],
          others: [:inet.ip_address()],
          lost: {non_neg_integer, of :: pos_integer} | nil
        }

  @typedoc """
    * `options`: what the topology was joined by, without its secrets: `secret?` is whether it has any;
    * `ours`: the name of this node, where it has one;
    * `epmd`: whether one runs on this host, nil where none is needed;
    * `faults`: as `NativeGossip.Events.Fault` has them, those that were not over at the end;
    * `untaken`: addresses from which packets came, of which none was taken;
    * `clocks`: nodes whose clocks differ from this one's, and by how much;
    * `shared`: names that two BEAMs have;
    * `silent`: nodes that the topology which runs in this BEAM is connected to, heard, and does not hear any more;
    * `late`: hosts whose epmd answers late;
    * `hung`: names of nodes of this host that say nothing, where none of this host is heard;
    * `connected`: the nodes to which this one is connected;
    * `probes`: of nodes that were heard;
    * `answered`: the doctors that were answered, nil where none was to be.
  """
  @type t :: %__MODULE__{
          topology: atom,
          options: %{
            port: :inet.port_number(),
            group: :inet.ip_address(),
            broadcast_only: boolean,
            multicast_if: nil | :all | [:inet.ip_address() | String.t()],
            secret?: boolean,
            cluster: String.t() | nil,
            seeds: non_neg_integer
          },
          seconds: pos_integer,
          ours: node | nil,
          epmd: nil | :runs | {:absent, port :: :inet.port_number()},
          faults: [Events.Fault.t()],
          interfaces: [interface],
          nodes: [heard],
          refusals: [refusal],
          untaken: [:inet.ip_address()],
          clocks: [%{node: String.t(), off_ms: integer}],
          shared: [String.t()],
          silent: [silent],
          late: [NativeGossip.Doctor.Delay.t()],
          hung: [String.t()],
          connected: [node],
          probes: [Probe.Result.t()],
          to: to | nil,
          answered: [:inet.ip_address()] | nil
        }

  @doc "The nodes of other hosts."
  @spec elsewhere(t) :: [heard]
  def elsewhere(facts), do: Enum.reject(facts.nodes, & &1.here?)
end
