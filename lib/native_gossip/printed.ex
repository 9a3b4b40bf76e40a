# What is a text for people is printed as it, by IO.puts/1 and by IEx.

defimpl String.Chars, for: [NativeGossip.ClusterMap, NativeGossip.Doctor.Report] do
  def to_string(%module{} = report), do: module.text(report)
end

defimpl Inspect, for: [NativeGossip.ClusterMap, NativeGossip.Doctor.Report] do
  import Inspect.Algebra

  # A line each: what is broken elsewhere is hard to read.
  def inspect(%module{} = report, _options) do
    report
    |> module.text()
    |> String.split("\n")
    |> Enum.intersperse(line())
    |> concat()
  end
end
