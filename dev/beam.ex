defmodule NativeGossip.Dev.Beam do
  @moduledoc """
  A real BEAM node as an operating system process of its own.

  It is controlled over its standard input and output (OTP's `:peer`), so neither the controlling VM
  nor the node has to be distributed: a node can be started without a name and named later. It ends
  with the process that started it, and with the whole VM.

  What it logs is kept, not printed: `logs/1`.
  """
  alias NativeGossip.Dev.{Await, LogKeeper, OsProcess}

  @enforce_keys [:peer, :name, :os_pid]
  defstruct @enforce_keys

  @type t :: %__MODULE__{peer: pid, name: node | nil, os_pid: OsProcess.id()}

  @boot_ms 60_000
  @call_ms 30_000
  @applications [:libcluster, :native_gossip]

  # Several nodes share the cores of this machine: schedulers that spin would starve each other.
  @quiet ~w(+sbwt none +sbwtdcpu none +sbwtdio none)

  @doc """
  Starts a node with the calling VM's code; it ends with the calling process.

  Options: `:name` (`"n1@10.77.0.1"`, or a short one, `"n1@host"`; without it the node is not alive), `:cookie` (`"native_gossip"`),
  `:enter`, a command line in front of it, as that of `nsenter`, `:epmd_port`,
  `:args`, more arguments for `erl`, `:env`, more of its environment, `:applications` to start,
  `:stderr`, a file for its standard error (ours).
  """
  @spec start_link(keyword) :: t
  def start_link(options \\ []) do
    name = options[:name]
    [program | before] = Keyword.get(options, :enter, []) ++ into(options[:stderr]) ++ [erl()]

    {:ok, peer, _} =
      :peer.start_link(%{
        connection: :standard_io,
        exec: {to_charlist(program), Enum.map(before, &to_charlist/1)},
        args: Enum.map(arguments(name, options), &to_charlist/1),
        env:
          for({name, value} <- environment(options), do: {to_charlist(name), to_charlist(value)}),
        wait_boot: @boot_ms
      })

    os_pid = peer |> :peer.call(:os, :getpid, []) |> List.to_integer()
    beam = %__MODULE__{peer: peer, name: name && String.to_atom(name), os_pid: os_pid}
    {:ok, _} = call(beam, :application, :ensure_all_started, [:elixir])
    {:ok, _} = call(beam, Application, :ensure_all_started, [:logger])
    :ok = call(beam, LogKeeper, :start, [])

    for application <- Keyword.get(options, :applications, @applications) do
      {:ok, _} = call(beam, Application, :ensure_all_started, [application])
    end

    beam
  end

  @doc """
  Starts a node that nobody controls: its standard input and output are those of the port returned,
  which tells its exit status as well. It runs `module.main/0`; options as in `start_link/1`.
  """
  @spec open(module, keyword) :: port
  def open(module, options \\ []) do
    arguments = arguments(nil, options) ++ ["-noshell", "-eval", "'#{module}':main()."]
    OsProcess.open(erl(), arguments, environment(options))
  end

  @doc "Calls a function in the node; what it raises is raised here."
  @spec call(t, module, atom, [term], timeout) :: term
  def call(beam, module, function, arguments, timeout \\ @call_ms) do
    :peer.call(beam.peer, module, function, arguments, timeout)
  end

  @doc """
  Calls a function in all of these nodes at the same moment, and returns the results in their order.
  `arguments` are one list for all, or a function of the node.
  """
  @spec call_all([t], module, atom, [term] | (t -> [term]), timeout) :: [term]
  def call_all(beams, module, function, arguments, timeout \\ @call_ms) do
    of = if is_function(arguments), do: arguments, else: fn _beam -> arguments end

    beams
    |> Enum.map(&Task.async(__MODULE__, :call, [&1, module, function, of.(&1), timeout]))
    |> Task.await_many(timeout)
  end

  @doc "The nodes this one is connected to, in order."
  @spec connected(t) :: [node]
  def connected(beam), do: beam |> call(Node, :list, []) |> Enum.sort()

  @doc "Every line logged in the node so far, oldest first, each with its level."
  @spec logs(t) :: [{Logger.level(), String.t()}]
  def logs(beam), do: call(beam, LogKeeper, :lines, [])

  @doc "Ends the node as `System.halt/0` does. It has left its ports when this returns."
  @spec stop(t) :: :ok
  def stop(beam) do
    :ok = :peer.stop(beam.peer)
    # That only waits for the end of its standard output, which is closed before its sockets are.
    Await.until("the node has ended", fn -> OsProcess.alive?(beam.os_pid) end, &not/1)
    :ok
  end

  @doc "Ends the node by SIGKILL, as the machine's out-of-memory killer would."
  @spec kill(t) :: :ok
  def kill(beam), do: OsProcess.kill(beam.os_pid)

  defp into(nil), do: []
  defp into(file), do: ["/bin/sh", "-c", ~S(exec "$@" 2>"$0"), file]

  defp arguments(name, options) do
    named = if name, do: [if(name =~ ~r/@.*\./, do: "-name", else: "-sname"), name], else: []
    cookie = ["-setcookie", Keyword.get(options, :cookie, "native_gossip")]

    named ++
      cookie ++
      ~w(-start_epmd false) ++
      @quiet ++ ["-pa" | code_paths()] ++ Keyword.get(options, :args, [])
  end

  defp environment(options) do
    epmd =
      case options[:epmd_port] do
        nil -> []
        port -> [{"ERL_EPMD_PORT", Integer.to_string(port)}]
      end

    epmd ++ Keyword.get(options, :env, [])
  end

  # OTP's own folders are there anyway. Mix takes those of Elixir that the project does not name
  # out of the path of the VM it runs in, but the node may need them.
  defp code_paths do
    otp = to_string(:code.lib_dir())
    elixir = :elixir |> :code.lib_dir() |> to_string() |> Path.dirname()

    ours =
      for path <- Enum.map(:code.get_path(), &to_string/1),
          path != ".",
          not String.starts_with?(path, otp),
          do: Path.expand(path)

    Enum.uniq(ours ++ Path.wildcard(Path.join(elixir, "*/ebin")))
  end

  defp erl, do: Path.join([to_string(:code.root_dir()), "bin", "erl"])
end
