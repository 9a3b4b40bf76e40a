defmodule NativeGossip.Loop do
  @moduledoc """
  The process that lends its dirty IO scheduler to the Rust half, slice by slice.

  It must not trap exits: a process that does so does not see them while it is inside a NIF.
  """

  alias NativeGossip.{Cookie, Events, Native, NodeWatch, Options}
  alias NativeGossip.Events.Fault

  # In ms. Between two slices the terms of the first one are freed, and whoever waits for this process (who has it
  # collect its garbage) gets its turn. A longer one saves little: its end costs as much as a few packets.
  @slice 2_000

  # Nothing tells that the node was given a name. One that is lost takes the peers with it, and that ends a slice.
  @unnamed_slice 1_000

  # Where loops hold every dirty IO scheduler, files and code loading wait for the end of a slice. The loop that takes
  # the last one begins with this, while the others end theirs.
  @crowded_slice 100

  @typedoc "What is told of the topology: its name, how heartbeats are sent, and which are taken."
  @type about :: %{
          topology: atom,
          heartbeat_form: Options.heartbeat_form(),
          authentication: :compatible | :required
        }

  @doc """
  Opens a loop, as `NativeGossip.Native.open/2` does.

  Raises `RuntimeError` where the system gives none: `failed`, which says what cannot be done without it, the cause, and
  what to do. Whatever is raised has no options in its stack trace.
  """
  @spec open(Options.t(), refresh_interval :: pos_integer | nil, failed :: String.t()) ::
          Native.t()
  def open(options, refresh_interval, failed),
    do: worded(failed, fn -> Native.open(options, refresh_interval) end)

  @doc """
  Works for a slice, as `NativeGossip.Native.serve/4` does.

  Raises `RuntimeError` where the system cannot wait for packets.
  """
  @spec work(Native.t(), node, debug :: boolean, slice :: pos_integer) ::
          {:serving | :stopped, [Events.t()]}
  def work(loop, node, debug, slice),
    do: worded("the loop ends", fn -> Native.serve(loop, node, debug, slice) end)

  defp worded(failed, call) do
    call.()
  rescue
    error -> reraise worded_error(error, failed), without_arguments(__STACKTRACE__)
  end

  defp worded_error(%ErlangError{original: {code, text}}, failed) when is_binary(text),
    do: RuntimeError.exception("#{failed}: #{Fault.error(%{code: code, text: text})}")

  defp worded_error(error, _failed), do: error

  @doc "A stack trace with arities in place of arguments: those are printed, and the secret may be among them."
  @spec without_arguments(Exception.stacktrace()) :: Exception.stacktrace()
  def without_arguments(stack) do
    for call <- stack do
      case call do
        {module, function, arguments, location} when is_list(arguments) ->
          {module, function, length(arguments), location}

        other ->
          other
      end
    end
  end

  @doc """
  Starts the process, linked to the owner of the loop.
  """
  @spec start_link(Native.t(), about) :: {:ok, pid}
  def start_link(loop, about) do
    Task.start_link(__MODULE__, :serve, [loop, about, NodeWatch.new(now())])
  end

  @doc """
  Whether the loops of this BEAM hold all of its dirty IO schedulers.
  """
  @spec crowded?() :: boolean
  def crowded?, do: Native.loops() >= :erlang.system_info(:dirty_io_schedulers)

  @doc false
  @spec serve(Native.t(), about, NodeWatch.t()) :: no_return
  def serve(loop, %{topology: topology} = about, watch) do
    had_name? = NodeWatch.named?(watch)
    {news, watch} = NodeWatch.observe(watch, Node.alive?(), now())
    if news, do: Events.emit(topology, {news, %{node: node()}})
    # Only with its name the node has the cookie that it will have.
    named_now? = not had_name? and NodeWatch.named?(watch)
    warnings = if named_now?, do: Cookie.warnings(about.authentication), else: []
    Enum.each(warnings, &Events.emit(topology, &1))

    {state, events} = work(loop, node(), debug(), slice(NodeWatch.named?(watch)))
    Enum.each(events, &Events.emit(topology, completed(&1, about)))

    case state do
      # By the module's name: when it is loaded again, the new one goes on.
      :serving -> __MODULE__.serve(loop, about, watch)
      :stopped -> exit({:shutdown, :stopped})
    end
  end

  defp slice(named?) do
    cond do
      crowded?() -> @crowded_slice
      named? -> @slice
      true -> @unnamed_slice
    end
  end

  # The Rust half need not tell what the options say.
  defp completed({:group_joined, fields}, about),
    do: {:group_joined, Map.put(fields, :heartbeat_form, about.heartbeat_form)}

  defp completed(event, _about), do: event

  defp now, do: System.monotonic_time(:millisecond)

  # As Cluster.Logger reads it, at each slice, so that it can be changed at runtime.
  defp debug, do: Application.get_env(:libcluster, :debug, false) not in [nil, false, "false"]
end
