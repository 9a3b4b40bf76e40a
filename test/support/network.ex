defmodule NativeGossip.Test.Network do
  @moduledoc """
  A network of hosts on this machine: namespaces with an address each, on one bridge.

  The namespaces have no names. Each is held by a process of ours that reads its standard input,
  so they are gone when this process closes it, and also when the whole VM is killed. The bridge has
  a namespace of its own: nothing is made in the machine's, and nothing sent can leave through it.

  `stop/1` says what was left running inside, which a test must assert to be nothing.
  """
  use GenServer

  alias NativeGossip.Test.{Await, OsProcess}

  defmodule Host do
    @moduledoc "One host; `enter` is the command line in front of a program that runs there."
    @enforce_keys [:number, :address, :broadcast, :enter]
    defstruct @enforce_keys
  end

  @hold "echo held; exec cat"
  @end_ms 10_000

  @spec start :: GenServer.on_start()
  def start, do: GenServer.start(__MODULE__, [])

  @doc """
  Adds the host 10.77.0.NUMBER, its interface `eth0` up.

  With `address: false` it has neither an address nor a route yet: see `add_address/1`.
  """
  @spec add_host(GenServer.server(), 1..254, keyword) :: %Host{}
  def add_host(network, number, options \\ []) do
    host = GenServer.call(network, {:add_host, number})
    if Keyword.get(options, :address, true), do: add_address(host)
    host
  end

  @doc "Gives the host its address, and the route without which multicast is unreachable."
  @spec add_address(%Host{}) :: :ok
  def add_address(host) do
    run(host.enter, ~w(ip address add #{host.address}/24 broadcast + dev eth0))
    run(host.enter, ~w(ip route add 224.0.0.0/4 dev eth0))
  end

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
    bridge = hold()
    run(bridge.enter, ~w(ip link set lo up))
    run(bridge.enter, ~w(ip link add br0 type bridge mcast_snooping 0))
    run(bridge.enter, ~w(ip link set br0 up))
    {:ok, %{bridge: bridge, held: [bridge]}}
  end

  @impl true
  def handle_call({:add_host, number}, _from, %{bridge: bridge} = state) do
    host = hold()
    port = "veth#{number}"
    peer = ~w(peer name eth0 netns #{host.os_pid})
    run(bridge.enter, ~w(ip link add #{port} type veth) ++ peer)
    run(bridge.enter, ~w(ip link set #{port} master br0 up))
    run(host.enter, ~w(ip link set lo up))
    run(host.enter, ~w(ip link set eth0 up))
    await_carrier(bridge, port)

    reply = %Host{
      number: number,
      address: "10.77.0.#{number}",
      broadcast: "10.77.0.255",
      enter: host.enter
    }

    {:reply, reply, %{state | held: [host | state.held]}}
  end

  def handle_call(:close, _from, state) do
    Enum.each(state.held, &Port.close(&1.port))
    namespaces = MapSet.new(state.held, & &1.namespace)

    left =
      try do
        Await.until("the network is empty", fn -> inside(namespaces) end, &(&1 == []),
          within: @end_ms
        )
      rescue
        Await.TimeoutError -> inside(namespaces)
      end

    Enum.each(left, fn {os_pid, _command} -> OsProcess.kill(os_pid) end)
    {:reply, Enum.map(left, &elem(&1, 1)), %{state | held: []}}
  end

  # A namespace is known by its holder's id, which cannot be another process's while we hold it.
  defp hold do
    port =
      Port.open({:spawn_executable, System.find_executable("unshare")}, [
        :binary,
        args: ["--net", "sh", "-c", @hold]
      ])

    {:os_pid, os_pid} = Port.info(port, :os_pid)

    receive do
      {^port, {:data, "held\n"}} -> :ok
    after
      @end_ms -> raise "no network namespace could be made: unshare --net has not answered"
    end

    file = "/proc/#{os_pid}/ns/net"
    enter = [System.find_executable("nsenter"), "--net=#{file}", "--"]
    %{port: port, os_pid: os_pid, enter: enter, namespace: File.read_link!(file)}
  end

  # A frame sent before both ends are up is lost without a word.
  defp await_carrier(bridge, port) do
    Await.until(
      "#{port} forwards",
      fn -> run_for_output(bridge.enter, ~w(bridge link show dev #{port})) end,
      &(&1 =~ "state forwarding" and &1 =~ "LOWER_UP")
    )
  end

  defp inside(namespaces) do
    for name <- File.ls!("/proc"),
        {os_pid, ""} <- [Integer.parse(name)],
        {:ok, namespace} <- [File.read_link("/proc/#{os_pid}/ns/net")],
        MapSet.member?(namespaces, namespace) do
      {os_pid, command_line(os_pid)}
    end
  end

  defp command_line(os_pid) do
    case File.read("/proc/#{os_pid}/cmdline") do
      {:ok, line} -> String.replace(line, "\0", " ")
      {:error, _} -> "?"
    end
  end

  defp run(enter, command) do
    run_for_output(enter, command)
    :ok
  end

  defp run_for_output([program | arguments], command) do
    case System.cmd(program, arguments ++ command, stderr_to_stdout: true) do
      {output, 0} -> output
      {output, status} -> raise "#{Enum.join(command, " ")} (exit #{status}): #{output}"
    end
  end
end
