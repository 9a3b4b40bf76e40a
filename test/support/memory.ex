defmodule NativeGossip.Test.Memory do
  @moduledoc """
  What stands in the memory of another operating system process, read from outside: so looking for something
  does not put it there. Linux only.
  """

  @chunk 1_048_576

  @doc "How often each of these byte strings stands in what the process can write to."
  @spec count(os_pid :: pos_integer, [binary]) :: %{binary => non_neg_integer}
  def count(os_pid, patterns) do
    {:ok, memory} = :file.open(~c"/proc/#{os_pid}/mem", [:read, :raw, :binary])
    overlap = (patterns |> Enum.map(&byte_size/1) |> Enum.max()) - 1

    try do
      counts = for range <- ranges(os_pid), do: count(memory, range, overlap, patterns)
      Enum.reduce(counts, Map.new(patterns, &{&1, 0}), &add/2)
    after
      :file.close(memory)
    end
  end

  defp ranges(os_pid) do
    for line <- File.stream!("/proc/#{os_pid}/maps"), line =~ ~r/\A\S+ rw/ do
      [_, from, to] = Regex.run(~r/\A([0-9a-f]+)-([0-9a-f]+) /, line)
      {String.to_integer(from, 16), String.to_integer(to, 16)}
    end
  end

  defp count(_memory, {from, to}, overlap, _patterns) when to - from <= overlap, do: %{}

  # The chunks overlap, so that nothing is cut in two, and by too little for anything to be found twice.
  defp count(memory, {from, to}, overlap, patterns) do
    size = min(@chunk + overlap, to - from)

    case :file.pread(memory, from, size) do
      {:ok, bytes} ->
        found = Map.new(patterns, &{&1, length(:binary.matches(bytes, &1))})
        add(found, count(memory, {from + @chunk, max(to, from + @chunk)}, overlap, patterns))

      # What cannot be read holds nothing of ours.
      _ ->
        count(memory, {from + @chunk, max(to, from + @chunk)}, overlap, patterns)
    end
  end

  defp add(one, other), do: Map.merge(one, other, fn _, a, b -> a + b end)
end
