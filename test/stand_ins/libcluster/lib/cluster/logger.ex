defmodule Cluster.Logger do
  @moduledoc "A stand-in for libcluster's logger; see `Cluster.Strategy`."

  require Logger

  def debug(topology, message) do
    unless Application.get_env(:libcluster, :debug, false) in [nil, false, "false"] do
      Logger.debug(line(topology, message))
    end
  end

  def info(topology, message), do: Logger.info(line(topology, message))
  def warn(topology, message), do: Logger.warning(line(topology, message))
  def error(topology, message), do: Logger.error(line(topology, message))

  defp line(topology, message), do: "[libcluster:#{topology}] #{message}"
end
