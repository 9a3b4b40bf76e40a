defmodule NativeGossip.MixProject do
  use Mix.Project

  @version "0.1.0"

  # Where the sources are published, once they are.
  @source_url nil

  def project do
    [
      app: :native_gossip,
      version: @version,
      elixir: "~> 1.14",
      description: "The gossip strategy of libcluster with its network half in Rust",
      compilers: Mix.compilers() ++ [:native_gossip],
      elixirc_paths: elixirc_paths(Mix.env()),
      test_ignore_filters: [&String.starts_with?(&1, ["test/release/", "test/stand_ins/"])],
      start_permanent: Mix.env() == :prod,
      build_path: build_path(),
      name: "native_gossip",
      source_url: @source_url,
      docs: &docs/0,
      package: package(),
      deps: libcluster_from_path_hex_or_stand_in()
    ]
  end

  def application do
    [
      mod: {NativeGossip.Application, []},
      # crypto is for mix native_gossip.gen.secret; libcluster brings it into each release anyway.
      extra_applications: [:logger, :crypto]
    ]
  end

  # The package is lib. The demo, the benchmarks and the tests share what is in dev. The benchmarks compare with
  # the peer that the tests have.
  defp elixirc_paths(:dev),
    do: ["lib", "dev", "demo", "bench", "test/support/reference_peer.ex"]

  defp elixirc_paths(:test), do: ["lib", "dev", "bench", "test/support"]
  defp elixirc_paths(_), do: ["lib"]

  defp developing?, do: Mix.env() in [:dev, :test]

  # Without Hex a single dependency on it stops every mix command, so each source is whole.
  # telemetry is named only beside the libcluster of Hex: a path brings its own along.
  defp libcluster_from_path_hex_or_stand_in do
    cond do
      path = libcluster_path() -> [{:libcluster, path: path}]
      Code.ensure_loaded?(Hex) -> [{:libcluster, "~> 3.3"}, {:telemetry, "~> 1.0"}, ex_doc()]
      developing?() -> [{:libcluster, path: stand_in()}]
      true -> Mix.raise(no_libcluster())
    end
  end

  defp libcluster_path do
    path = System.get_env("LIBCLUSTER_PATH", "")

    cond do
      path == "" -> nil
      File.regular?(Path.join(path, "mix.exs")) -> path
      true -> Mix.raise("LIBCLUSTER_PATH is #{inspect(path)}, where there is no mix.exs")
    end
  end

  # Mix mixes up two telemetries in one folder: it deletes one's modules as leftovers of the other.
  # A library with other features is another library, too.
  defp build_path do
    features = if features() != "", do: "/#{features()}"
    "_build#{if libcluster_path(), do: "/libcluster_path"}#{features}"
  end

  # Features of the Rust half, for its tests: `portable` has Linux use the socket code of other systems.
  defp features, do: System.get_env("NATIVE_GOSSIP_FEATURES", "")

  defp stand_in do
    IO.puts(:stderr, "libcluster and telemetry are the stand-ins of test/stand_ins: no Hex here")
    "test/stand_ins/libcluster"
  end

  defp no_libcluster do
    """
    native_gossip needs libcluster, and Hex is not installed.
    Install Hex (mix local.hex), or set LIBCLUSTER_PATH to a folder with libcluster's sources.\
    """
  end

  defp ex_doc, do: {:ex_doc, "~> 0.34", only: :dev, runtime: false}

  # `mix docs`, where Hex is installed.
  defp docs do
    guides =
      ~w(docs/installation.md docs/configuration.md docs/operations.md docs/upgrading.md) ++
        ~w(docs/performance.md SECURITY.md)

    internals = ~w(docs/protocol.md ARCHITECTURE.md CONTRIBUTING.md)

    [
      main: "readme",
      source_ref: "v#{@version}",
      extras:
        ["README.md"] ++
          guides ++ internals ++ ~w(CHANGELOG.md LICENSE-MIT LICENSE-APACHE THIRD-PARTY.md),
      assets: %{"docs/performance" => "performance"},
      groups_for_extras: [Guides: guides, Internals: internals],
      groups_for_modules: [
        Interface: [
          NativeGossip,
          NativeGossip.Strategy,
          NativeGossip.Options,
          NativeGossip.Status,
          NativeGossip.Peer,
          NativeGossip.ClusterMap,
          NativeGossip.Await,
          NativeGossip.Telemetry,
          NativeGossip.Events,
          NativeGossip.Probe,
          NativeGossip.Probe.Cause,
          NativeGossip.Doctor,
          NativeGossip.Doctor.Kind
        ],
        "Types of options": ~r/^NativeGossip\.Options\./,
        Internals: ~r/^NativeGossip\./
      ],
      # In dev the demo and the benchmark are compiled as well.
      filter_modules: ~r/^Elixir\.(Mix|NativeGossip(?!\.(Dev|Demo|Bench|Test)))/
    ]
  end

  defp package do
    [
      licenses: ["MIT", "Apache-2.0"],
      links: for(url <- List.wrap(@source_url), into: %{}, do: {"Source", url}),
      # Without the tests and the fuzzer's corpus. Cargo needs the benchmarks that core's Cargo.toml names.
      files:
        ~w(lib docs mix.exs Cargo.toml Cargo.lock README.md CHANGELOG.md SECURITY.md) ++
          ~w(ARCHITECTURE.md CONTRIBUTING.md LICENSE-MIT LICENSE-APACHE THIRD-PARTY.md) ++
          for(crate <- ~w(core net nif), do: "native/#{crate}/{Cargo.toml,src}") ++
          ["native/core/benches"]
    ]
  end
end
