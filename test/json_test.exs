defmodule NativeGossip.JsonTest do
  use ExUnit.Case, async: true

  alias NativeGossip.{Json, Peer}

  test "what JSON has is written as JSON has it" do
    for {term, json} <- [
          {nil, "null"},
          {true, "true"},
          {:lan, ~S("lan")},
          {-12, "-12"},
          {0.5, "0.5"},
          {1.0e30, "1.0e30"},
          {[], "[]"},
          {%{}, "{}"},
          {[1, [2, []], %{}], "[1,[2,[]],{}]"},
          {%{"b" => 1, :a => %{1 => 2}}, ~S({"a":{"1":2},"b":1})}
        ] do
      assert Json.encode(term) == json
    end
  end

  test "quotes, backslashes and controls are escaped, and other letters are not" do
    assert Json.encode(~S(a"b\c)) == ~S("a\"b\\c")
    assert Json.encode("\n\t\0\d") == ~S("\u000A\u0009\u0000\u007F")
    assert Json.encode("é ✓ 🦀") == ~s("é ✓ 🦀")
    assert Json.encode("\u2028\u2029") == ~S("\u2028\u2029")
    assert Json.encode(%{~S(") => 1}) == ~S({"\"":1})
  end

  test "bytes that are no text are shown, and break nothing" do
    assert Json.encode(<<255, 0>>) == ~S("<<255, 0>>")
  end

  test "addresses are strings, other tuples lists, and structs maps" do
    assert Json.encode({10, 0, 0, 5}) == ~S("10.0.0.5")
    assert Json.encode({{0xFD00, 0, 0, 0, 0, 0, 0, 5}, 4000}) == ~S("[fd00::5]:4000")
    assert Json.encode({1_000, 0, 0, 5}) == "[1000,0,0,5]"
    assert Json.encode({:unsent, :eperm}) == ~S(["unsent","eperm"])

    assert Json.encode(Peer.new(%{name: "a@b"})) ==
             ~S({"cause":null,"hidden":false,"name":"a@b"})
  end
end
