defmodule NativeGossip.Bench.Build do
  @moduledoc """
  What `NativeGossip.Bench.Start` measures of the installation: the size of what is installed, and the seconds of
  `mix compile` in a fresh copy, and of the second one, beside those of libcluster and what it needs.
  """
  alias NativeGossip.Bench.Settled

  @sources ~w(lib native/core native/net native/nif mix.exs Cargo.toml Cargo.lock rustfmt.toml clippy.toml .formatter.exs test/stand_ins)

  # `Cluster.Strategy.Gossip` has one module.
  @stock [Cluster.Strategy.Gossip]

  @doc "The rows of the table."
  @spec rows([Settled.way()]) :: [map]
  def rows(ways) do
    {clean, again} = ways |> Enum.map(&{&1, compile(&1)}) |> split()

    [
      row("modules, kB", for(way <- ways, do: {way, modules(way)})),
      row("library, kB", for(way <- ways, do: {way, library(way)})),
      row("clean mix compile, s", clean),
      row("second mix compile, s", again)
    ]
  end

  defp row(what, cells), do: Map.new([{:what, what} | cells])

  defp split(times) do
    {for({way, {clean, _}} <- times, do: {way, clean}),
     for({way, {_, again}} <- times, do: {way, again})}
  end

  defp modules(:stock), do: size(Enum.map(@stock, &:code.which/1))

  # Without what only this project's own VMs have.
  defp modules(:ours) do
    beams =
      :native_gossip |> Application.app_dir("ebin") |> Path.join("*.beam") |> Path.wildcard()

    size(Enum.reject(beams, &(&1 =~ ~r/NativeGossip\.(Dev|Demo|Bench|Test)\b/)))
  end

  defp library(:stock), do: nil

  defp library(:ours),
    do: size(Path.wildcard(Application.app_dir(:native_gossip, "priv/native/*")))

  defp size(files), do: (files |> Enum.map(&File.stat!(&1).size) |> Enum.sum()) / 1_000

  defp copy(source, to) do
    File.mkdir_p!(Path.dirname(to))
    _ = File.cp_r!(source, to)
    :ok
  end

  # The sources of libcluster stay where they are, as its dependencies are found from there.
  defp compile(:stock) do
    case libcluster_path() do
      nil ->
        {nil, nil}

      path ->
        temporary(fn folder ->
          build = [{"MIX_BUILD_PATH", Path.join(folder, "build")}]
          twice(path, [{"LIBCLUSTER_PATH", nil} | build])
        end)
    end
  end

  defp compile(:ours) do
    temporary(fn folder ->
      for source <- @sources, File.exists?(source), do: copy(source, Path.join(folder, source))

      twice(folder, [{"LIBCLUSTER_PATH", libcluster_path()}])
    end)
  end

  # Seen from another folder, too.
  defp libcluster_path do
    path = System.get_env("LIBCLUSTER_PATH", "")
    if path != "", do: Path.expand(path)
  end

  defp twice(folder, environment) do
    environment = [{"MIX_ENV", "dev"} | environment]
    mix!(folder, ~w(deps.get), environment)
    {mix!(folder, ~w(compile), environment), mix!(folder, ~w(compile), environment)}
  end

  defp mix!(folder, arguments, environment) do
    options = [cd: folder, env: environment, stderr_to_stdout: true]
    {us, {output, status}} = :timer.tc(fn -> System.cmd("mix", arguments, options) end)
    if status != 0, do: raise("mix #{Enum.join(arguments, " ")} in #{folder}: #{output}")
    us / 1_000_000
  end

  defp temporary(what) do
    folder = Path.join(System.tmp_dir!(), "native_gossip_bench_#{System.pid()}")
    File.mkdir_p!(folder)

    try do
      what.(folder)
    after
      File.rm_rf!(folder)
    end
  end
end
