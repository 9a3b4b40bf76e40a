defmodule :telemetry do
  @moduledoc """
  A stand-in for telemetry, so that this project can be built and tested where Hex cannot be
  reached. It has what libcluster, this project and its tests call, and is not for use elsewhere.

  Handlers are rows `{id, events, function, config}` of one table, owned by the application. Where it
  is not started there are none, as in telemetry itself.
  """

  require Logger

  @table __MODULE__

  def attach(id, event, function, config), do: attach_many(id, [event], function, config)

  def attach_many(id, events, function, config) when is_function(function, 4) do
    if :ets.insert_new(@table, {id, events, function, config}),
      do: :ok,
      else: {:error, :already_exists}
  end

  def detach(id) do
    if :ets.take(@table, id) == [], do: {:error, :not_found}, else: :ok
  end

  def list_handlers(prefix) do
    for {id, events, function, config} <- handlers(), event <- events, starts?(event, prefix) do
      %{id: id, event_name: event, function: function, config: config}
    end
  end

  def execute([_ | _] = event, measurements, metadata \\ %{})
      when is_map(measurements) and is_map(metadata) do
    for {id, events, function, config} <- handlers(), event in events do
      try do
        function.(event, measurements, metadata, config)
      catch
        # As in telemetry itself: a handler that fails is removed, and its caller never notices.
        kind, reason ->
          detach(id)
          failed(event, id, config, {kind, reason, __STACKTRACE__})
      end
    end

    :ok
  end

  defp failed(event, id, config, {kind, reason, stacktrace}) do
    execute(
      [:telemetry, :handler, :failure],
      %{monotonic_time: System.monotonic_time(), system_time: System.system_time()},
      %{
        event_name: event,
        handler_id: id,
        handler_config: config,
        kind: kind,
        reason: reason,
        stacktrace: stacktrace
      }
    )

    Logger.error("Handler #{inspect(id)} has failed and has been detached: #{inspect(reason)}")
  end

  defp handlers do
    if :ets.whereis(@table) == :undefined, do: [], else: :ets.tab2list(@table)
  end

  defp starts?(event, prefix), do: Enum.take(event, length(prefix)) == prefix
end
