defmodule NativeGossip.Network.SecretsTest do
  use NativeGossip.Test.LanCase

  alias NativeGossip.Dev.{Await, Mesh}
  alias NativeGossip.Test.Lan

  test "two clusters with different secrets hear each other in one group and stay apart",
       %{network: network} do
    beams = Lan.beams(network, 1..4)
    {blue, red} = Enum.split(beams, 2)
    Enum.each(blue, &Lan.join(&1, secret: "blue"))
    Enum.each(red, &Lan.join(&1, secret: "red"))

    apart = Map.merge(Mesh.await(blue), Mesh.await(red))

    for beam <- beams do
      Await.until(
        "#{beam.name} has refused the other cluster's packets",
        fn -> Lan.counters(beam) end,
        &(&1.undecryptable >= 10)
      )
    end

    assert Mesh.seen(beams) == apart
  end
end
