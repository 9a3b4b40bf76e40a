defmodule NativeGossip.Test.LanCase do
  @moduledoc """
  The frame of a test on hosts of its own: a network before it, and nothing of it left behind.

      use NativeGossip.Test.LanCase

  Each test is given `%{network: network}`; see `NativeGossip.Test.Lan`. It is skipped, with the
  reason, where namespaces cannot be made, or where the option `:skip` holds a reason.

  Networks know nothing of each other, and most of a test is waiting: these tests run side by side. Those that
  measure, or allow no more than a second, have the machine for themselves: `async: false`.
  """
  defmacro __using__(options) do
    quote do
      use ExUnit.Case, async: unquote(Keyword.get(options, :async, true))

      @moduletag :netns
      @moduletag skip: NativeGossip.Test.Requirement.netns() || unquote(options[:skip])

      setup do
        {:ok, network} = NativeGossip.Test.Network.start()
        on_exit(fn -> assert NativeGossip.Test.Network.stop(network) == [] end)
        {:ok, network: network}
      end
    end
  end
end
