defmodule NativeGossip.Native do
  @moduledoc """
  The functions that are written in Rust. `NativeGossip.Strategy`, `NativeGossip.Loop` and, through the strategy,
  `NativeGossip.Seeds` call them; `NativeGossip.Doctor.Listener`, for a loop of its own; and, of a loop that runs,
  `NativeGossip`, `NativeGossip.Await` and `NativeGossip.Snapshot`.

  This module cannot be reloaded while it is loaded: `recompile/0` in IEx leaves it undefined
  until `:code.purge(NativeGossip.Native)`. So it holds nothing but these stubs.
  """

  # The compiler would load it before cargo has built what it loads.
  @compile {:autoload, false}
  @on_load :load

  @typedoc "A loop: its socket, the node of the protocol, and what serves them."
  @opaque t :: reference

  @doc """
  Makes a loop of options that `NativeGossip.Options.validate!/2` returned. Its owner is the caller:
  it is sent `{:gossip_peer, node}` for each node that is to be connected, and its end closes the
  loop. The socket is opened later, by `serve/4`.

  A node that is connected is announced again `refresh_interval` milliseconds later, when it is heard.
  With nil it never is: then the owner reports every `:nodeup` too, and leaves it to other nodes to
  dial first.

  Raises `ErlangError` with `{code, text}`, the system's error, where there are no file descriptors left, and the
  options are in its stack trace. `NativeGossip.Loop.open/3` makes a sentence of it.
  """
  @spec open(NativeGossip.Options.t(), refresh_interval :: pos_integer | nil) :: t
  def open(_options, _refresh_interval), do: :erlang.nif_error(:not_loaded)

  @doc """
  Serves the loop on a dirty IO scheduler for `slice` milliseconds, or until 256 peers have been
  announced or something has happened. It must be called again at once, by the same process, as
  long as it returns `:serving`; the end of that process closes the loop.

  `node` is the name of the moment (`:nonode@nohost` is none: nothing is sent), and `debug` asks
  for an event for each heartbeat that is sent or received. `NativeGossip.Events` has the events.

  Raises `ErlangError` with `{code, text}`, as `open/2` does, where the system cannot wait for packets.
  """
  @spec serve(t, node, debug :: boolean, slice :: pos_integer) ::
          {:serving | :stopped, [NativeGossip.Events.t()]}
  def serve(_loop, _node, _debug, _slice), do: :erlang.nif_error(:not_loaded)

  @doc """
  Tells the loop what became of a node that it announced, or that a node was connected to by itself. To
  be called once for each announcement. Never waits.
  """
  @spec report(t, node, :connected | :unreachable | :down) :: :ok
  def report(_loop, _node, _outcome), do: :erlang.nif_error(:not_loaded)

  @doc """
  Replaces the targets beside the group that heartbeats are sent to: all of them, each of the family
  of `multicast_addr`. The same targets again change nothing. Never waits.
  """
  @spec set_seeds(t, [{:inet.ip_address(), :inet.port_number()}]) :: :ok
  def set_seeds(_loop, _targets), do: :erlang.nif_error(:not_loaded)

  @doc """
  Has the node say that it is about to stop: where there is a secret, a last burst of four signed
  heartbeats within a second says so. Then it is silent and announces nobody, for good. Never waits.
  """
  @spec drain(t) :: :ok
  def drain(_loop), do: :erlang.nif_error(:not_loaded)

  @doc """
  How many of the names heard in the last day do not sign (`unsigned`), and how many sign with each
  secret, in the order of the option (`signed`). Up to three seconds old. Never waits.
  """
  @spec readiness(t) :: %{unsigned: non_neg_integer, signed: [non_neg_integer]}
  def readiness(_loop), do: :erlang.nif_error(:not_loaded)

  @doc """
  What the loop has counted: heartbeats `sent`, packets `received`, heartbeats of others (`accepted`),
  those of them that are not signed with one of our secrets (`accepted_unsigned`), copies that came by
  another way (`copied`), peers `announced`, own heartbeats that came back (`echoed`), and packets
  refused, by cause. Never waits.
  """
  @spec counters(t) :: %{atom => non_neg_integer}
  def counters(_loop), do: :erlang.nif_error(:not_loaded)

  @doc """
  Has the loop send `{:gossip_snapshot, snapshot}` to the calling process, between two batches of packets, while it is
  served. False where too many questions wait already: then it does not. Never waits.
  """
  @spec ask(t, :status | :peers) :: boolean
  def ask(_loop, _question), do: :erlang.nif_error(:not_loaded)

  @doc """
  What the loop said, as a map of the fields of `NativeGossip.Status`, or a list of maps of the fields of
  `NativeGossip.Peer`. To be called once. It runs on a dirty CPU scheduler: of thousands of peers it takes
  milliseconds.
  """
  @spec read(snapshot :: reference) :: map | [map]
  def read(_snapshot), do: :erlang.nif_error(:not_loaded)

  @doc """
  How many loops there are in this BEAM. Each holds a dirty IO scheduler while it is served.
  """
  @spec loops() :: non_neg_integer
  def loops, do: :erlang.nif_error(:not_loaded)

  @doc """
  The names that events of the Rust half, and what they tell, can have. Only a test asks: each needs a
  sentence in `NativeGossip.Events`.
  """
  @spec names() :: %{
          events: [atom],
          faults: [atom],
          refusals: [atom],
          socket_steps: [atom],
          scan_steps: [atom],
          missing_reasons: [atom]
        }
  def names, do: :erlang.nif_error(:not_loaded)

  @doc false
  def load do
    :native_gossip
    |> :code.priv_dir()
    |> :filename.join(~c"native/native_gossip_nif")
    |> :erlang.load_nif(0)
  end
end
