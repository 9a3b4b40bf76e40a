defmodule NativeGossip.LibraryTest do
  use ExUnit.Case, async: true

  alias NativeGossip.Test.Requirement

  # Everything that the library takes from the system and from the BEAM, as x86-64 Linux with glibc names it.
  @listed "test/library/symbols.txt"

  @moduletag skip: Requirement.plain_glibc_on_x86_64()

  # docs/installation.md says so.
  @glibc "2.34"

  test "the library needs no later glibc than the papers say" do
    versions = for [_, version] <- Regex.scan(~r/@GLIBC_([\d.]+)/, output()), do: parts(version)
    assert Enum.max(versions) <= parts(@glibc)
  end

  defp parts(version), do: version |> String.split(".") |> Enum.map(&String.to_integer/1)

  test "the library needs nothing of the system that is not listed" do
    listed = @listed |> File.read!() |> String.split()
    assert symbols() -- listed == [], "not in #{@listed}: an older system may not have it"
    assert "enif_send" in symbols() and "recvmmsg" in symbols()
  end

  defp symbols do
    for line <- String.split(output(), "\n", trim: true),
        [symbol | _] = String.split(line, [" ", "@"]),
        uniq: true,
        do: symbol
  end

  defp output do
    library = Application.app_dir(:native_gossip, "priv/native/native_gossip_nif.so")
    {output, 0} = System.cmd("nm", ~w(--dynamic --undefined-only --format=posix) ++ [library])
    output
  end
end
