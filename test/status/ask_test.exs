defmodule NativeGossip.Status.AskTest do
  @moduledoc "Who asks for a status, and whom, and what becomes of the question where nobody answers."
  use NativeGossip.Test.Judge

  alias NativeGossip.Dev.{Await, Inside}
  alias NativeGossip.Snapshot
  alias NativeGossip.Test.Topology

  @doc false
  def ask_in_handler(_event, _measurements, %{topology: topology}, test),
    do: send(test, {:asked, catch_error(NativeGossip.peers(topology))})

  describe "whoever asks" do
    test "for all topologies gets them in the order of their names", %{port: port} do
      assert NativeGossip.status() == []
      other = NativeGossip.Dev.FreePort.udp()
      topologies = [wan: Topology.spec(other), lan: Topology.spec(port)]
      start_supervised!({Cluster.Supervisor, [topologies, [name: Inside]]})
      assert [%{topology: :lan}, %{topology: :wan}] = NativeGossip.status()
    end

    test "for one that does not run is told which do", %{port: port} do
      start(port)

      for call <- [&NativeGossip.status/1, &NativeGossip.peers/1] do
        assert_raise ArgumentError, ~r/:lann is not a topology.*Those that run are: :lan\./, fn ->
          call.(:lann)
        end
      end
    end

    # A loop that nobody serves.
    defp unserved do
      test = self()

      strategy =
        spawn_link(fn ->
          options = NativeGossip.Options.validate!([], :unserved)
          loop = NativeGossip.Native.open(options, nil)
          nobody = %{loop: nil, prober: nil}
          _ = NativeGossip.Topologies.register(:unserved, loop, nobody)
          send(test, {:loop, loop})
          Process.sleep(:infinity)
        end)

      assert_receive {:loop, loop}
      {strategy, loop}
    end

    test "while the strategy ends is told so, and gets no message" do
      {strategy, _loop} = unserved()

      asking =
        Task.async(fn ->
          error = catch_error(NativeGossip.status(:unserved))
          {error, Process.info(self(), :messages)}
        end)

      # Among them is the loop, which is no process.
      asks? =
        &(is_pid(&1) and Process.info(&1, :initial_call) == {:initial_call, {Snapshot, :ask, 4}})

      monitored_by = fn ->
        Process.info(strategy, :monitored_by) |> elem(1) |> Enum.filter(asks?)
      end

      Await.until("it asks", monitored_by, &(&1 != []))
      Process.unlink(strategy)
      Process.exit(strategy, :kill)
      assert {%ArgumentError{message: message}, {:messages, []}} = Task.await(asking)
      assert message =~ "topology :unserved stopped while it was asked"
    end

    test "where 64 questions wait already is told so, and what to do" do
      {_strategy, loop} = unserved()
      for _ <- 1..64, do: assert(NativeGossip.Native.ask(loop, :status))
      error = catch_error(NativeGossip.peers(:unserved))

      assert Exception.message(error) =~
               "64 questions wait for it already. Ask again, and less often"
    end

    test "where nobody answers is told so after 5 s, and gets no message" do
      unserved()
      error = catch_error(NativeGossip.status(:unserved))

      assert Exception.message(error) =~
               "did not answer within 5 s: its loop waits for a dirty IO"

      refute_received _
    end

    # A handler runs in the loop, which would wait for itself.
    test "in a handler of telemetry is told to ask elsewhere, at once", %{port: port} do
      test = self()
      event = NativeGossip.Events.telemetry(:group_joined)

      :ok = :telemetry.attach(test, event, &__MODULE__.ask_in_handler/4, test)

      on_exit(fn -> :telemetry.detach(test) end)
      start(port)
      assert_receive {:asked, %RuntimeError{message: message}}, 4_000
      assert message =~ "was asked by its own loop"
    end

    test "with many others gets an answer, or is told to ask again", %{port: port} do
      strategy = start(port)

      answers =
        1..100
        |> Task.async_stream(
          fn _ ->
            try do
              NativeGossip.status(strategy).topology
            rescue
              error in RuntimeError -> error.message
            end
          end,
          max_concurrency: 100
        )
        |> Enum.map(fn {:ok, answer} -> answer end)

      assert :lan in answers
      for answer <- answers, answer != :lan, do: assert(answer =~ "64 questions wait")
    end
  end
end
