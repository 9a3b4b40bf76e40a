defmodule NativeGossip.SignedVectorsTest do
  @moduledoc """
  Two implementations of the trailer that know nothing of each other: `NativeGossip.Test.SignedHeartbeat` and
  the core, by its example `decode`.

  After a change of the vectors `WRITE_VECTORS=1` writes the file that `native/core/tests/signed.rs` reads.
  """
  use ExUnit.Case, async: true

  alias NativeGossip.Test.{SignedHeartbeat, SignedVectors}

  @moduletag :tmp_dir
  @moduletag timeout: 600_000

  @vectors Path.expand("../native/core/tests/vectors", __DIR__)
  @ours Path.join(@vectors, "signed_elixir.json")
  @given Path.join(@vectors, "signed.json")

  test "the file of our own vectors is what Elixir makes" do
    if System.get_env("WRITE_VECTORS"), do: File.write!(@ours, SignedVectors.json())
    assert File.read!(@ours) == SignedVectors.json()
  end

  test "the core gives each packet that Elixir signed the verdict that it must have", context do
    for scenario <- SignedVectors.all() do
      lines = for {at, packet, _} <- scenario.steps, do: [~s(#{at} ), Base.encode16(packet), ?\n]
      expected = for {_, _, expect} <- scenario.steps, do: expect
      assert decode(context, lines, options(scenario)) == expected, scenario.scenario
    end
  end

  test "Elixir verifies what others have signed, and says by which secret" do
    secrets = ["correct horse battery staple", "the secret before"]

    read =
      for packet <- packets(@given),
          cluster <- [nil, "production"],
          do: read(packet, secrets, cluster)

    counts = Enum.frequencies(read)
    # Those whose MAC is flipped, of another key or another form are among the rest.
    assert counts[{0, :sealed}] >= 40 and counts[{0, :plain}] >= 5 and counts[{1, :sealed}] >= 1
    assert counts[{nil, :sealed}] >= 5
  end

  defp read(packet, secrets, cluster) do
    case SignedHeartbeat.read(packet, secrets, cluster) do
      {:ok, _heartbeat, signed_by, form} -> {signed_by, form}
      {:error, _} -> :unreadable
    end
  end

  defp packets(file) do
    for [_, packet] <- Regex.scan(~r/"packet": "([0-9a-f]+)"/, File.read!(file)),
        do: Base.decode16!(packet, case: :lower)
  end

  defp options(scenario) do
    Enum.flat_map(scenario.secrets, &["--secret", &1]) ++
      if(scenario.cluster, do: ["--cluster", scenario.cluster], else: []) ++
      if(scenario.authentication == :required, do: ["--required"], else: []) ++
      if(scenario.seal, do: [], else: ["--no-seal"])
  end

  defp decode(%{tmp_dir: folder}, lines, options) do
    file = Path.join(folder, "packets.hex")
    File.write!(file, lines)
    decode = ~s(cargo run --quiet --locked --package native_gossip_core --example decode -- "$@")
    {output, 0} = System.cmd("sh", ["-c", decode <> ~s( <"$0"), file | options])
    String.split(output, "\n", trim: true)
  end
end
