defmodule NativeGossip.Bench.Member do
  @moduledoc """
  What `NativeGossip.Bench.Formation` has done inside each of its nodes.
  """

  alias NativeGossip.Dev.{Encounters, Inside}

  @typedoc "How a node finds the others: a strategy of libcluster, or names to dial, in turn or all at once."
  @type way ::
          {:strategy, topologies :: keyword} | {:in_turn, [node]} | {:at_once, [node]}

  @doc "Loads every module of these applications, as a release does before it starts."
  @spec load([atom]) :: :ok
  def load(applications) do
    for application <- applications do
      :ok = Application.ensure_loaded(application)
      :ok = application |> Application.spec(:modules) |> :code.ensure_modules_loaded()
    end

    :ok
  end

  @doc """
  Notes from now on whom this node finds, and begins to find them at a moment of the machine's time
  (`NativeGossip.Dev.Encounters.now/0`). The moment may not have passed.
  """
  @spec begin(way, at_ms :: integer) :: :ok
  def begin(way, at_ms) do
    :ok = Encounters.start()

    starter =
      spawn(fn ->
        at_ms |> Kernel.-(Encounters.now()) |> Process.sleep()
        find(way)
      end)

    Process.register(starter, __MODULE__)
    if Encounters.now() >= at_ms, do: raise("told to begin after the moment to begin")
    :ok
  end

  defp find({:strategy, topologies}), do: Inside.start_cluster(topologies)
  defp find({:in_turn, names}), do: Enum.each(names, &Node.connect/1)

  defp find({:at_once, names}),
    do: names |> Enum.map(&Task.async(Node, :connect, [&1])) |> Task.await_many(:infinity)

  @doc """
  Ends what `begin/2` began: nobody is looked for any more. Returns when each node was found.
  """
  @spec finish(way) :: [{node, at_ms :: integer}]
  def finish(way) do
    reference = Process.monitor(__MODULE__)

    receive do
      {:DOWN, ^reference, :process, _, _} -> :ok
    end

    with {:strategy, _} <- way, do: :ok = Inside.stop_cluster()
    for {:found, name, at} <- Encounters.stop(), do: {name, at}
  end

  @doc "Ends every connection from this side."
  @spec leave() :: :ok
  def leave, do: Enum.each(Node.list(), &Node.disconnect/1)
end
