defmodule NativeGossip.Options.Interface do
  @moduledoc """
  A network interface of a configuration: one of its addresses, or its name.
  """

  alias NativeGossip.Options.Address

  @doc """
  Reads an address, or else a name that an interface can have. A mistyped address is no name.

      iex> NativeGossip.Options.Interface.parse("10.0.0.5")
      {:ok, {10, 0, 0, 5}}
      iex> NativeGossip.Options.Interface.parse("eth0")
      {:ok, "eth0"}
      iex> NativeGossip.Options.Interface.parse("10.0.0.300")
      :error
  """
  @spec parse(term) :: {:ok, :inet.ip_address() | String.t()} | :error
  def parse(given) do
    with :error <- Address.parse(given) do
      if is_binary(given) and name?(given), do: {:ok, given}, else: :error
    end
  end

  # Windows calls one "Ethernet 2", Linux "eth0.100" or "eth0:1".
  defp name?(text) do
    byte_size(text) in 1..255 and String.valid?(text) and String.trim(text) == text and
      not (text =~ ~r/[\p{Cc}\/]/u) and not like_an_address?(text)
  end

  # A mistyped address must not become the name of an interface that never appears:
  # 10.0.0.300, 10.0.0.x, 10.0.0.1:80 and ab:1, fe80::zz, eth0: and :1.
  defp like_an_address?(text) do
    text =~ ~r/\A[0-9.]+\z|\A[0-9]+\.[0-9]+\.|\A[0-9a-fA-F.]+:[0-9a-fA-F.]+\z|:.*:|\A:|:\z/
  end
end
