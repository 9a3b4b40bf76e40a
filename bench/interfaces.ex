defmodule NativeGossip.Bench.Interfaces do
  @moduledoc """
  What `bin/bench interfaces` measures: how long a node takes to join the group on an interface that comes up with its
  address, and on one that is removed and made again at once, under its name and its index.

  All happens in a network namespace, which only root can make. `ip monitor` runs beside the node: when it has told
  the address is the moment of the system's event. When the group is joined is read from the kernel, as the log holds
  back what comes and goes.
  """
  @behaviour NativeGossip.Bench

  alias NativeGossip.Bench.{Settled, Table}
  alias NativeGossip.Dev.{Await, Beam, Inside, Namespace, OsProcess}

  @interface "g0"
  @index 77
  @port 45_995

  # The looks of a node that hears no events come every two seconds.
  @looks_ms 2_000
  @poll_ms 1
  @within_ms 30_000

  @impl true
  def about do
    %{
      name: "interfaces",
      text:
        "an interface that comes up, and one that is made again, each TIMES: until joined (root)",
      arguments: [times: 20],
      examples: [],
      root: true
    }
  end

  @impl true
  def run(%{times: times}) do
    namespace = Namespace.hold()
    Namespace.ip(namespace.enter, ["link set lo up"])
    beam = Beam.start_link(enter: namespace.enter)
    :ok = Beam.call(beam, Inside, :become, [:"interfaces@127.0.0.1"])
    [lan: topology] = Settled.topologies(:ours, @port, [])
    config = Keyword.drop(topology[:config], [:if_addr, :multicast_if])
    topology = Keyword.put(topology, :config, config)
    :ok = Beam.call(beam, Inside, :start_cluster, [[lan: topology]])

    [program | before] = namespace.enter
    monitor = OsProcess.open(program, before ++ ~w(ip -o -4 monitor address), [])
    await_monitor(namespace, monitor)
    host = %{namespace: namespace, beam: beam, monitor: monitor}
    taken = for _ <- 1..times, do: {comes_up(host), again(host)}
    # It does not end with its standard input.
    {:os_pid, os_pid} = Port.info(monitor, :os_pid)
    :ok = OsProcess.terminate(os_pid)
    Beam.stop(beam)
    Namespace.release(namespace)
    {came_up, again} = Enum.unzip(taken)
    table(times, [{"comes up with its address", came_up}, {"made again at once", again}])
  end

  # It says nothing when it is ready: an address on the loopback is added until it is told.
  defp await_monitor(namespace, monitor, number \\ 1) do
    address = "127.0.1.#{number}"
    Namespace.ip(namespace.enter, ["address add #{address}/8 dev lo"])
    await_told(monitor, address, 100) or await_monitor(namespace, monitor, number + 1)
  end

  defp await_told(monitor, text, within \\ @within_ms) do
    receive do
      {^monitor, {:data, lines}} -> told?(lines, text) or await_told(monitor, text, within)
    after
      within -> false
    end
  end

  @doc """
  Whether these lines of `ip monitor` tell of this, and not that it is gone.

      iex> told = "77: g0    inet 10.77.0.1/24 brd 10.77.0.255 scope global g0"
      iex> NativeGossip.Bench.Interfaces.told?("Deleted \#{told}\\n\#{told}\\n", "inet 10.77.0.1/24")
      true
      iex> NativeGossip.Bench.Interfaces.told?("Deleted \#{told}\\n", "inet 10.77.0.1/24")
      false
  """
  @spec told?(String.t(), String.t()) :: boolean
  def told?(lines, text) do
    lines
    |> String.split("\n")
    |> Enum.any?(&(&1 =~ text and not String.starts_with?(&1, "Deleted")))
  end

  defp forget_told(monitor) do
    receive do
      {^monitor, {:data, _}} -> forget_told(monitor)
    after
      0 -> :ok
    end
  end

  defp comes_up(host) do
    enter = host.namespace.enter
    remove = Enum.drop(enter, 1) ++ ~w(ip link del #{@interface})
    # The first time there is none.
    _ = System.cmd(hd(enter), remove, stderr_to_stdout: true)

    Await.until(
      "the node has seen that the interface is gone",
      fn -> Beam.call(host.beam, NativeGossip, :status, [:lan]).memberships end,
      fn memberships -> not Enum.any?(memberships, &(&1.name == @interface and &1.joined)) end
    )

    time(host, made())
  end

  defp again(host), do: time(host, ["link del #{@interface}" | made()])

  # Its other end is on the same host, without an address.
  defp made do
    [
      "link add #{@interface} index #{@index} type veth peer name #{@interface}-peer",
      "link set #{@interface}-peer up",
      "link set #{@interface} up",
      "route add 224.0.0.0/4 dev #{@interface}",
      "address add #{address()} broadcast + dev #{@interface}"
    ]
  end

  defp address, do: "10.77.0.1/24"

  # The address comes last: then it can be joined, and what was joined before is gone.
  defp time(host, commands) do
    # At any moment between two looks.
    Process.sleep(:rand.uniform(@looks_ms))
    forget_told(host.monitor)
    began = now()
    making = Task.async(Namespace, :ip, [host.namespace.enter, commands])
    true = await_told(host.monitor, "inet #{address()}")
    event = now()
    joined = await_joined(host.beam, event + @within_ms)
    :ok = Task.await(making)
    %{event: event - began, joined: joined - event}
  end

  defp await_joined(beam, deadline) do
    cond do
      OsProcess.joined?(beam.os_pid, Settled.group(), @interface) ->
        now()

      now() >= deadline ->
        raise "the group was not joined within #{@within_ms} ms"

      true ->
        Process.sleep(@poll_ms)
        await_joined(beam, deadline)
    end
  end

  defp table(times, cases) do
    %Table{
      name: "interfaces",
      title: "Until the group is joined on an interface, ms; #{times} times each",
      columns: [
        interface: "interface",
        event: "command until ip monitor tells the address, median",
        joined: "from there until joined, median",
        longest: "longest"
      ],
      rows:
        for {name, taken} <- cases do
          joined = for time <- taken, do: time.joined

          %{
            interface: name,
            event: taken |> Enum.map(& &1.event) |> Table.percentile(50),
            joined: Table.percentile(joined, 50),
            longest: Enum.max(joined)
          }
        end
    }
  end

  defp now, do: System.monotonic_time(:millisecond)
end
