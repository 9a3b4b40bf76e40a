defmodule NativeGossip.UpgradeTest do
  @moduledoc """
  A node goes to another version of this application while it runs: by `native_gossip.appup`, as Erlang's
  `release_handler` reads it.
  """
  use ExUnit.Case

  alias Mix.NativeGossip.Appup
  alias NativeGossip.Dev.{Beam, Encounters, Epmd, FreePort, Inside, Mesh}
  alias NativeGossip.{Native, Upgrade}

  @moduletag :capture_log

  @version "99.0.0"

  @tag :tmp_dir
  test "whoever is connected stays connected, and the node finds others afterwards", %{
    tmp_dir: folder
  } do
    epmd = Epmd.start_link(address: "127.0.0.1")
    port = FreePort.udp()
    [upgraded, peer] = for n <- 1..2, do: start(n, epmd, port)
    Mesh.await([upgraded, peer])
    Enum.each([upgraded, peer], &Beam.call(&1, Encounters, :start, []))

    newer = newer_version(folder)
    before = Beam.call(upgraded, Inside, :strategy, [:lan])
    talk = Task.async(fn -> talk(upgraded, peer) end)
    upgrade = [:native_gossip, to_charlist(newer)]
    assert {:ok, []} = Beam.call(upgraded, :release_handler, :upgrade_app, upgrade)
    send(talk.pid, :enough)

    assert Beam.call(upgraded, Application, :spec, [:native_gossip, :vsn]) ==
             to_charlist(@version)

    assert upgraded
           |> Beam.call(:code, :which, [Native])
           |> to_string()
           |> String.starts_with?(newer)

    # The one of before stays: Linux unmaps none of which a thread that lives on has used something.
    assert Enum.any?(libraries(upgraded), &String.starts_with?(&1, newer))
    refute Beam.call(upgraded, Inside, :strategy, [:lan]) in [before, nil]

    # It finds a node that starts now.
    late = start(3, epmd, port)
    Mesh.await([upgraded, peer, late])

    assert Task.await(talk) > 0

    for beam <- [upgraded, peer] do
      lost = for {:lost, _, _} = note <- Beam.call(beam, Encounters, :stop, []), do: note
      assert lost == []
      assert for({:error, line} <- Beam.logs(beam), do: line) == []
    end
  end

  test "a strategy that nobody could start again is not stopped" do
    config = [port: FreePort.udp(), multicast_if: "127.0.0.1"]
    state = %Cluster.Strategy.State{topology: :alone, config: config}
    {:ok, strategy} = NativeGossip.Strategy.start_link([state])

    assert_raise ArgumentError,
                 ~r/:alone was not started by a Supervisor/,
                 &Upgrade.stop_topologies/0

    assert Process.alive?(strategy)
    :ok = GenServer.stop(strategy)
  end

  defp start(n, epmd, port) do
    args = ["-connect_all", "false"]
    beam = Beam.start_link(name: "n#{n}@127.0.0.1", epmd_port: epmd.port, args: args)

    config = [
      port: port,
      multicast_if: "127.0.0.1",
      secret: "of the upgrade's test, and of nothing else"
    ]

    topology = [strategy: NativeGossip.Strategy, config: config]
    :ok = Beam.call(beam, Inside, :start_cluster, [[lan: topology]])
    beam
  end

  # The same modules and the same library, with another version, elsewhere.
  defp newer_version(folder) do
    newer = Path.join(Path.expand(folder), "native_gossip-#{@version}")

    for part <- ["ebin", "priv"], reduce: File.mkdir_p!(newer) do
      _ -> File.cp_r!(Application.app_dir(:native_gossip, part), Path.join(newer, part))
    end

    specification = Path.join(newer, "ebin/native_gossip.app")
    {:ok, [{:application, name, keys}]} = :file.consult(specification)
    keys = Keyword.put(keys, :vsn, to_charlist(@version))
    File.write!(specification, :io_lib.format("~tp.~n", [{:application, name, keys}]))
    :ok = Appup.install(@version, Path.join(newer, "ebin"))
    newer
  end

  # Messages there and back, one after the other: how many.
  defp talk(one, other, count \\ 0) do
    assert Beam.call(one, :erpc, :call, [other.name, Node, :self, []]) == other.name

    receive do
      :enough -> count + 1
    after
      0 -> talk(one, other, count + 1)
    end
  end

  defp libraries(%{os_pid: os_pid}) do
    for line <- File.stream!("/proc/#{os_pid}/maps"), line =~ "native_gossip_nif", uniq: true do
      line |> String.split() |> List.last()
    end
  end
end
