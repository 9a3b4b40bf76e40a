defmodule Mix.Tasks.NativeGossip.Gen.Secret do
  @shortdoc "Makes a secret for NativeGossip.Strategy"
  @moduledoc """
  Makes a secret for the option `secret` of `NativeGossip.Strategy`: 32 random bytes in base64.

      $ mix native_gossip.gen.secret

  The first line of what it prints is the secret alone:

      $ export GOSSIP_SECRET="$(mix native_gossip.gen.secret | head -n 1)"

  Nothing is written to a file. All nodes of a cluster need the same secret.
  """
  use Mix.Task

  # As many as the key of AES-256 and the hash that keys are derived with have.
  @bytes 32

  @impl true
  def run([]) do
    Mix.shell().info(Base.encode64(:crypto.strong_rand_bytes(@bytes)))
    Mix.shell().info("\n" <> usage())
  end

  def run(_arguments), do: Mix.raise("mix native_gossip.gen.secret takes no arguments")

  defp usage do
    """
    Give it to every node as GOSSIP_SECRET, and read it in config/runtime.exs:

        import Config
        secret = System.fetch_env!("GOSSIP_SECRET")

        config :libcluster,
          topologies: [lan: [strategy: NativeGossip.Strategy, config: [secret: secret]]]

    Where the cluster has another secret already, change it node by node: ["old", "new"],
    then ["new", "old"], then ["new"].\
    """
  end
end
