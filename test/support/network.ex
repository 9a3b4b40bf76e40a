defmodule NativeGossip.Test.Network do
  @moduledoc """
  A network of hosts on this machine: a namespace each, with interfaces on one or two LANs.

  A LAN is a bridge, and the bridges have a namespace of their own, the switch: nothing is made in the
  machine's, and nothing sent can leave through it. What becomes of a host's interfaces is done by
  `NativeGossip.Test.Network.Interface`, what is lost on the way by
  `NativeGossip.Test.Network.Filter`.

  `stop/1` says what was left running inside, which a test must assert to be nothing.
  """
  use GenServer

  alias NativeGossip.Dev.{Await, Namespace, OsProcess}
  alias NativeGossip.Test.Network.{Host, Interface}

  @end_ms 20_000

  @spec start :: GenServer.on_start()
  def start, do: GenServer.start(__MODULE__, [])

  @doc """
  Adds a host with an interface, that is up and has an address, on each of its LANs.

  Options: `:lans` (`[0]`, so its address is 10.77.0.NUMBER); `:family` (`:inet`); `:address` and
  `:up`, as in `NativeGossip.Test.Network.Interface.plug/3`.
  """
  @spec add_host(GenServer.server(), 1..254, keyword) :: Host.t()
  def add_host(network, number, options \\ []) do
    {lans, options} = Keyword.pop(options, :lans, [0])
    {family, options} = Keyword.pop(options, :family, :inet)
    host = GenServer.call(network, {:add_host, number, hd(lans), family})
    Enum.each(lans, &Interface.plug(host, &1, options))
    host
  end

  @doc "Cuts these hosts off from the others on LAN 0; among themselves they still talk."
  @spec split(GenServer.server(), [Host.t()]) :: :ok
  def split(network, hosts), do: move(network, hosts, "apart")

  @doc "Undoes `split/2`."
  @spec heal(GenServer.server(), [Host.t()]) :: :ok
  def heal(network, hosts), do: move(network, hosts, "br0")

  @doc """
  Ends the network: waits for the programs in it to end, then ends what is left, by its id.

  Returns the command lines of what had to be ended.
  """
  @spec stop(GenServer.server()) :: [String.t()]
  def stop(network) do
    left = GenServer.call(network, :close, 2 * @end_ms)
    GenServer.stop(network)
    left
  end

  @impl true
  def init([]) do
    switch = Namespace.hold()

    bridges =
      for bridge <- ~w(br0 br1 apart),
          command <- ["add #{bridge} type bridge mcast_snooping 0", "set #{bridge} up"],
          do: "link " <> command

    Namespace.ip(switch.enter, ["link set lo up" | bridges])
    {:ok, %{switch: switch, held: [switch]}}
  end

  @impl true
  def handle_call({:add_host, number, lan, family}, _from, %{switch: switch} = state) do
    namespace = Namespace.hold()
    Namespace.ip(namespace.enter, ["link set lo up"])

    host = %Host{
      number: number,
      address: Host.address(family, lan, number),
      broadcast: Host.address(:inet, lan, 255),
      family: family,
      enter: namespace.enter,
      os_pid: namespace.os_pid,
      switch: switch
    }

    {:reply, host, %{state | held: [namespace | state.held]}}
  end

  def handle_call(:switch, _from, state), do: {:reply, state.switch, state}

  def handle_call(:close, _from, %{held: held} = state) do
    Enum.each(held, &Namespace.release/1)

    left =
      try do
        Await.until("the network is empty", fn -> Namespace.inside(held) end, &(&1 == []),
          within: @end_ms
        )
      rescue
        Await.TimeoutError -> Namespace.inside(held)
      end

    Enum.each(left, fn {os_pid, _command} -> OsProcess.kill(os_pid) end)
    {:reply, Enum.map(left, &elem(&1, 1)), %{state | held: []}}
  end

  defp move(network, hosts, bridge) do
    switch = GenServer.call(network, :switch)

    Namespace.ip(
      switch.enter,
      Enum.map(hosts, &"link set #{Interface.port(&1)} master #{bridge}")
    )
  end
end
