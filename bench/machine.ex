defmodule NativeGossip.Bench.Machine do
  @moduledoc """
  On what something was measured, without which no figure means anything.
  """
  alias NativeGossip.Bench

  @type facts :: %{
          date: String.t(),
          cores: pos_integer,
          processor: String.t() | nil,
          kernel: String.t(),
          otp: String.t(),
          elixir: String.t(),
          libcluster: String.t() | nil,
          load: String.t() | nil
        }

  @doc "The machine and what runs on it; what a system does not tell is nil."
  @spec facts :: facts
  def facts do
    {kernel, 0} = System.cmd("uname", ["-sr"])

    %{
      date: Date.to_iso8601(Date.utc_today()),
      cores: System.schedulers_online(),
      processor: first(~r/^model name\s*: (.+)$/m, "/proc/cpuinfo"),
      kernel: String.trim(kernel),
      otp: System.otp_release(),
      elixir: System.version(),
      libcluster: libcluster(),
      # What else ran within the last quarter of an hour: 0 is a quiet machine, the benchmark aside.
      load: first(~r/^\S+ \S+ (\S+)/, "/proc/loadavg")
    }
  end

  defp first(pattern, file) do
    with {:ok, text} <- File.read(file),
         [_, found] <- Regex.run(pattern, text),
         do: found,
         else: (_ -> nil)
  end

  # A stand-in is nobody's libcluster.
  defp libcluster do
    if Bench.stock?() do
      _ = Application.load(:libcluster)
      to_string(Application.spec(:libcluster, :vsn))
    end
  end
end
