defmodule NativeGossip.Probe.Bounded do
  @moduledoc """
  Calls a function that may take long, raise, or never return.
  """

  # A function without arguments is written in two ways, by the formatters of different Elixirs.
  @dialyzer {:no_underspecs, [call: 2, attempt: 1]}

  @doc """
  Calls the function in a process of its own, which is killed after `patience` ms. Leaves no message behind.
  """
  @spec call((... -> value), patience :: non_neg_integer) :: {:ok, value} | {:error, term}
        when value: term
  def call(function, patience) do
    caller = self()
    answer = make_ref()
    {pid, monitor} = spawn_monitor(fn -> send(caller, {answer, attempt(function)}) end)

    receive do
      {^answer, outcome} ->
        true = Process.demonitor(monitor, [:flush])
        outcome

      {:DOWN, ^monitor, :process, ^pid, reason} ->
        {:error, reason}
    after
      patience ->
        Process.exit(pid, :kill)
        flush(answer, monitor)
        {:error, :timeout}
    end
  end

  # An answer that came late stands before the end of its process.
  defp flush(answer, monitor) do
    receive do
      {:DOWN, ^monitor, :process, _pid, _reason} -> :ok
    end

    receive do
      {^answer, _late} -> :ok
    after
      0 -> :ok
    end
  end

  @doc "Calls the function in this process, and makes an error of what it raises, throws or exits with."
  @spec attempt((... -> value)) :: {:ok, value} | {:error, term} when value: term
  def attempt(function) do
    {:ok, function.()}
  rescue
    error -> {:error, error}
  catch
    _kind, reason -> {:error, reason}
  end
end
