defmodule NativeGossip.Probe.TlsTest do
  @moduledoc """
  Real nodes whose distribution is carried by TLS.
  """
  use ExUnit.Case

  # Since Elixir 1.15 Mix has only those applications of OTP in its path that the project names.
  @compile {:no_warn_undefined, :public_key}

  alias NativeGossip.Dev.{Beam, Epmd}
  alias NativeGossip.Probe

  @moduletag :tmp_dir
  @moduletag timeout: 120_000

  setup_all do
    if function_exported?(Mix, :ensure_application!, 1),
      do: apply(Mix, :ensure_application!, [:public_key])

    :ok
  end

  setup %{tmp_dir: folder} do
    epmd = Epmd.start_link().port
    tls = ["-proto_dist", "inet_tls", "-ssl_dist_optfile", options_file(folder)]
    %{epmd: epmd, tls: tls}
  end

  # Certificates that nobody verifies.
  defp options_file(folder) do
    # OTP 27 takes none that is signed with SHA-1, which is the default of this.
    signed = [digest: :sha256]
    chain = %{root: signed, intermediates: [], peer: signed}
    chains = %{server_chain: chain, client_chain: chain}
    %{server_config: config} = :public_key.pkix_test_data(chains)

    {type, key} = config[:key]

    write = fn name, entry ->
      File.write!(Path.join(folder, name), :public_key.pem_encode([entry]))
    end

    :ok = write.("cert.pem", {:Certificate, config[:cert], :not_encrypted})
    :ok = write.("key.pem", {type, key, :not_encrypted})
    certificate = [certfile: ~c"#{folder}/cert.pem", keyfile: ~c"#{folder}/key.pem"]

    options = [
      server: certificate ++ [verify: :verify_none],
      client: certificate ++ [verify: :verify_none]
    ]

    file = Path.join(folder, "tls.conf")
    File.write!(file, :io_lib.format("~p.~n", [options]))
    file
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
    assert Beam.call(one, Node, :connect, [other.name])
    assert probe(one, other).cause == :connected
  end
end
