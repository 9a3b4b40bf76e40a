defmodule NativeGossip.Faults.KeysTest do
  @moduledoc """
  The keys that are derived from a secret are in no memory of the VM after its loop has been freed.

  They are computed here by another implementation, and the VM is another operating system process.
  """
  use ExUnit.Case, async: false

  alias NativeGossip.Dev.{Await, Beam, FreePort, Inside}
  alias NativeGossip.Native
  alias NativeGossip.Test.{Memory, SignedHeartbeat, Topology}

  @moduletag timeout: 300_000
  @moduletag skip: if(:os.type() != {:unix, :linux}, do: "/proc is Linux's")

  @secrets ["the first secret of this test", "the second secret of this test"]
  @cluster "blue"

  setup do
    %{beam: Beam.start_link(), port: FreePort.udp()}
  end

  for {what, ending} <- [{"stopped", :stop}, {"killed in the middle of its work", :kill}] do
    test "a topology that was #{what} leaves no key in memory", %{beam: beam, port: port} do
      :ok = Beam.call(beam, Inside, :become, [:"n@127.0.0.1"])
      options = [secret: @secrets, cluster: @cluster, heartbeat_interval: 20]
      topology = [lan: Topology.spec(port, options)]

      for _run <- 1..3 do
        :ok = Beam.call(beam, Inside, :start_cluster, [topology])
        hear(beam, port)

        # While it runs a key can be found, where the processor takes it as it is: the look is a look.
        assert alive(beam) > 0 or not aes_in_hardware?()
        finish(beam, unquote(ending))

        Await.until(
          "the loop is freed",
          fn -> Beam.call(beam, Native, :loops, []) end,
          &(&1 == 0)
        )

        found = for {key, count} <- Memory.count(beam.os_pid, keys()), count > 0, do: key
        assert found == [], "#{length(found)} of #{length(keys())} keys are there"
      end
    end
  end

  # Heartbeats of every form and secret are opened and verified.
  defp hear(beam, port) do
    counters = fn -> Beam.call(beam, Inside, :counters, [:lan]) end
    Await.until("it hears itself", counters, &(&1.echoed > 0))
    {:ok, socket} = :gen_udp.open(0, [:binary])

    for {secret, place} <- Enum.with_index(@secrets), seal <- [true, false] do
      heartbeat = %SignedHeartbeat{name: "n#{place}-#{seal}@127.0.0.2", cluster: @cluster}
      packet = SignedHeartbeat.encode(heartbeat, secret, seal: seal)
      :ok = :gen_udp.send(socket, {127, 0, 0, 1}, port, packet)
    end

    :gen_udp.close(socket)

    Await.until(
      "it hears and sends",
      counters,
      &(&1.accepted == 4 and &1.sent > 50 and &1.echoed > 50)
    )
  end

  defp alive(beam), do: beam.os_pid |> Memory.count(keys()) |> Map.values() |> Enum.sum()

  defp aes_in_hardware?, do: File.read!("/proc/cpuinfo") =~ ~r/^flags\s.* aes /m

  defp finish(beam, :stop), do: Beam.call(beam, Inside, :stop_cluster, [])

  defp finish(beam, :kill) do
    supervisor = Beam.call(beam, Process, :whereis, [Inside])
    loop = Beam.call(beam, :sys, :get_state, [Beam.call(beam, Inside, :strategy, [:lan])]).loop
    # Without its supervisor it does not start again.
    Beam.call(beam, Process, :exit, [supervisor, :kill])
    Beam.call(beam, Process, :exit, [loop, :kill])
  end

  # Those of the seal and of the MAC, and what HKDF and HMAC make on the way to them.
  defp keys do
    Enum.flat_map(@secrets, fn secret ->
      key = SignedHeartbeat.mac_key(secret, @cluster)
      extracted = :crypto.mac(:hmac, :sha256, "native_gossip", secret)
      padded = for pad <- [0x36, 0x5C], do: :crypto.exor(key, :binary.copy(<<pad>>, 32))
      [SignedHeartbeat.seal_key(secret), key, extracted | padded]
    end)
  end
end
