defmodule NativeGossip.UpgradeTest do
  @moduledoc """
  A node goes to another version of this application while it runs: by `native_gossip.appup`, as Erlang's
  `release_handler` reads it.
  """
  use ExUnit.Case

  alias Mix.NativeGossip.Appup
  alias NativeGossip.Dev.{Await, Beam, Encounters, Epmd, FreePort, Inside, Mesh}
  alias NativeGossip.{Events, Native, Upgrade}
  alias NativeGossip.Test.Topology

  @moduletag :tmp_dir

  @newer "99.0.0"
  @secret "of the upgrade's test, and of nothing else"

  setup do
    %{epmd: Epmd.start_link(address: "127.0.0.1"), ports: {FreePort.udp(), FreePort.udp()}}
  end

  test "whoever is connected stays connected, up and down, and others are found afterwards",
       context do
    [upgraded, peer] = for n <- 1..2, do: start(n, context)
    Mesh.await([upgraded, peer])
    Enum.each([upgraded, peer], &Beam.call(&1, Encounters, :start, []))
    original = upgraded |> Beam.call(:code, :lib_dir, [:native_gossip]) |> to_string()
    newer = newer_version(context.tmp_dir)

    for {version, folder} <- [{@newer, newer}, {version(upgraded), original}] do
      before = strategies(upgraded)
      talk = talk(upgraded, peer)
      assert {:ok, []} = upgrade(upgraded, folder, before: version(upgraded), to: version)
      assert answers(talk) > 0

      assert version(upgraded) == version
      assert String.starts_with?(to_string(Beam.call(upgraded, :code, :which, [Native])), folder)
      # The one of before stays mapped while threads live that used its thread-local data.
      assert Enum.any?(libraries(upgraded), &String.starts_with?(&1, folder))

      assert Enum.all?(Enum.zip(before, strategies(upgraded)), fn {old, new} ->
               new not in [old, nil]
             end)

      assert length(Beam.call(upgraded, :telemetry, :list_handlers, [[]])) ==
               length(Events.names())
    end

    late = start(3, context)
    Mesh.await([upgraded, peer, late])

    for beam <- [upgraded, peer] do
      assert for({:lost, _, _} = note <- Beam.call(beam, Encounters, :stop, []), do: note) == []
      assert for({:error, line} <- Beam.logs(beam), do: line) == []
    end
  end

  test "the point of no return comes after what may refuse", %{tmp_dir: folder} do
    :ok = Appup.install(@newer, folder)

    {:ok, [{_, [{_any, up}], [{_any_too, down}]}]} =
      :file.consult(Path.join(folder, "native_gossip.appup"))

    assert up == down
    assert [{:apply, {NativeGossip.Upgrade, :check_topologies, []}}, :point_of_no_return | _] = up
  end

  for {what, parent} <- [
        {"nobody", :nobody},
        {"a dynamic supervisor", :dynamic},
        {"a supervisor that forgets it", :temporary}
      ] do
    test "what #{what} started is not stopped, and nothing else is", context do
      beam = start(1, context)
      %{ports: {port, _}} = context
      :ok = Beam.call(beam, Topology, :start_alone, [unquote(parent), port])
      running = fn -> Beam.call(beam, NativeGossip.Topologies, :all, []) end
      all = [_, _, _] = Await.until("all run", running, &(length(&1) == 3))

      assert {:error, refusal} = upgrade(beam, newer_version(context.tmp_dir), to: @newer)
      assert inspect(refusal) =~ "topology :alone has no Supervisor"
      assert running.() == all
      refute version(beam) == @newer
    end
  end

  test "stopped twice and started once, all run again; what ran already is no failure", context do
    beam = start(1, context)
    [lan, wan] = strategies(beam)
    Beam.call(beam, NativeGossip.Upgrade, :stop_topologies, [])
    assert strategies(beam) == [nil, nil]
    assert Beam.call(beam, Native, :loops, []) == 0
    Beam.call(beam, NativeGossip.Upgrade, :stop_topologies, [])
    {:ok, _} = Beam.call(beam, Supervisor, :restart_child, [Inside, :lan])
    Beam.call(beam, NativeGossip.Upgrade, :start_topologies, [])
    assert Enum.all?(strategies(beam), &(is_pid(&1) and &1 not in [lan, wan]))
  end

  # The version that comes refuses what the one before took.
  def start_refused_later(starts, state) do
    :counters.add(starts, 1, 1)
    wrong? = :counters.get(starts, 1) > 1
    NativeGossip.Strategy.start_link([if(wrong?, do: %{state | config: [port: 0]}, else: state)])
  end

  # It calls a function that is no more, with what may be options.
  def start_undefined_later(starts, state) do
    :counters.add(starts, 1, 1)

    if :counters.get(starts, 1) > 1,
      do: apply(NoLongerThere, :start_link, [state]),
      else: NativeGossip.Strategy.start_link([state])
  end

  test "what does not start again is told with the reason, and with what to do before the next upgrade",
       %{ports: {port, _}} do
    config = [port: port, multicast_if: "127.0.0.1", secret: @secret]
    state = %Cluster.Strategy.State{topology: :refused_later, config: config}
    start = {__MODULE__, :start_refused_later, [:counters.new(1, []), state]}
    other = %{state | topology: :undefined_later}
    undefined = {__MODULE__, :start_undefined_later, [:counters.new(1, []), other]}

    children = [
      %{id: :refused_later, start: start},
      %{id: :undefined_later, start: undefined}
    ]

    supervisor = %{
      id: :owner,
      start: {Supervisor, :start_link, [children, [strategy: :one_for_one]]}
    }

    start_supervised!(supervisor)

    :ok = Upgrade.stop_topologies()
    error = assert_raise RuntimeError, &Upgrade.start_topologies/0

    assert error.message =~
             "after an upgrade these topologies do not start again:\n:refused_later: "

    assert error.message =~
             "topology :refused_later, option :port of NativeGossip.Strategy: expected"

    assert error.message =~
             "Where an option is refused, correct it in config :libcluster, topologies: …"

    # The exception's own words, without the arguments.
    assert error.message =~
             ":undefined_later: function NoLongerThere.start_link/1 is undefined"

    refute error.message =~ @secret
  end

  defp start(n, %{epmd: epmd, ports: ports}) do
    args = ["-connect_all", "false"]
    beam = Beam.start_link(name: "n#{n}@127.0.0.1", epmd_port: epmd.port, args: args)

    topologies =
      for {name, port} <- Enum.zip([:lan, :wan], Tuple.to_list(ports)) do
        config = [port: port, multicast_if: "127.0.0.1", secret: @secret]
        {name, [strategy: NativeGossip.Strategy, config: config]}
      end

    :ok = Beam.call(beam, Inside, :start_cluster, [topologies])
    beam
  end

  defp upgrade(beam, folder, versions) do
    if versions[:before] == @newer do
      arguments = [:native_gossip, to_charlist(versions[:to]), to_charlist(folder)]
      Beam.call(beam, :release_handler, :downgrade_app, arguments)
    else
      Beam.call(beam, :release_handler, :upgrade_app, [:native_gossip, to_charlist(folder)])
    end
  end

  defp version(beam), do: to_string(Beam.call(beam, Application, :spec, [:native_gossip, :vsn]))

  defp strategies(beam),
    do: for(name <- [:lan, :wan], do: Beam.call(beam, Inside, :strategy, [name]))

  # The same modules and the same library, with another version, elsewhere.
  defp newer_version(folder) do
    newer = Path.join(Path.expand(folder), "native_gossip-#{@newer}")
    File.mkdir_p!(newer)

    for part <- ["ebin", "priv"],
        do: File.cp_r!(Application.app_dir(:native_gossip, part), Path.join(newer, part))

    specification = Path.join(newer, "ebin/native_gossip.app")
    {:ok, [{:application, name, keys}]} = :file.consult(specification)
    keys = Keyword.put(keys, :vsn, to_charlist(@newer))
    File.write!(specification, :io_lib.format("~tp.~n", [{:application, name, keys}]))
    :ok = Appup.install(@newer, Path.join(newer, "ebin"))
    newer
  end

  # Calls from one node to the other, one after the other. The first one is answered when this returns.
  defp talk(one, other) do
    test = self()

    task =
      Task.async(fn ->
        call(one, other)
        send(test, :talking)
        call_on(one, other, 0)
      end)

    receive do: (:talking -> task)
  end

  # How many were answered after the first, and before this is asked.
  defp answers(task) do
    send(task.pid, :enough)
    Task.await(task)
  end

  defp call_on(one, other, count) do
    receive do
      :enough -> count
    after
      0 ->
        call(one, other)
        call_on(one, other, count + 1)
    end
  end

  defp call(one, other),
    do: assert(Beam.call(one, :erpc, :call, [other.name, Node, :self, []]) == other.name)

  defp libraries(%{os_pid: os_pid}) do
    for line <- File.stream!("/proc/#{os_pid}/maps"), line =~ "native_gossip_nif", uniq: true do
      line |> String.split() |> List.last()
    end
  end
end
