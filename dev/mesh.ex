defmodule NativeGossip.Dev.Mesh do
  @moduledoc """
  Who is connected to whom, among several nodes.
  """
  alias NativeGossip.Dev.{Await, Beam}

  @type t :: %{node => [node]}

  @doc "What each node itself says it is connected to."
  @spec seen([Beam.t()]) :: t
  def seen(beams), do: Map.new(beams, &{Beam.call(&1, Node, :self, []), Beam.connected(&1)})

  @doc "True where every node is connected to exactly the others."
  @spec full?(t) :: boolean
  def full?(mesh) do
    names = mesh |> Map.keys() |> Enum.sort()
    Enum.all?(mesh, fn {name, connected} -> connected == List.delete(names, name) end)
  end

  @doc "Waits until these nodes are a full mesh; options as in `NativeGossip.Dev.Await.until/4`."
  @spec await([Beam.t()], keyword) :: t
  def await(beams, options \\ []) do
    Await.until("the nodes are a full mesh", fn -> seen(beams) end, &full?/1, options)
  end

  @doc "Waits until none of these nodes is connected to anybody."
  @spec await_none([Beam.t()]) :: t
  def await_none(beams) do
    none? = fn mesh -> Enum.all?(mesh, fn {_, connected} -> connected == [] end) end
    Await.until("nobody is connected", fn -> seen(beams) end, none?)
  end
end
