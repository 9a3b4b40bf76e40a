defmodule NativeGossip.Demo do
  @moduledoc """
  What `bin/demo` runs: nodes on this machine find each other, one goes and comes back.

  The topologies are those of `config/config.exs`. The nodes are started with `-connect_all false`: a
  node connects to whom its strategy tells it, and never because a third node knows both.
  """
  alias NativeGossip.Demo.Screen
  alias NativeGossip.Dev.{Beam, Encounters, Epmd, Inside, Mesh}

  @host "127.0.0.1"
  @within_ms 30_000

  @spec main(nodes: 2..16, look: Screen.look()) :: no_return
  def main(nodes: count, look: look) do
    # By itself a VM that is told to terminate says that all went well.
    {:ok, _} = System.trap_signal(:sigterm, &terminate/0)
    topologies = Application.get_env(:libcluster, :topologies, [])
    Screen.title(look, "native_gossip: #{count} nodes on this machine\n")
    facts(look, topologies)
    status = if run(count, look, topologies), do: 0, else: 1
    System.halt(status)
  end

  @spec terminate :: no_return
  defp terminate, do: System.halt(143)

  defp facts(look, topologies) do
    Screen.fact(look, "libcluster", libcluster())
    Screen.fact(look, "runtime", "Elixir #{System.version()}, OTP #{System.otp_release()}")

    for {name, spec} <- topologies do
      Screen.fact(look, "topology", "#{name}: #{inspect(spec[:strategy])}")
      Screen.fact(look, "", options(spec[:config] || []))
    end

    Screen.fact(
      look,
      "times",
      "from the moment at which the strategies of both nodes were running"
    )
  end

  # Which libcluster a build took is Mix's decision, so Mix is asked.
  defp libcluster do
    :ok = Application.ensure_loaded(:libcluster)
    path = Path.relative_to_cwd(Mix.Project.deps_paths()[:libcluster])
    from = if path =~ "stand_ins", do: "the stand-in in #{path}", else: "from #{path}"
    "#{Application.spec(:libcluster, :vsn)}, #{from}"
  end

  defp options(config) do
    Enum.map_join(config, ", ", fn
      {:secret, _} -> "with a secret"
      {name, value} -> "#{name} #{show(value)}"
    end)
  end

  defp show(value) when is_binary(value), do: value
  defp show(value), do: inspect(value)

  defp run(_count, look, []) do
    Screen.failure(look, "config/config.exs configures no topologies for :libcluster.")
    false
  end

  defp run(count, look, topologies) do
    epmd = Epmd.start_link(address: @host)
    cookie = Base.encode16(:crypto.strong_rand_bytes(16))
    demo = %{look: look, topologies: topologies, epmd: epmd, cookie: cookie, started: %{}}
    names = Enum.map(1..count, &"n#{&1}")

    beams = Enum.map(names, &boot(demo, &1))
    found = for one <- beams, other <- beams, one != other, do: {:found, one.name, other.name}
    Screen.step(look, "Start #{Enum.join(names, ", ")}")
    demo = Enum.reduce(beams, demo, &join(&2, &1))

    with {:ok, demo} <- follow(demo, found, "full mesh"),
         {rest, [last]} = Enum.split(beams, -1),
         {:ok, demo} <- leave(demo, last, rest),
         {:ok, demo, beams} <- come_back(demo, last, rest) do
      finish(demo, beams)
    else
      {:error, missing} -> explain(demo, beams, missing)
    end
  rescue
    # A wrong option, most likely: whoever edited it wants the sentence, not the stack.
    error in [RuntimeError] ->
      Screen.failure(look, Exception.message(error))
      false
  end

  defp leave(demo, last, rest) do
    Screen.step(demo.look, "Stop #{Screen.short(last.name)}")
    demo = put_in(demo.started[last.name], Encounters.now())
    Beam.stop(last)
    follow(demo, Enum.map(rest, &{:lost, &1.name, last.name}), "gone from all")
  end

  defp come_back(demo, last, rest) do
    name = Screen.short(last.name)
    again = boot(demo, name)
    Screen.step(demo.look, "Start #{name} again")
    demo = join(demo, again)
    pairs = Enum.flat_map(rest, &[{&1.name, last.name}, {last.name, &1.name}])
    found = Enum.map(pairs, fn {one, other} -> {:found, one, other} end)
    with {:ok, demo} <- follow(demo, found, "full mesh"), do: {:ok, demo, rest ++ [again]}
  end

  defp boot(demo, name) do
    beam =
      Beam.start_link(
        name: name <> "@" <> @host,
        cookie: demo.cookie,
        epmd_port: demo.epmd.port,
        args: ~w(-connect_all false -kernel inet_dist_use_interface {127,0,0,1})
      )

    :ok = Beam.call(beam, Encounters, :start, [])
    report(beam, self(), 0)
    beam
  end

  # One process a node, that waits for its next encounter; it ends when the node does.
  defp report(beam, demo, index) do
    spawn(fn -> report_from(beam, demo, index) end)
  end

  defp report_from(beam, demo, index) do
    {what, whom, at} = Beam.call(beam, Encounters, :fetch, [index], :infinity)
    send(demo, {:encounter, what, beam.name, whom, at})
    report_from(beam, demo, index + 1)
  catch
    :exit, _ -> :ok
  end

  defp join(demo, beam) do
    demo = put_in(demo.started[beam.name], Encounters.now())
    :ok = Beam.call(beam, Inside, :start_cluster, [demo.topologies])
    demo
  end

  # A time counts from the moment at which the strategies of both nodes were running, or from
  # that at which the node was stopped: whichever of the two was the last to change.
  defp follow(demo, expected, milestone) do
    timer = Process.send_after(self(), :late, @within_ms)
    result = follow(demo, MapSet.new(expected), milestone, 0)
    _ = Process.cancel_timer(timer)
    result
  end

  defp follow(demo, missing, milestone, latest) do
    receive do
      {:encounter, what, who, whom, at} ->
        ms = at - max(demo.started[who], demo.started[whom])
        Screen.encounter(demo.look, what, ms, Screen.short(who), Screen.short(whom))
        missing = MapSet.delete(missing, {what, who, whom})
        latest = max(latest, ms)

        if MapSet.size(missing) > 0 do
          follow(demo, missing, milestone, latest)
        else
          Screen.milestone(demo.look, latest, milestone)
          {:ok, demo}
        end

      :late ->
        {:error, MapSet.to_list(missing)}
    end
  end

  defp finish(demo, beams) do
    mesh = Mesh.seen(beams)
    Screen.table(demo.look, mesh)
    end_all(demo, beams)

    if Mesh.full?(mesh),
      do: Screen.success(demo.look, "A full mesh: every node found every other one."),
      else: Screen.failure(demo.look, "not every node is connected to every other one any more.")

    Mesh.full?(mesh)
  end

  defp explain(demo, beams, missing) do
    beams = Enum.filter(beams, &Process.alive?(&1.peer))
    Screen.table(demo.look, Mesh.seen(beams))
    Screen.failure(demo.look, "after #{div(@within_ms, 1000)} s there is still missing:")

    for {what, who, whom} <- missing do
      IO.puts("  #{Screen.short(who)} has not #{what} #{Screen.short(whom)}")
    end

    for beam <- beams, {level, line} <- Beam.logs(beam), level in [:warning, :error] do
      IO.puts("  #{Screen.short(beam.name)} says: #{line}")
    end

    IO.puts(
      "\nThe nodes must hear each other's packets: see port, multicast_addr and multicast_if"
    )

    IO.puts("in config/config.exs, and whether a firewall drops UDP on that interface.")
    end_all(demo, beams)
    false
  end

  defp end_all(demo, beams) do
    Enum.each(beams, &Beam.stop/1)
    Epmd.stop(demo.epmd)
  end
end
