defmodule NativeGossip.Bench.Table do
  @moduledoc """
  What a benchmark measured: printed as rows of Markdown, and written as JSON for the plots.

  A cell is a text, a number, nil where there is nothing, or the runs of a measurement, which are shown as their
  median and all of them.
  """
  alias NativeGossip.Bench.Machine
  alias NativeGossip.Json

  @enforce_keys [:name, :title, :columns, :rows]
  defstruct [:name, :title, :columns, :rows, :note, :command]

  @type runs :: %{runs: [number]}
  @type cell :: String.t() | number | runs | nil
  @type t :: %__MODULE__{
          name: String.t(),
          title: String.t(),
          columns: [{atom, String.t()}],
          rows: [%{atom => cell}],
          note: String.t() | nil,
          command: String.t() | nil
        }

  @folder "docs/performance"

  @doc "Each run of one thing by the run of another in the same round."
  @spec ratio(runs, runs) :: runs
  def ratio(%{runs: ours}, %{runs: theirs}),
    do: %{runs: Enum.zip_with(ours, theirs, &(&1 / &2))}

  @doc """
  The median; of an even number of runs the lower of the two in the middle, which was measured.

      iex> NativeGossip.Bench.Table.median(%{runs: [3, 1, 2]})
      2
  """
  @spec median(runs) :: number
  def median(%{runs: runs}), do: percentile(runs, 50)

  @doc """
  The smallest of the values that this percentage of them does not exceed.

      iex> for percent <- [50, 99, 100], do: NativeGossip.Bench.Table.percentile([4, 1, 3, 2], percent)
      [2, 4, 4]
  """
  @spec percentile([number, ...], 1..100) :: number
  def percentile(values, percent) do
    place = ceil(length(values) * percent / 100)
    values |> Enum.sort() |> Enum.at(place - 1)
  end

  @doc "The table as it is printed."
  @spec text(t) :: String.t()
  def text(table) do
    keys = Enum.map(table.columns, &elem(&1, 0))
    titles = Enum.map(table.columns, &elem(&1, 1))
    rows = for row <- table.rows, do: for(key <- keys, do: shown(row[key]))
    lines = Enum.map_join([titles, List.duplicate("---", length(keys)) | rows], "\n", &line/1)
    note = if table.note, do: "\n#{table.note}\n", else: ""
    "\n#{table.title}\n\n#{lines}\n#{note}"
  end

  defp line(cells), do: "| " <> Enum.join(cells, " | ") <> " |"

  @doc """
  A cell as it is printed: numbers with three digits that count.

      iex> Enum.map([nil, "none", 1234, 12.345, 0.01234, 1234.5], &NativeGossip.Bench.Table.shown/1)
      ["", "none", "1234", "12.3", "0.0123", "1235"]
      iex> NativeGossip.Bench.Table.shown(%{runs: [1.5, 1.25, 2.0]})
      "1.50 (1.25 1.50 2.00)"
  """
  @spec shown(cell) :: String.t()
  def shown(nil), do: ""
  def shown(text) when is_binary(text), do: text
  def shown(integer) when is_integer(integer), do: Integer.to_string(integer)
  def shown(%{runs: [run]}), do: shown(run)

  def shown(%{runs: runs} = cell),
    do: "#{shown(median(cell))} (#{runs |> Enum.sort() |> Enum.map_join(" ", &shown/1)})"

  def shown(number) when is_float(number) do
    digits = if number == 0, do: 0, else: number |> abs() |> :math.log10() |> floor()
    :erlang.float_to_binary(number, decimals: 2 |> Kernel.-(digits) |> max(0) |> min(4))
  end

  @doc "The table as JSON, with the machine on which it was measured: a line for each row."
  @spec json(t, map) :: String.t()
  def json(table, machine) do
    head = [
      title: table.title,
      note: table.note,
      command: table.command,
      machine: machine,
      columns: for({key, title} <- table.columns, do: %{key: key, title: title})
    ]

    rows = Enum.map_join(table.rows, ",\n", &("  " <> Json.encode(encodable(&1))))
    lines = Enum.map_join(head, "", fn {key, value} -> "\"#{key}\":#{Json.encode(value)},\n" end)
    "{#{lines}\"rows\":[\n#{rows}\n]}\n"
  end

  defp encodable(row) do
    Map.new(row, fn
      {key, %{runs: runs} = cell} ->
        {key, %{median: rounded(median(cell)), runs: Enum.map(runs, &rounded/1)}}

      {key, value} ->
        {key, rounded(value)}
    end)
  end

  # No digits that nobody measured.
  defp rounded(float) when is_float(float), do: Float.round(float, 4)
  defp rounded(other), do: other

  @doc "Writes the table as JSON, and returns the file."
  @spec write(t, Path.t()) :: Path.t()
  def write(table, folder \\ @folder) do
    File.mkdir_p!(folder)
    file = Path.join(folder, table.name <> ".json")
    File.write!(file, json(table, Machine.facts()))
    file
  end
end
