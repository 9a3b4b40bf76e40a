defmodule NativeGossip.Doctor.Config do
  @moduledoc """
  Which topology is meant, and its options: those of `config :libcluster, topologies: …`, where an application
  may or may not have them.
  """

  # What a topology is called that has no configuration.
  @unnamed :default

  @doc """
  The name of the topology and its `config`, with these options instead of those of the same name there.

  Raises `ArgumentError` where there is no such topology, or where one has to be named.
  """
  @spec of(topology :: atom, keyword) :: {atom, keyword}
  def of(topology, more) do
    {name, config} = find(topology, topologies())
    # What is no keyword list `NativeGossip.Options.validate!/2` refuses.
    {name, if(Keyword.keyword?(config), do: Keyword.merge(config, more), else: config)}
  end

  defp find(nil, []), do: {@unnamed, []}
  defp find(nil, [{name, spec}]), do: {name, spec[:config] || []}

  defp find(nil, [{name, _} | _] = several) do
    raise ArgumentError,
          "there are several topologies (#{names(several)}), so one has to be named: topology: #{inspect(name)}, or " <>
            "--topology #{name} of mix native_gossip.doctor"
  end

  defp find(name, topologies) do
    case List.keyfind(topologies, name, 0) do
      {name, spec} ->
        {name, spec[:config] || []}

      nil ->
        raise ArgumentError,
              "config :libcluster has no topology #{inspect(name)} with NativeGossip.Strategy. " <>
                "Those that it has: #{names(topologies)}. Options can be given instead"
    end
  end

  defp topologies do
    configured = Application.get_env(:libcluster, :topologies) || []

    if Keyword.keyword?(configured),
      do: for({_, spec} = one <- configured, ours?(spec), do: one),
      else: []
  end

  defp ours?(spec), do: Keyword.keyword?(spec) and spec[:strategy] == NativeGossip.Strategy

  defp names([]), do: "none"
  defp names(topologies), do: Enum.map_join(topologies, ", ", fn {name, _} -> inspect(name) end)
end
