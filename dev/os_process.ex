defmodule NativeGossip.Dev.OsProcess do
  @moduledoc """
  The start of an operating system process, what Linux knows of one, and its end.

  Read from `/proc`, which does not ask the process: a VM whose schedulers hang is still counted.
  """

  @type id :: pos_integer
  @type holdings :: %{
          sockets: non_neg_integer,
          threads: non_neg_integer,
          descriptors: %{String.t() => pos_integer}
        }

  @doc """
  Starts a program; its standard input and output are those of the port returned, which tells its exit
  status as well. `options` are further ones of `Port.open/2`.
  """
  @spec open(Path.t(), [String.t()], [{String.t(), String.t()}], [atom]) :: port
  def open(program, arguments, environment, options \\ []) do
    environment = for {name, value} <- environment, do: {to_charlist(name), to_charlist(value)}

    Port.open(
      {:spawn_executable, program},
      [:binary, :exit_status, args: arguments, env: environment] ++ options
    )
  end

  @doc "True while the process exists; a zombie, which holds nothing any more, does not count."
  @spec alive?(id) :: boolean
  def alive?(id) do
    case File.read("/proc/#{id}/stat") do
      {:ok, stat} -> not String.contains?(stat, ") Z ")
      {:error, _} -> false
    end
  end

  @doc "Threads of the process."
  @spec threads(id) :: non_neg_integer
  def threads(id), do: length(File.ls!("/proc/#{id}/task"))

  @doc "CPU time of the dirty IO schedulers of a BEAM, in seconds: what its loops cost."
  @spec io_cpu_s(id) :: float
  def io_cpu_s(id) do
    # Ticks, of which Linux shows a program 100 a second on every platform.
    for thread <- File.ls!("/proc/#{id}/task"),
        {:ok, stat} <- [File.read("/proc/#{id}/task/#{thread}/stat")],
        [name, rest] = String.split(stat, ") ", parts: 2),
        name =~ ~r"dirty_io|dios",
        reduce: 0.0 do
      seconds ->
        [user, system] = rest |> String.split() |> Enum.slice(11, 2)
        seconds + (String.to_integer(user) + String.to_integer(system)) / 100
    end
  end

  @doc "CPU time of all threads of the process that live, in nanoseconds."
  @spec cpu_ns(id) :: non_neg_integer
  def cpu_ns(id) do
    for thread <- File.ls!("/proc/#{id}/task"),
        {:ok, spent} <- [File.read("/proc/#{id}/task/#{thread}/schedstat")],
        reduce: 0 do
      sum -> sum + (spent |> String.split() |> hd() |> String.to_integer())
    end
  end

  @doc """
  How often threads of the process were switched to, of those that live and have a name that matches: each wake-up
  is one.
  """
  @spec context_switches(id, Regex.t()) :: non_neg_integer
  def context_switches(id, name \\ ~r//) do
    for thread <- File.ls!("/proc/#{id}/task"),
        {:ok, status} <- [File.read("/proc/#{id}/task/#{thread}/status")],
        [_, thread_name] = Regex.run(~r/^Name:\s+(.*)$/m, status),
        thread_name =~ name,
        [_, switches] <- Regex.scan(~r/^\w+_ctxt_switches:\s+(\d+)$/m, status),
        reduce: 0,
        do: (sum -> sum + String.to_integer(switches))
  end

  @doc "Open file descriptors, each as what it points at."
  @spec descriptors(id) :: [String.t()]
  def descriptors(id), do: Enum.map(numbered_descriptors(id), &elem(&1, 1))

  defp numbered_descriptors(id) do
    folder = "/proc/#{id}/fd"

    # A descriptor may be closed between the listing and the look at it.
    for name <- File.ls!(folder), {:ok, target} <- [File.read_link(Path.join(folder, name))] do
      {String.to_integer(name), target}
    end
  end

  @doc "UDP sockets of this very process that are bound to `port`; see `udp_descriptors/2`."
  @spec udp_sockets(id, :inet.port_number()) :: non_neg_integer
  def udp_sockets(id, port), do: length(udp_descriptors(id, port))

  @doc """
  The descriptors of UDP sockets of this very process that are bound to `port`.

  `/proc/PID/net/udp` lists the whole network namespace; the inodes tell whose they are.
  """
  @spec udp_descriptors(id, :inet.port_number()) :: [non_neg_integer]
  def udp_descriptors(id, port) do
    bound = for columns <- udp_lines(id, port), do: "socket:[#{Enum.at(columns, 9)}]"
    for {number, target} <- numbered_descriptors(id), target in bound, do: number
  end

  @doc """
  What waits in UDP sockets that are bound to `port`, in bytes as the kernel counts them, and how many packets
  found no room there, in the network namespace of this process.
  """
  @spec udp_queue(id, :inet.port_number()) :: %{bytes: non_neg_integer, drops: non_neg_integer}
  def udp_queue(id, port) do
    for columns <- udp_lines(id, port), reduce: %{bytes: 0, drops: 0} do
      sum ->
        [_sending, receiving] = columns |> Enum.at(4) |> String.split(":")
        drops = columns |> List.last() |> String.to_integer()
        %{bytes: sum.bytes + String.to_integer(receiving, 16), drops: sum.drops + drops}
    end
  end

  defp udp_lines(id, port) do
    for file <- ~w(udp udp6),
        line <- "/proc/#{id}/net/#{file}" |> File.stream!() |> Enum.drop(1),
        columns = String.split(line),
        String.ends_with?(Enum.at(columns, 1), ":" <> hexadecimal(port, 4)),
        do: columns
  end

  @doc """
  What the process holds: its sockets on `port`, its threads, and its descriptors by kind.

  Two of these can be compared, while descriptors cannot: a socket has another number each time.
  """
  @spec holdings(id, :inet.port_number()) :: holdings
  def holdings(id, port) do
    %{
      sockets: udp_sockets(id, port),
      threads: threads(id),
      # A module that is loaded this very moment is open, and nothing that is held.
      descriptors:
        id
        |> descriptors()
        |> Enum.reject(&String.ends_with?(&1, ".beam"))
        |> Enum.frequencies_by(&kind/1)
    }
  end

  defp hexadecimal(number, digits) do
    number |> Integer.to_string(16) |> String.pad_leading(digits, "0")
  end

  defp kind(target), do: String.replace(target, ~r/:\[\d+\]$/, "")

  @doc "Resident memory, in bytes."
  @spec resident(id) :: pos_integer
  def resident(id) do
    [_, kilobytes] = Regex.run(~r/^VmRSS:\s+(\d+) kB/m, File.read!("/proc/#{id}/status"))
    1024 * String.to_integer(kilobytes)
  end

  @doc "Memory that programs may still take on this machine, in bytes."
  @spec memory_available() :: pos_integer
  def memory_available do
    [_, kilobytes] = Regex.run(~r/^MemAvailable:\s+(\d+) kB/m, File.read!("/proc/meminfo"))
    1024 * String.to_integer(kilobytes)
  end

  @doc "True where a socket in the network namespace of this process has joined the IPv4 group on this interface."
  @spec joined?(id, :inet.ip4_address(), String.t()) :: boolean
  def joined?(id, group, interface), do: id |> groups("igmp") |> listed?(group, interface)

  @doc """
  Whether this text of `/proc/net/igmp` has the group among those of an interface.

      iex> text = "1\\tlo        :     1      V3\\n\\t\\t\\t\\t2501FCE9     1 0:00000000\\t\\t0\\n"
      iex> for interface <- ["lo", "g0"], do: NativeGossip.Dev.OsProcess.listed?(text, {233, 252, 1, 37}, interface)
      [true, false]
  """
  @spec listed?(String.t(), :inet.ip4_address(), String.t()) :: boolean
  def listed?(text, group, interface) do
    ~r/^\d+\s+/m
    |> Regex.split(text)
    |> Enum.any?(&(String.starts_with?(&1, interface <> " ") and &1 =~ igmp(group)))
  end

  # The kernel prints the address as the number that its bytes are on this machine.
  defp igmp({a, b, c, d}) do
    <<number::native-32>> = <<a, b, c, d>>
    hexadecimal(number, 8)
  end

  @doc "True where a socket in the network namespace of this process has joined the group."
  @spec joined?(id, :inet.ip_address()) :: boolean
  def joined?(id, {_, _, _, _} = group), do: groups(id, "igmp") =~ igmp(group)

  def joined?(id, group) do
    bytes = for part <- Tuple.to_list(group), into: <<>>, do: <<part::16>>
    groups(id, "igmp6") =~ Base.encode16(bytes, case: :lower)
  end

  defp groups(id, file), do: File.read!("/proc/#{id}/net/#{file}")

  @doc "SIGKILL to this one process."
  @spec kill(id) :: :ok
  def kill(id), do: signal(id, "KILL")

  @doc "SIGTERM to this one process, as an init system ends a service."
  @spec terminate(id) :: :ok
  def terminate(id), do: signal(id, "TERM")

  defp signal(id, name) do
    {_, _} = System.cmd("kill", ["-" <> name, Integer.to_string(id)], stderr_to_stdout: true)
    :ok
  end
end
