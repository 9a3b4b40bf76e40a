defmodule NativeGossip.Probe.TlsTest do
  @moduledoc """
  Real nodes whose distribution is carried by TLS.
  """
  use ExUnit.Case

  alias NativeGossip.Dev.{Beam, Epmd}
  alias NativeGossip.Probe
  alias NativeGossip.Test.Tls

  @moduletag :tmp_dir
  @moduletag timeout: 120_000

  setup %{tmp_dir: folder} do
    epmd = Epmd.start_link().port
    %{epmd: epmd, tls: Tls.arguments(folder)}
  end

  defp beam(epmd, name, args) do
    applications = [:native_gossip]
    Beam.start_link(epmd_port: epmd, name: name, args: args, applications: applications)
  end

  defp probe(beam, other), do: Beam.call(beam, Probe, :run, [other.name, [connect: :failed]])

  test "TLS on one side is told from both, and on both sides it is the end of what a probe sees",
       %{
         epmd: epmd,
         tls: tls
       } do
    plain = beam(epmd, "plain@127.0.0.1", [])
    one = beam(epmd, "one@127.0.0.1", tls)
    other = beam(epmd, "other@127.0.0.1", tls)

    refute Beam.call(plain, Node, :connect, [one.name])
    log = Beam.logs(one)
    assert probe(plain, one).cause == :tls_there
    IO.puts("\nwhat a probe leaves where TLS is spoken: #{inspect(Beam.logs(one) -- log)}")
    assert length(Beam.logs(one)) - length(log) <= 1

    assert probe(one, plain).cause == :tls_here
    assert probe(one, other).cause == :tls_both
    apart = [other.name, [disconnected_by: :global]]
    assert Beam.call(one, Probe, :run, apart).cause == :kept_apart
    assert Beam.call(one, Node, :connect, [other.name])
    assert probe(one, other).cause == :connected
  end
end
