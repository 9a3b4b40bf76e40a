defmodule NativeGossip.Faults.DescriptorsTest do
  @moduledoc """
  What is said where the system gives a BEAM no more file descriptors, of which a loop needs two to begin with.
  """
  use ExUnit.Case

  alias NativeGossip.{Doctor, Options, Strategy}
  alias NativeGossip.Dev.{Beam, FreePort, Inside}

  @secret "of the test without descriptors"
  @remedy "Too many open files (os error 24). Raise the limit of open files (ulimit -n)"

  setup do
    beam = Beam.start_link()
    # Without descriptors no module is loaded.
    :ok = Beam.call(beam, :code, :ensure_modules_loaded, [modules()])
    limit(beam, 3)
    %{beam: beam, config: [port: FreePort.udp(), multicast_if: "127.0.0.1", secret: @secret]}
  end

  defp modules do
    for application <- [:kernel, :stdlib, :elixir, :logger, :libcluster, :native_gossip],
        module <- Application.spec(application, :modules),
        do: module
  end

  # The soft limit alone. With 3 all are in use: standard input, output and error.
  defp limit(beam, descriptors) do
    arguments = ["--pid", "#{beam.os_pid}", "--nofile=#{descriptors}:"]
    assert {"", 0} = System.cmd("prlimit", arguments, stderr_to_stdout: true)
  end

  # As Erlang prints it, which knows nothing of Inspect.
  defp shown(term), do: to_string(:io_lib.format("~0tp", [term]))

  test "a start fails with the topology, the cause and what to do, and without the secret",
       %{beam: beam, config: config} do
    topologies = [lan: [strategy: Strategy, config: config]]
    error = catch_error(Beam.call(beam, Inside, :start_cluster, [topologies]))
    assert Exception.message(error) =~ "topology :lan does not start: " <> @remedy
    # What is logged of it, if anything: that depends on OTP.
    refute shown({error, Beam.logs(beam)}) =~ @secret

    # Nothing of it stays in the way.
    limit(beam, 1_024)
    assert Beam.call(beam, Inside, :start_cluster, [topologies]) == :ok
  end

  test "the doctor ends with the cause and what to do, and without the secret",
       %{beam: beam, config: config} do
    options = Options.validate!(config, :lan)
    error = catch_error(Beam.call(beam, Doctor.Listener, :run, [options, 50]))
    assert %RuntimeError{message: "the doctor cannot listen: " <> @remedy} = error
    # Nor is there a report of a crash, with what is among the arguments.
    assert Beam.logs(beam) == []
  end
end
