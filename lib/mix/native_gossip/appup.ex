defmodule Mix.NativeGossip.Appup do
  @moduledoc """
  The file `native_gossip.appup`, by which Erlang's `release_handler` goes from any version of this application to this
  one and back, while the node runs.
  """

  # As a regular expression: every version.
  @any_version ".*"

  @doc "Writes it for this version into a folder of modules, those of this project unless told otherwise."
  @spec install(String.t(), Path.t()) :: :ok
  def install(
        version \\ Mix.Project.config()[:version],
        folder \\ Mix.Project.compile_path()
      ) do
    appup = {to_charlist(version), [{@any_version, steps()}], [{@any_version, steps()}]}
    text = :io_lib.format("~tp.~n", [appup])
    path = Path.join(folder, "native_gossip.appup")
    if File.read(path) != {:ok, IO.iodata_to_binary(text)}, do: File.write!(path, text)
    :ok
  end

  # What raises before the point of no return refuses the upgrade, and after it restarts the node.
  defp steps do
    [
      {:apply, {NativeGossip.Upgrade, :check_topologies, []}},
      :point_of_no_return,
      {:apply, {NativeGossip.Upgrade, :stop_topologies, []}},
      {:restart_application, :native_gossip},
      {:apply, {NativeGossip.Upgrade, :start_topologies, []}}
    ]
  end
end
