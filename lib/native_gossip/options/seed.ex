defmodule NativeGossip.Options.Seed do
  @moduledoc """
  A target of heartbeats beside the group, as a configuration names it.
  """

  alias NativeGossip.Options.Address

  @typedoc "An address, or the name of a host."
  @type host :: :inet.ip_address() | String.t()

  @doc """
  Reads a host, with or without a port.

      iex> NativeGossip.Options.Seed.parse("app.internal")
      {:ok, {"app.internal", nil}}
      iex> NativeGossip.Options.Seed.parse("[fd00::5]:4000")
      {:ok, {{0xFD00, 0, 0, 0, 0, 0, 0, 5}, 4000}}
      iex> NativeGossip.Options.Seed.parse({"10.0.0.5", 4000})
      {:ok, {{10, 0, 0, 5}, 4000}}
  """
  @spec parse(term) :: {:ok, {host, :inet.port_number() | nil}} | :error
  def parse({host, port}) when port in 1..65_535//1, do: with_port(host, port)

  def parse(text) when is_binary(text) do
    with :error <- with_port(text, nil) do
      case Regex.run(~r/\A(\[.+\]|[^:]+):([0-9]{1,5})\z/, text) do
        [_, host, port] -> parse({host, String.to_integer(port)})
        nil -> :error
      end
    end
  end

  def parse(other), do: with_port(other, nil)

  defp with_port(host, port) do
    with {:ok, host} <- host(host), do: {:ok, {host, port}}
  end

  defp host("[" <> _ = bracketed) do
    case Regex.run(~r/\A\[(.*:.*)\]\z/, bracketed) do
      [_, inside] -> Address.parse_strict(inside)
      nil -> :error
    end
  end

  defp host(given) do
    with :error <- Address.parse_strict(given) do
      if is_binary(given) and name?(given), do: {:ok, given}, else: :error
    end
  end

  # Digits and dots alone are no name but a mistyped address.
  defp name?(text) do
    byte_size(text) in 1..253 and text =~ ~r/\A[0-9A-Za-z._-]+\z/ and
      not (text =~ ~r/\A[0-9.]+\z/)
  end
end
