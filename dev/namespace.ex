defmodule NativeGossip.Dev.Namespace do
  @moduledoc """
  A network namespace without a name, held by a process of ours that reads its standard input: it is
  gone when the process that made it lets it go or ends, and also when the whole VM is killed.

  `enter` is the command line in front of a program that runs there.
  """
  alias NativeGossip.Dev.OsProcess

  @enforce_keys [:port, :os_pid, :enter, :id]
  defstruct @enforce_keys

  @type enter :: [String.t()]
  @type t :: %__MODULE__{port: port, os_pid: OsProcess.id(), enter: enter, id: String.t()}

  @hold "echo held; exec cat"
  @answer_ms 10_000

  # One call for several commands: what they undo and do again is undone for a moment only.
  @batch ~S(printf '%s\n' "$@" | ip -batch -)

  @doc "Makes one; it belongs to the calling process."
  @spec hold() :: t
  def hold do
    port =
      Port.open({:spawn_executable, System.find_executable("unshare")}, [
        :binary,
        args: ["--net", "sh", "-c", @hold]
      ])

    {:os_pid, os_pid} = Port.info(port, :os_pid)

    receive do
      {^port, {:data, "held\n"}} -> :ok
    after
      @answer_ms -> raise "no network namespace could be made: unshare --net has not answered"
    end

    # It is known by its holder's id, which cannot be another process's while we hold it.
    file = "/proc/#{os_pid}/ns/net"
    enter = [System.find_executable("nsenter"), "--net=#{file}", "--"]
    %__MODULE__{port: port, os_pid: os_pid, enter: enter, id: File.read_link!(file)}
  end

  @spec release(t) :: :ok
  def release(namespace) do
    Port.close(namespace.port)
    :ok
  end

  @doc "The processes inside these namespaces, each with its command line."
  @spec inside([t]) :: [{OsProcess.id(), String.t()}]
  def inside(namespaces) do
    ids = MapSet.new(namespaces, & &1.id)

    for name <- File.ls!("/proc"),
        {os_pid, ""} <- [Integer.parse(name)],
        {:ok, id} <- [File.read_link("/proc/#{os_pid}/ns/net")],
        MapSet.member?(ids, id) do
      {os_pid, command_line(os_pid)}
    end
  end

  @doc "Runs a command behind `enter`; raises where it fails."
  @spec run(enter, [String.t()]) :: :ok
  def run(enter, command) do
    _ = read(enter, command)
    :ok
  end

  @doc "As `run/2`, and returns what it printed."
  @spec read(enter, [String.t()]) :: String.t()
  def read([program | arguments], command) do
    case System.cmd(program, arguments ++ command, stderr_to_stdout: true) do
      {output, 0} -> output
      {output, status} -> raise "#{Enum.join(command, " ")} (exit #{status}): #{output}"
    end
  end

  @doc "Runs commands of `ip`, given without its name, in a single run of it."
  @spec ip(enter, [String.t()]) :: :ok
  def ip(enter, commands), do: run(enter, ["sh", "-c", @batch, "sh" | commands])

  defp command_line(os_pid) do
    case File.read("/proc/#{os_pid}/cmdline") do
      {:ok, line} -> String.replace(line, "\0", " ")
      {:error, _} -> "?"
    end
  end
end
