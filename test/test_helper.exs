alias NativeGossip.Test.Requirement

defmodule NativeGossip.Test.Formatter do
  @moduledoc "ExUnit's own, which only counts the skipped tests; this one says why each was skipped."
  use GenServer

  alias ExUnit.CLIFormatter

  @impl true
  defdelegate init(options), to: CLIFormatter

  @impl true
  def handle_cast({:test_finished, %{state: {:skipped, reason}} = test} = event, state) do
    IO.puts("\nskipped: #{test.name} (#{inspect(test.module)}): #{reason}")
    CLIFormatter.handle_cast(event, state)
  end

  def handle_cast(event, state), do: CLIFormatter.handle_cast(event, state)
end

# Where nobody watches, a skipped test is a test that is not there.
if System.get_env("CI") == "true" and Requirement.netns() != nil do
  Mix.raise("CI has to run the tests in network namespaces, but #{Requirement.netns()}")
end

# Tests do not time: a machine that is busy takes longer for everything.
ExUnit.start(formatters: [NativeGossip.Test.Formatter], assert_receive_timeout: 5_000)
