defmodule NativeGossip.Demo.Screen do
  @moduledoc """
  What `bin/demo` prints, with colours or plain.
  """
  alias NativeGossip.Dev.Mesh

  @type look :: :coloured | :plain

  @spec title(look, String.t()) :: :ok
  def title(look, text), do: say(look, [:bright, text])

  @doc "A fact about what is going to be run."
  @spec fact(look, String.t(), String.t()) :: :ok
  def fact(look, name, text) do
    say(look, ["  ", :faint, String.pad_trailing(name, 12), :normal, text])
  end

  @spec step(look, String.t()) :: :ok
  def step(look, text), do: say(look, ["\n", :bright, text])

  @spec encounter(look, :found | :lost, integer, String.t(), String.t()) :: :ok
  def encounter(look, what, ms, who, whom) do
    colour = if what == :found, do: :green, else: :yellow
    say(look, [time(ms), :cyan, who, :reset, " ", colour, "#{what} ", :reset, :cyan, whom])
  end

  @spec milestone(look, integer, String.t()) :: :ok
  def milestone(look, ms, text), do: say(look, [time(ms), :bright, text])

  @doc "Who says to be connected to whom: a row for each node that says it."
  @spec table(look, Mesh.t()) :: :ok
  def table(look, mesh) do
    names = mesh |> Map.keys() |> Enum.sort_by(&{String.length(short(&1)), &1})
    width = names |> Enum.map(&String.length(short(&1))) |> Enum.max() |> Kernel.+(2)
    cell = fn text -> String.pad_trailing(text, max(width, 5)) end

    step(look, "Who is connected to whom")
    say(look, [cell.(""), "  ", :cyan, Enum.map(names, &cell.(short(&1)))])

    for row <- names do
      cells =
        for column <- names do
          cond do
            row == column -> [:faint, cell.("-"), :normal]
            column in mesh[row] -> [:green, cell.("yes"), :reset]
            true -> [:red, cell.("no"), :reset]
          end
        end

      say(look, ["  ", :cyan, cell.(short(row)), :reset, cells])
    end

    :ok
  end

  @spec success(look, String.t()) :: :ok
  def success(look, text), do: say(look, ["\n", :green, :bright, text])

  @spec failure(look, String.t()) :: :ok
  def failure(look, text), do: say(look, ["\n", :red, :bright, "The demo failed: ", :reset, text])

  @doc "A node's name without its host, which is the same for all."
  @spec short(node) :: String.t()
  def short(name), do: name |> Atom.to_string() |> String.split("@") |> hd()

  defp time(ms), do: [String.pad_leading("#{ms}", 7), :faint, " ms  ", :normal]

  defp say(look, text), do: text |> IO.ANSI.format(look == :coloured) |> IO.puts()
end
