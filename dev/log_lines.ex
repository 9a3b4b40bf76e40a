defmodule NativeGossip.Dev.LogLines do
  @moduledoc """
  A handler of `:logger` that sends each line that is logged to a process: `{:line, level, text}`.
  """

  @doc """
  Sends the lines to `receiver` from now on, until `detach/0`.

  Options: `:prefix` (`""`): only lines that begin with it are sent, and without it. `:filters`, as
  those of `:logger`.
  """
  @spec attach(pid, keyword) :: :ok
  def attach(receiver, options \\ []) do
    {prefix, options} = Keyword.pop(options, :prefix, "")
    config = Map.new(options ++ [config: %{receiver: receiver, prefix: prefix}])
    :ok = :logger.add_handler(__MODULE__, __MODULE__, config)
  end

  @spec detach :: :ok
  def detach, do: :logger.remove_handler(__MODULE__)

  @doc false
  def log(event, %{config: %{receiver: receiver, prefix: prefix}}) do
    line = to_string(:logger_formatter.format(event, %{template: [:msg], single_line: true}))

    if String.starts_with?(line, prefix),
      do: send(receiver, {:line, event.level, String.replace_prefix(line, prefix, "")})
  end
end
