defmodule NativeGossip.Dev.Epmd do
  @moduledoc """
  An epmd of our own, in the foreground, so that neither the machine's nor a left-over one is used.

  A shell of ours waits beside it for the end of its standard input and then ends it by its id: so it
  ends with the process that started it, also when the whole VM is killed.
  """
  alias NativeGossip.Dev.{Await, FreePort}

  @enforce_keys [:port, :shell]
  defstruct @enforce_keys

  @type t :: %__MODULE__{port: :inet.port_number(), shell: port}

  # The shell would say "Terminated" of what it was told to terminate.
  @watch ~S("$@" & read -r end_of_input; exec 2>/dev/null; kill $!; wait $!)

  @doc """
  Starts it; it ends with the calling process.

  Options: `:enter`, a command line in front of it, as that of `nsenter`;
  `:port` (a free one); `:address` to listen on (all).
  """
  @spec start_link(keyword) :: t
  def start_link(options \\ []) do
    enter = Keyword.get(options, :enter, [])
    port = Keyword.get_lazy(options, :port, &FreePort.tcp/0)
    address = if address = options[:address], do: ["-address", address], else: []
    epmd = [executable(), "-port", Integer.to_string(port)]
    [program | arguments] = enter ++ [find("sh"), "-c", @watch, "sh"] ++ epmd ++ address

    shell = Port.open({:spawn_executable, program}, [:binary, args: arguments])
    await_answer(enter, epmd)
    %__MODULE__{port: port, shell: shell}
  end

  @doc "Ends it, and with it what the nodes had registered."
  @spec stop(t) :: :ok
  def stop(%__MODULE__{shell: shell}) do
    Port.close(shell)
    :ok
  end

  defp await_answer(enter, epmd) do
    [program | arguments] = enter ++ epmd ++ ["-names"]

    Await.until(
      "epmd answers",
      fn -> System.cmd(program, arguments, stderr_to_stdout: true) end,
      &match?({_, 0}, &1)
    )
  end

  # The one of the running OTP, where it has one: another's would be found first in the path.
  defp executable do
    own = Path.join([to_string(:code.root_dir()), "bin", "epmd"])
    if File.exists?(own), do: own, else: find("epmd")
  end

  defp find(program) do
    System.find_executable(program) || raise "there is no #{program} in the path"
  end
end
