defmodule NativeGossip.Test.Tls do
  @moduledoc "What a node is started with that speaks TLS to others, with certificates that nobody verifies."

  @doc "The arguments of `erl`; its files are written into this folder."
  @spec arguments(Path.t()) :: [String.t()]
  def arguments(folder) do
    # Since Elixir 1.15 Mix has only those applications of OTP in its path that the project names.
    if function_exported?(Mix, :ensure_application!, 1),
      do: apply(Mix, :ensure_application!, [:public_key])

    ["-proto_dist", "inet_tls", "-ssl_dist_optfile", options_file(folder)]
  end

  defp options_file(folder) do
    # OTP 27 takes none that is signed with SHA-1, and OTP 29 no key of the curve that are the defaults of this.
    signed = [digest: :sha256, key: {:rsa, 2048, 65_537}]
    chain = %{root: signed, intermediates: [], peer: signed}
    chains = %{server_chain: chain, client_chain: chain}
    %{server_config: config} = public_key(:pkix_test_data, [chains])
    {type, key} = config[:key]

    write = fn name, entry ->
      File.write!(Path.join(folder, name), public_key(:pem_encode, [[entry]]))
    end

    :ok = write.("cert.pem", {:Certificate, config[:cert], :not_encrypted})
    :ok = write.("key.pem", {type, key, :not_encrypted})
    certificate = [certfile: ~c"#{folder}/cert.pem", keyfile: ~c"#{folder}/key.pem"]
    options = for side <- [:server, :client], do: {side, certificate ++ [verify: :verify_none]}
    file = Path.join(folder, "tls.conf")
    File.write!(file, :io_lib.format("~p.~n", [options]))
    file
  end

  # Neither the compiler nor dialyzer knows of it.
  defp public_key(function, arguments), do: apply(:public_key, function, arguments)
end
