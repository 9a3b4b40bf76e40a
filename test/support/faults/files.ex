defmodule NativeGossip.Test.Faults.Files do
  @moduledoc """
  What is left of a node's dirty IO schedulers to those who use files.
  """
  alias NativeGossip.Dev.Await

  @doc """
  Writes and reads a file `times` times; the microseconds that each of these took.
  """
  @spec measure(Path.t(), pos_integer) :: [non_neg_integer]
  def measure(folder, times) do
    path = Path.join(folder, "measured")

    for number <- 1..times do
      text = "number #{number}"

      {us, ^text} =
        :timer.tc(fn ->
          File.write!(path, text)
          File.read!(path)
        end)

      us
    end
  end

  @doc """
  Holds `count` dirty IO schedulers at once, calls `function`, lets go of them, and returns what it
  returned.

  Who opens a FIFO for reading is kept in the kernel until somebody opens it for writing.
  """
  @spec hold(Path.t(), pos_integer, module, atom, [term]) :: term
  def hold(fifo, count, module, function, arguments) do
    readers = for _ <- 1..count, do: Task.async(fn -> File.open!(fifo, [:read, :raw]) end)

    Await.until(
      "#{count} processes are in the kernel at once",
      fn -> Enum.count(readers, &held?/1) end,
      &(&1 == count)
    )

    result = apply(module, function, arguments)
    true = Enum.all?(readers, &held?/1)
    writer = File.open!(fifo, [:write, :raw])
    # A raw file closes with the process that opened it.
    _ = Task.await_many(readers)
    :ok = File.close(writer)
    result
  end

  # One that waits for its turn on a dirty scheduler is :runnable.
  defp held?(%Task{pid: pid}) do
    Process.info(pid, [:current_function, :status]) ==
      [current_function: {:prim_file, :open_nif, 2}, status: :running]
  end
end
