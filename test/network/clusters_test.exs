defmodule NativeGossip.Network.ClustersTest do
  @moduledoc """
  Proves what the simulation cannot: real nodes in one group stay apart by their labels, or by their secrets, and
  one that leaves is dialled by nobody.
  """
  use NativeGossip.Test.LanCase

  alias NativeGossip.Dev.{Await, Beam, Inside, Mesh}
  alias NativeGossip.Test.Lan

  @secret "one secret of all clusters"

  test "two clusters with labels on one group and one secret stay apart", %{network: network} do
    beams = Lan.beams(network, 1..4)
    {blue, green} = Enum.split(beams, 2)
    Enum.each(blue, &Lan.join(&1, secret: @secret, cluster: "blue"))
    Enum.each(green, &Lan.join(&1, secret: @secret, cluster: "green"))
    Mesh.await(blue)
    Mesh.await(green)

    for beam <- beams do
      counters = fn -> Lan.counters(beam) end
      counts = Await.until("it hears the other cluster", counters, &(&1.cluster >= 20))
      assert %{signature: 0, undecryptable: 0, announced: announced} = counts
      assert announced <= 1
    end

    assert Mesh.full?(Mesh.seen(blue)) and Mesh.full?(Mesh.seen(green))

    strangers =
      for {:info, line} <- Enum.flat_map(beams, &Beam.logs/1),
          line =~ "refused as cluster",
          do: line

    assert length(strangers) == 4
  end

  test "two clusters with different secrets in one group stay apart", %{network: network} do
    beams = Lan.beams(network, 1..4)
    {blue, red} = Enum.split(beams, 2)
    Enum.each(blue, &Lan.join(&1, secret: "blue"))
    Enum.each(red, &Lan.join(&1, secret: "red"))
    apart = Map.merge(Mesh.await(blue), Mesh.await(red))

    for beam <- beams do
      counters = fn -> Lan.counters(beam) end
      Await.until("it hears the other cluster", counters, &(&1.undecryptable >= 10))
    end

    assert Mesh.seen(beams) == apart
  end

  test "a node that was drained is dialled by nobody, until it starts again", %{network: network} do
    [leaving | others] = beams = Lan.beams(network, 1..3)
    Enum.each(beams, &Lan.join(&1, secret: @secret))
    Mesh.await(beams)
    :ok = Beam.call(leaving, NativeGossip, :drain, [:lan])

    # Four heartbeats within a second say so. Nobody is disconnected.
    Await.until(
      "it is silent while the others send",
      fn -> sent_meanwhile(leaving) end,
      &(&1 == 0)
    )

    assert Mesh.full?(Mesh.seen(beams))

    # Three heartbeats of each other node come while the two hear nothing of it, and dial nobody.
    for beam <- others, do: Beam.call(leaving, Node, :disconnect, [beam.name])
    Mesh.await(others)
    announced = fn -> Enum.map(beams, &Lan.counters(&1).announced) end
    before = announced.()
    heard = Lan.counters(leaving).accepted

    Await.until(
      "it hears the others",
      fn -> Lan.counters(leaving) end,
      &(&1.accepted > heard + 20)
    )

    assert announced.() == before
    assert Beam.connected(leaving) == []

    Beam.call(leaving, Inside, :stop_cluster, [])
    Lan.join(leaving, secret: @secret)
    Mesh.await(beams)
  end

  # How many heartbeats a node sends until it has heard four more of the others, which takes seconds.
  defp sent_meanwhile(beam) do
    before = Lan.counters(beam)

    later =
      Await.until(
        "four are heard",
        fn -> Lan.counters(beam) end,
        &(&1.accepted >= before.accepted + 4)
      )

    later.sent - before.sent
  end
end
