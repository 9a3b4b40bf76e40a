defmodule NativeGossip.Network.TrustRoadTest do
  @moduledoc """
  Proves what the simulation cannot: real nodes, restarted one by one with another config, are one mesh after each
  restart, and nobody but the one that restarts is disconnected.

  With the real libcluster the cluster has stock nodes at first, else nodes without a secret; a witness reads each
  packet as a stock node would.
  """
  use NativeGossip.Test.LanCase

  alias NativeGossip.Dev.{Await, Beam, Encounters, Mesh}
  alias NativeGossip.Test.{Elapsed, Lan, Witness}

  @moduletag timeout: 1_800_000

  @secret "a secret for the whole road"
  @old "the old secret of five nodes"
  @new "the new secret of five nodes"

  @counted [:sent, :received, :accepted, :accepted_unsigned, :copied, :announced, :echoed]

  test "plain, signed, required, sealed: each node walks the road, and nobody is lost", %{
    network: network
  } do
    hosts = Enum.map(1..4, &Lan.host(network, &1))
    witness = witness(network, [@secret])
    plain = {Lan.stock_or_ours(), []}
    ours = NativeGossip.Strategy

    # Two of them are stock nodes, where there are any.
    beams =
      hosts |> Enum.zip([plain, plain, {ours, []}, {ours, []}]) |> Enum.map(&start/1) |> Map.new()

    Mesh.await(Map.values(beams))
    _ = seen(witness)

    signed = [secret: @secret, seal: false]
    required = [authentication: :required] ++ signed
    sealed = [secret: @secret, authentication: :required]

    beams = walk(hosts, beams, {ours, signed}, "signed")
    await_readiness(beams, %{unsigned: 0, signed: [3]})
    # No packet that a stock node does not read, while there was one.
    assert Enum.all?(seen(witness), fn {{stock_reads?, _, _}, _} -> stock_reads? end)

    beams = walk(hosts, beams, {ours, required}, "required")

    assert Enum.all?(seen(witness), fn {{stock_reads?, form, by}, _} ->
             {stock_reads?, form, by} == {true, :plain, 0}
           end)

    beams = walk(hosts, beams, {ours, sealed}, "sealed")
    await_readiness(beams, %{unsigned: 0, signed: [3]})
    _ = seen(witness)
    Await.until("they send", fn -> seen(witness) end, &(map_size(&1) > 0))
    assert Enum.all?(seen(witness), fn {seen, _} -> seen == {false, :sealed, 0} end)
  end

  test "five nodes change their key in three rounds, and nobody is lost", %{network: network} do
    hosts = Enum.map(1..5, &Lan.host(network, &1))
    config = &{NativeGossip.Strategy, [secret: &1, authentication: :required]}
    beams = hosts |> Enum.map(&start({&1, config.([@old])})) |> Map.new()
    Mesh.await(Map.values(beams))

    beams = walk(hosts, beams, config.([@old, @new]), "old, new")
    await_readiness(beams, %{unsigned: 0, signed: [4, 0]})
    beams = walk(hosts, beams, config.([@new, @old]), "new, old")
    await_readiness(beams, %{unsigned: 0, signed: [4, 0]})
    beams = walk(hosts, beams, config.([@new]), "new")
    await_readiness(beams, %{unsigned: 0, signed: [4]})
  end

  # One after the other is stopped and started again; after each they are one mesh.
  defp walk(hosts, beams, what, name) do
    Elapsed.told("#{length(hosts)} nodes are #{name}", fn ->
      Enum.reduce(hosts, beams, fn host, beams -> restart(host, beams, what) end)
    end)
  end

  defp restart(host, beams, what) do
    {stopped, others} = Map.pop!(beams, host.number)
    others = Map.values(others)
    _ = Beam.call_all(others, Encounters, :start, [])
    Beam.stop(stopped)
    {_, started} = start({host, what})
    beams = Map.put(beams, host.number, started)
    Mesh.await(Map.values(beams), within: 30_000)

    # The one that restarted is lost and found, and nobody else.
    _ = Beam.call_all(others, Encounters, :fetch, [1])

    for notes <- Beam.call_all(others, Encounters, :stop, []) do
      assert [{:lost, name, _}, {:found, name, _}] = notes
      assert name == stopped.name
    end

    for {_, beam} <- beams, do: assert(refused(beam) == %{}, inspect(beam.name))
    beams
  end

  defp start({host, {strategy, config}}) do
    beam = Lan.beam(host)
    Lan.join(beam, config, strategy)
    {host.number, beam}
  end

  # A stock node counts nothing.
  defp refused(beam) do
    case Beam.call(beam, NativeGossip, :topologies, []) do
      [lan: _] ->
        for {cause, n} <- Lan.counters(beam),
            n > 0,
            cause not in @counted,
            into: %{},
            do: {cause, n}

      [] ->
        %{}
    end
  end

  defp await_readiness(beams, expected) do
    read = fn ->
      beams |> Map.values() |> Beam.call_all(NativeGossip, :readiness, [:lan]) |> Enum.uniq()
    end

    Await.until("readiness is #{inspect(expected)}", read, &(&1 == [expected]))
  end

  # A host of its own, on which no other node runs.
  defp witness(network, secrets) do
    host = Lan.host(network, 9)
    beam = Lan.beam(host)
    {:ok, address} = host.address |> to_charlist() |> :inet.parse_address()
    :ok = Beam.call(beam, Witness, :start, [[port: 45_892, interface: address, secrets: secrets]])
    beam
  end

  defp seen(witness), do: Beam.call(witness, Witness, :take, [])
end
