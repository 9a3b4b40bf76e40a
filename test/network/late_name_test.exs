defmodule NativeGossip.Network.LateNameTest do
  @moduledoc """
  Proves what the simulation cannot: the name that `Node.start/1` gives a running BEAM reaches
  the loop inside its NIF.
  """
  use NativeGossip.Test.LanCase

  alias NativeGossip.Dev.{Await, Beam, Mesh}
  alias NativeGossip.Test.Lan

  test "a node without a name is silent and after a while says so once; it joins when it gets one",
       %{network: network} do
    [early] = Lan.beams(network, [1])
    late_host = Lan.host(network, 2)
    late = Lan.beam(late_host, name: nil)
    Lan.join(late, heartbeat_interval: 50)
    Lan.join(early, heartbeat_interval: 50)

    # It has had the time in which the other one sent forty: so its silence is no delay.
    Await.until(
      "the nameless node hears",
      fn -> Lan.counters(late) end,
      &(&1.received >= 40)
    )

    assert %{sent: 0, announced: 0} = Lan.counters(late)
    assert %{accepted: 0, name: 0, malformed: 0} = Lan.counters(early)
    Await.until("it says that it is not alive", fn -> reports(late) end, &match?([_], &1))

    name = String.to_atom(Lan.full_name(late_host, "n2"))
    assert {:ok, _} = Beam.call(late, Node, :start, [name])

    Mesh.await([early, late])
    assert [_] = reports(late)
  end

  defp reports(beam) do
    for {:warning, "[libcluster:lan]" <> _ = line} <- Beam.logs(beam), line =~ "alive", do: line
  end
end
