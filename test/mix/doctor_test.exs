defmodule Mix.Tasks.NativeGossip.DoctorTest do
  # The configuration of libcluster is everybody's.
  use ExUnit.Case

  import ExUnit.CaptureIO

  alias Mix.Tasks.NativeGossip.Doctor
  alias NativeGossip.Dev.FreePort
  alias NativeGossip.Doctor.Config

  setup do
    before = Application.get_env(:libcluster, :topologies)
    on_exit(fn -> Application.put_env(:libcluster, :topologies, before || []) end)
  end

  defp configure(topologies), do: Application.put_env(:libcluster, :topologies, topologies)

  defp run(arguments) do
    arguments = arguments ++ ~w(--seconds 1 --no-probe)
    capture_io(fn -> assert catch_exit(Doctor.run(arguments)) == {:shutdown, 1} end)
  end

  test "it prints a finding without colours where there is no terminal, and its status is 1" do
    output = run(~w(--port #{FreePort.udp()} --multicast-if 127.0.0.1))
    assert output =~ "1 finding, the surest first:\n1. alone: no heartbeat was heard in 1 s"
    refute output =~ "\e["
    refute output =~ "…"
  end

  test "--json prints JSON alone, on one line" do
    output = run(~w(--json --port #{FreePort.udp()} --multicast-if 127.0.0.1))
    assert [json, ""] = String.split(output, "\n")
    assert json =~ ~s("kind":"alone")
    assert String.ends_with?(json, ~s("ok":false}))
  end

  test "a wrong argument, topology or option is refused with a word of what is right" do
    configure(one: [strategy: NativeGossip.Strategy], two: [strategy: NativeGossip.Strategy])

    for {arguments, words} <- [
          {~w(lan), "unknown argument lan"},
          {~w(--prot 1), "unknown option --prot"},
          {~w(--port many), "--port cannot be many"},
          {~w(--seconds 0), "--seconds cannot be 0"},
          {~w(--seconds 3601), "--seconds cannot be 3601: 1 to 3600"},
          {~w(--port 1),
           "several topologies \\(:one, :two\\), so one has to be named: topology: :one, or --topology one of mix"},
          {~w(--topology three), "has no topology :three"},
          {~w(--topology one --port 0), "expected an integer from 1 to 65535, got: 0"}
        ] do
      assert_raise Mix.Error, ~r/#{words}/, fn -> Doctor.run(arguments) end
    end
  end

  test "the configuration has the topology, and the command line the last word" do
    configure(
      other: [strategy: Cluster.Strategy.Epmd],
      lan: [strategy: NativeGossip.Strategy, config: [port: 4000, secret: "s3cret"]]
    )

    assert Config.of(nil, []) == {:lan, [port: 4000, secret: "s3cret"]}
    assert Config.of(:lan, port: 4001) == {:lan, [secret: "s3cret", port: 4001]}
    configure([])
    assert Config.of(nil, port: 4001) == {:default, [port: 4001]}
    assert_raise ArgumentError, ~r/Those that it has: none/, fn -> Config.of(:lan, []) end
    # It is told by what checks the options.
    configure(lan: [strategy: NativeGossip.Strategy, config: %{port: 4000}])
    assert Config.of(nil, port: 4001) == {:lan, %{port: 4000}}
  end
end
