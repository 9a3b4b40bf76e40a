defmodule NativeGossip.DifferentialTest do
  # `mix test --seed` repeats a run. DIFFERENTIAL_CASES says how many heartbeats are tried, and
  # DIFFERENTIAL_NAMES how many names.
  use ExUnit.Case, async: true

  alias NativeGossip.Dev.Beam
  alias NativeGossip.Test.{Amount, Differential, ReferencePeer}

  @moduletag :tmp_dir
  @moduletag timeout: 1_800_000

  @secret "differential"
  @batch 20_000

  setup do
    :rand.seed(:exsss, ExUnit.configuration()[:seed])
    :ok
  end

  test "whatever is accepted, binary_to_term/1 reads as a heartbeat of the same node", context do
    cases = Amount.from_env("DIFFERENTIAL_CASES", 20_000)

    accepted =
      for secret <- [nil, @secret], count <- batches(div(cases, 2)), reduce: 0 do
        accepted ->
          packets = for _ <- 1..count, do: Differential.any_packet(secret)
          taken = for {_, {:node, _}} = pair <- tried(packets, secret, context), do: pair

          differing =
            for {packet, verdict} <- taken, differs?(packet, secret, verdict), do: packet

          assert differing == [], explain(differing, secret)
          accepted + length(taken)
      end

    report("#{cases} heartbeats, #{accepted} of them accepted, none that differ")
    assert accepted in div(cases, 10)..div(cases * 9, 10), "the generator knows one answer only"
  end

  test "every right heartbeat is accepted, in all the forms in which nodes send it", context do
    for secret <- [nil, @secret] do
      right =
        for form <- Differential.forms(), pairs <- 0..16, trailer <- Differential.trailers() do
          name = unique(Differential.valid_name())
          plaintext = Differential.heartbeat(name, form, Differential.further_pairs(pairs))
          {name, Differential.packet(plaintext, trailer, secret)}
        end

      assert_all_accepted(right, secret, context)
    end
  end

  test "the heartbeats of the stock strategy are accepted", context do
    for secret <- [nil, @secret] do
      nodes = [:"app@10.0.0.1", :a@host, :"a@hößt.de"]
      stock = Enum.map(nodes, &{Atom.to_string(&1), ReferencePeer.encode(&1, secret)})
      assert_all_accepted(stock, secret, context)
    end
  end

  test "under a name that is accepted a node can start, and under a refused one none", context do
    count = Amount.from_env("DIFFERENTIAL_NAMES", 100)
    names = Enum.uniq(for _ <- 1..(count * 20), do: Differential.any_name())
    packets = Enum.map(names, &Differential.heartbeat(&1, {119, 118}))
    verdicts = Enum.zip(names, verdicts(packets, nil, context))
    accepted = for {name, {:node, taken}} <- verdicts, name == taken, do: name

    refused =
      for {name, {:reject, "name"}} <- verdicts, not startable_and_refused?(name), do: name

    beam = Beam.start_link(applications: [])
    :ok = Beam.call(beam, :logger, :set_primary_config, [:level, :none])

    for name <- Enum.take(accepted, count), do: assert(start(beam, name) == :ok, inspect(name))
    for name <- Enum.take(refused, count), do: assert(start(beam, name) == :error, inspect(name))

    assert length(accepted) >= count and length(refused) >= div(count, 4)
    report("nodes started under #{count} names; not under #{min(count, length(refused))} others")
  end

  # A longer name does not fit into the atom that we send; and OTP's pattern, which ends in `$`, lets
  # one newline through.
  defp startable_and_refused?(name), do: byte_size(name) > 255 or String.ends_with?(name, "\n")

  # A node that does not listen needs no epmd and no address: what is left is the rule of names.
  defp start(beam, name) do
    name = String.to_atom(name)
    options = %{name_domain: :longnames, dist_listen: false}

    with {:ok, _pid} <- Beam.call(beam, :net_kernel, :start, [name, options]) do
      assert Beam.call(beam, :erlang, :node, []) == name
      Beam.call(beam, :net_kernel, :stop, [])
    else
      {:error, _reason} -> :error
    end
  end

  # A name that signs is not taken without a signature.
  defp unique(name) do
    if byte_size(name) < 240, do: "#{System.unique_integer([:positive])}-#{name}", else: name
  end

  defp assert_all_accepted(right, secret, context) do
    {names, packets} = Enum.unzip(right)

    wrong =
      for {{packet, verdict}, name} <- Enum.zip(tried(packets, secret, context), names),
          verdict != {:node, name} or differs?(packet, secret, verdict),
          do: packet

    assert wrong == [], explain(wrong, secret)
  end

  defp differs?(packet, secret, {:node, name}) do
    case ReferencePeer.decode(packet, secret) do
      {:ok, node} -> Atom.to_string(node) != name
      {:error, _} -> true
    end
  end

  defp explain(packets, secret) do
    shown = for packet <- Enum.take(packets, 5), do: [Base.encode16(packet), ?\n]
    "#{length(packets)} differ, of secret #{inspect(secret)}, the first of them:\n#{shown}"
  end

  defp tried(packets, secret, context), do: Enum.zip(packets, verdicts(packets, secret, context))

  # In a process of its own, where a reader that dies is seen, and the same that `cargo test` built.
  defp verdicts(packets, secret, %{tmp_dir: folder}) do
    file = Path.join(folder, "packets.hex")
    File.write!(file, Enum.map(packets, &[Base.encode16(&1), ?\n]))
    decode = ~s(cargo run --quiet --locked --package native_gossip_core --example decode -- "$@")
    arguments = if secret, do: ["--secret", secret], else: []

    {lines, 0} = System.cmd("sh", ["-c", decode <> ~s( <"$0"), file | arguments])
    verdicts = lines |> String.split("\n", trim: true) |> Enum.map(&verdict/1)
    assert length(verdicts) == length(packets)
    verdicts
  end

  defp verdict("node " <> name), do: {:node, name}
  defp verdict("reject " <> cause), do: {:reject, cause}

  defp batches(0), do: []
  defp batches(cases), do: [min(cases, @batch) | batches(cases - min(cases, @batch))]

  # Who asked for a number wants to read what became of it.
  defp report(line) do
    if System.get_env("DIFFERENTIAL_CASES") || System.get_env("DIFFERENTIAL_NAMES"),
      do: IO.puts("\n" <> line)
  end
end
