defmodule NativeGossip.Test.Requirement do
  @moduledoc """
  What some tests need of the machine. Each function returns nil, or why the need is not met:

      @moduletag skip: Requirement.netns()
  """

  @doc "Network namespaces, by actually making one: root in a container may still not be allowed to."
  @spec netns :: String.t() | nil
  def netns, do: unmet("network namespaces need root", ~w(nsenter ip bridge), ["true"])

  @doc "A packet filter that loses packets by chance, tried in a namespace of its own."
  @spec lossy_filter :: String.t() | nil
  def lossy_filter do
    rule = "add table inet t; add chain inet t c; add rule inet t c numgen random mod 2 < 1 drop"
    unmet("losing packets needs nft and its numgen", ["nft"], ["nft", rule])
  end

  @doc "A packet filter that refuses connections, tried in the same way."
  @spec refusing_filter :: String.t() | nil
  def refusing_filter do
    chain = "add chain inet t c { type filter hook input priority 0; }"
    rule = "add table inet t; #{chain}; add rule inet t c tcp flags syn reject with tcp reset"
    unmet("refusing connections needs nft and its reject", ["nft"], ["nft", rule])
  end

  @doc "A library that sets the clock of one program."
  @spec faketime :: String.t() | nil
  def faketime do
    unless NativeGossip.Test.Clock.library(),
      do: "wrong clocks need Debian's faketime: bin/setup installs it"
  end

  defp unmet(need, programs, command) do
    with [] <- Enum.filter(["unshare" | programs], &(System.find_executable(&1) == nil)),
         {_, 0} <- System.cmd("unshare", ["--net" | command], stderr_to_stdout: true) do
      nil
    else
      [_ | _] = missing -> "#{need}, but #{Enum.join(missing, ", ")} is missing in PATH"
      {answer, _status} -> "#{need}: #{String.trim(answer)}"
    end
  end

  @doc "Sockets that hear only what they joined themselves."
  @spec groups_apart :: String.t() | nil
  def groups_apart,
    do: unmet_by_portable("hear, on Linux, what other sockets of the host have joined, too")

  @doc "Sockets that are told by which interface a packet came."
  @spec interfaces_told :: String.t() | nil
  def interfaces_told, do: unmet_by_portable("are not told by which interface a packet came")

  @doc "Sockets that are told which hosts cannot be reached."
  @spec losses_told :: String.t() | nil
  def losses_told, do: unmet_by_portable("are not told which seeds cannot be reached")

  defp unmet_by_portable(what) do
    if System.get_env("NATIVE_GOSSIP_FEATURES", "") =~ "portable",
      do: "the portable sockets #{what}"
  end

  @doc "The library as users have it on most servers: others take other symbols."
  @spec plain_glibc_on_x86_64 :: String.t() | nil
  def plain_glibc_on_x86_64 do
    system = List.to_string(:erlang.system_info(:system_architecture))
    flags = Mix.NativeGossip.Cargo.flags()

    unless system =~ ~r/^x86_64-.*linux-gnu$/ and flags == [],
      do:
        "symbols are listed for x86_64-linux-gnu without flags, not for #{system} with #{inspect(flags)}"
  end

  @doc "The real libcluster, for its stock strategy; the stand-in has none."
  @spec real_libcluster :: String.t() | nil
  def real_libcluster do
    unless Code.ensure_loaded?(Cluster.Strategy.Gossip) do
      "the stock strategy is in the real libcluster only: set LIBCLUSTER_PATH to a folder with it"
    end
  end
end
