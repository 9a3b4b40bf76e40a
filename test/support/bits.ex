defmodule NativeGossip.Test.Bits do
  @moduledoc "Packets with a bit of them changed."

  @doc """
  Flips the bit that stands behind so many others.

      iex> NativeGossip.Test.Bits.flip(<<0, 0>>, 8)
      <<0, 0b1000_0000>>
  """
  @spec flip(binary, non_neg_integer) :: binary
  def flip(packet, bit) do
    at = div(bit, 8)
    byte = Bitwise.bxor(:binary.at(packet, at), Bitwise.bsr(0b1000_0000, rem(bit, 8)))

    binary_part(packet, 0, at) <>
      <<byte>> <> binary_part(packet, at + 1, byte_size(packet) - at - 1)
  end
end
