defmodule NativeGossip.Probe.Bounded do
  @moduledoc """
  Calls a function that may take long, raise, or never return.
  """

  @doc """
  Calls the function in a process of its own, which is killed after `patience` ms. Leaves no message behind.
  """
  @spec call((() -> value), patience :: non_neg_integer) :: {:ok, value} | {:error, term}
        when value: term
  def call(function, patience) do
    # Its end carries the value. What it raises is no line of the log: exit/1 of a plain process is not.
    {pid, monitor} = spawn_monitor(fn -> exit({__MODULE__, attempt(function)}) end)

    receive do
      {:DOWN, ^monitor, :process, ^pid, {__MODULE__, outcome}} -> outcome
      {:DOWN, ^monitor, :process, ^pid, reason} -> {:error, reason}
    after
      patience ->
        Process.exit(pid, :kill)
        Process.demonitor(monitor, [:flush])
        {:error, :timeout}
    end
  end

  @doc "Calls the function in this process, and makes an error of what it raises, throws or exits with."
  @spec attempt((() -> value)) :: {:ok, value} | {:error, term} when value: term
  def attempt(function) do
    {:ok, function.()}
  rescue
    error -> {:error, error}
  catch
    _kind, reason -> {:error, reason}
  end
end
