defmodule NativeGossip.Events.Log do
  @moduledoc """
  The log: one handler of the events' telemetry. It is attached when the application `native_gossip` starts.

  A handler that fails is detached by telemetry for good, with all of its events: then nothing at all would be
  logged any more. So this one cannot fail. An event without a sentence is logged as a term, and a line that
  cannot be logged is left out.
  """

  import Cluster.Logger, only: [debug: 2, info: 2, warn: 2]

  alias NativeGossip.Events

  # A string, as telemetry recommends it.
  @id "native_gossip.log"

  @names Map.new(Events.names(), &{Events.telemetry(&1), &1})

  @doc "Attaches it, where it is not."
  @spec attach() :: :ok
  def attach do
    # By the module's name: when it is loaded again, the new one goes on.
    case :telemetry.attach_many(@id, Map.keys(@names), &__MODULE__.handle/4, nil) do
      :ok -> :ok
      {:error, :already_exists} -> :ok
    end
  end

  @doc "Attaches it where the application `native_gossip`, which does so at its start, is not started."
  @spec attach_without_application() :: :ok
  def attach_without_application do
    if Process.whereis(NativeGossip.Topologies), do: :ok, else: attach()
  catch
    # Telemetry is not started either, and says so itself at each event.
    _kind, _reason -> :ok
  end

  @doc "Detaches it, where it is attached."
  @spec detach() :: :ok
  def detach do
    case :telemetry.detach(@id) do
      :ok -> :ok
      {:error, :not_found} -> :ok
    end
  end

  @doc false
  @spec handle([atom], map, map, nil) :: :ok
  def handle(event, measurements, metadata, nil) do
    name = Map.fetch!(@names, event)
    fields = Map.merge(metadata, measurements)
    {level, sentence} = line(name, fields)
    write(level, metadata.topology, sentence)
  catch
    _kind, _reason -> :ok
  end

  # Of another version, the Rust half may tell what this one has no words for.
  defp line(name, fields) do
    {Events.level(name, fields), Events.sentence(name, fields)}
  catch
    _kind, _reason -> {:warning, "#{name}: #{inspect(Map.drop(fields, [:count, :topology]))}"}
  end

  defp write(:debug, topology, sentence), do: debug(topology, sentence)
  defp write(:info, topology, sentence), do: info(topology, sentence)
  defp write(:warning, topology, sentence), do: warn(topology, sentence)
end
