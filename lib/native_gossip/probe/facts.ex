defmodule NativeGossip.Probe.Facts do
  @moduledoc """
  What a probe saw on its way. What it did not get to is nil, or empty.

  Strings that came by the network are binaries, bounded and never made atoms.
  """

  alias NativeGossip.Probe.Cause

  @enforce_keys [:at]
  defstruct @enforce_keys ++
              [
                :took_ms,
                :ours,
                :host,
                :heard_from,
                :address,
                :epmd_port,
                :epmd_module,
                :port,
                :status,
                :answered_as,
                :published?,
                :obstacle,
                :reason,
                addresses: [],
                registered: []
              ]

  @typedoc """
    * `at`, `took_ms`: when the probe began, and how long it took;
    * `ours`: the name of this node;
    * `host`: the part of the node's name after the @; `addresses`: where it leads;
    * `heard_from`: where the node's heartbeats come from, as the caller said;
    * `address`: the one that was probed; `epmd_port`, `port`: epmd's and the node's;
    * `epmd_module`: what was asked instead of epmd;
    * `registered`: up to 8 names that the epmd knows, where it does not know this one;
    * `status`: the node's word in the handshake; `answered_as`: the name that it gave;
    * `published?`: false of a hidden node, which `Node.list/0` does not name;
    * `obstacle`: what was found at the address to which the name leads, where that is the wrong one;
    * `reason`: the system's word for what failed.
  """
  @type t :: %__MODULE__{
          at: DateTime.t(),
          took_ms: non_neg_integer | nil,
          ours: node | nil,
          host: String.t() | nil,
          heard_from: :inet.ip_address() | nil,
          addresses: [:inet.ip_address()],
          address: :inet.ip_address() | nil,
          epmd_port: :inet.port_number() | nil,
          epmd_module: module | nil,
          port: :inet.port_number() | nil,
          registered: [String.t()],
          status: String.t() | nil,
          answered_as: String.t() | nil,
          published?: boolean | nil,
          obstacle: Cause.t() | nil,
          reason: term
        }
end
