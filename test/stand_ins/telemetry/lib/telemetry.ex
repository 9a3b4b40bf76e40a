defmodule :telemetry do
  @moduledoc """
  A stand-in for telemetry, so that this project can be built and tested where Hex cannot be
  reached. It has what libcluster and this project's tests call, and is not for use elsewhere.

  Handlers are rows `{id, events, function, config}` of one table, owned by the application.
  """

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

  def execute(event, measurements, metadata \\ %{}) do
    for {id, events, function, config} <- :ets.tab2list(@table), event in events do
      try do
        function.(event, measurements, metadata, config)
      catch
        # As in telemetry itself: a broken handler is removed, and its caller never notices.
        _, _ -> detach(id)
      end
    end

    :ok
  end
end
