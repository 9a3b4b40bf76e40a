defmodule NativeGossip.Test.Faults.Membership do
  @moduledoc """
  Ends a membership behind the back of whoever has joined, inside a node.
  """
  alias NativeGossip.Dev.OsProcess

  @doc """
  Takes the membership of a group from every UDP socket of this BEAM that is bound to `port`; returns
  from how many.
  """
  @spec leave(:inet.port_number(), :inet.ip4_address()) :: non_neg_integer
  def leave(port, group) do
    os_pid = List.to_integer(:os.getpid())
    leave = %{multiaddr: group, interface: {0, 0, 0, 0}}
    descriptors = OsProcess.udp_descriptors(os_pid, port)
    caller = self()

    # Erlang's copies of the descriptors are kept: before it closes a socket it makes it a blocking
    # one, and that would hold for the owner's descriptor too.
    spawn(fn ->
      sockets =
        for descriptor <- descriptors do
          {:ok, socket} = :socket.open(descriptor, %{dup: true})
          :ok = :socket.setopt(socket, {:ip, :drop_membership}, leave)
          socket
        end

      send(caller, {:left, self()})
      receive do: ({:close, ^sockets} -> :ok)
    end)

    receive do: ({:left, _} -> length(descriptors))
  end
end
