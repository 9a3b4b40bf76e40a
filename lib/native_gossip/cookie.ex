defmodule NativeGossip.Cookie do
  @moduledoc """
  Whether the node's cookie is one that Erlang made itself.

  Such a cookie looks like twenty random letters, and all of them follow from a number of 36 bits
  (`random_cookie/3` and `next_random/1` of `auth.erl` in OTP's kernel). A node that connects answers the
  other side's challenge with the MD5 of cookie and challenge, so whoever makes a node connect can try all of
  these cookies, without asking again. `SECURITY.md` has more of it.
  """

  @doc """
  Whether a cookie looks like Erlang's own: twenty letters from A to Z. The cookie is never shown.

      iex> NativeGossip.Cookie.made_by_erlang?(:ABCDEFGHIJKLMNOPQRST)
      true
      iex> NativeGossip.Cookie.made_by_erlang?(:nocookie)
      false
  """
  @spec made_by_erlang?(cookie :: atom) :: boolean
  def made_by_erlang?(cookie), do: Atom.to_string(cookie) =~ ~r/\A[A-Z]{20}\z/

  @doc """
  What is to be told of the cookie of this node, which has a name.

  Nothing where only signed heartbeats are taken: then no stranger makes this node connect to his host.
  """
  @spec warnings(:compatible | :required, cookie :: atom) :: [NativeGossip.Events.t()]
  def warnings(authentication, cookie \\ :erlang.get_cookie())
  def warnings(:required, _cookie), do: []

  def warnings(:compatible, cookie),
    do: if(made_by_erlang?(cookie), do: [{:cookie_weak, %{}}], else: [])
end
