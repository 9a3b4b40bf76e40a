defmodule NativeGossip.Test.Network.Host do
  @moduledoc """
  One host of a network.

  `address` is the one its nodes are named by, `family` that of the addresses its interfaces get,
  `enter` the command line in front of a program that runs there. `switch` is the namespace in which
  the other ends of its interfaces are.
  """
  alias NativeGossip.Dev.Namespace

  @enforce_keys [:number, :address, :broadcast, :family, :enter, :os_pid, :switch]
  defstruct @enforce_keys

  @type family :: :inet | :inet6
  @type t :: %__MODULE__{
          number: 1..254,
          address: String.t(),
          broadcast: String.t(),
          family: family,
          enter: Namespace.enter(),
          os_pid: pos_integer,
          switch: Namespace.t()
        }

  @doc "The address of host `number` on a LAN: 10.77.0.NUMBER on LAN 0, 10.78.0.NUMBER on LAN 1."
  @spec address(family, lan :: 0..1, 1..254) :: String.t()
  def address(:inet, lan, number), do: "10.#{77 + lan}.0.#{number}"
  def address(:inet6, lan, number), do: "fd00:#{77 + lan}::#{number}"

  @doc """
  The same host with a hosts file of its own, which may be rewritten, not replaced, while its
  programs run.
  """
  @spec with_hosts_file(t, Path.t()) :: t
  def with_hosts_file(host, file) do
    bind = ~S(mount --bind "$0" /etc/hosts && exec "$@")
    %{host | enter: host.enter ++ ["unshare", "--mount", "sh", "-c", bind, file]}
  end
end
