defmodule NativeGossip.Doctor.OptionsTest do
  use ExUnit.Case, async: true

  alias NativeGossip.Dev.FreePort
  alias NativeGossip.Doctor

  @secret "of the doctor's options"

  @wrong [
    {[seconds: "6"], "option :seconds of NativeGossip.Doctor.run/1: expected how long to listen"},
    {[seconds: "6"], ~s(in s, from 1 to 3600, got: "6")},
    {[seconds: 0], "got: 0"},
    {[seconds: 3_601], "got: 3601"},
    {[seconds: 1.0], "got: 1.0"},
    {[seconds: false], "got: false"},
    {[probe: nil],
     "option :probe of NativeGossip.Doctor.run/1: expected true or false, got: nil"},
    {[to: :host], "option :to of NativeGossip.Doctor.run/1: expected a host, as a string"},
    {[to: ~c"host"], "got: "},
    {[to: <<255>>], "got: <<255>>"},
    {[answer: nil],
     "option :answer of NativeGossip.Doctor.run/1: expected true or false, got: nil"},
    {[answer: "yes"], ~s(got: "yes")},
    {[progress: &Node.self/0], "expected a function of one line"},
    {[progress: nil], "got: nil"},
    {[topology: "lan"], "option :topology of NativeGossip.Doctor.run/1: expected the name"},
    {[config: %{secret: @secret}],
     "option :config of NativeGossip.Doctor.run/1: expected a keyword"},
    {[config: [:secret, @secret]], "got: another term, not shown for its secrets"},
    {[second: 6],
     "expected none but :topology, :config, :seconds, :probe, :to, :answer and :progress"},
    {[second: 6], "got: :second"}
  ]

  test "a wrong option is refused with what is expected, before anything is opened" do
    test = self()

    right = [
      config: [port: FreePort.udp(), multicast_if: "127.0.0.1", secret: @secret],
      progress: &send(test, {:progress, &1})
    ]

    for {wrong, words} <- @wrong do
      error = assert_raise ArgumentError, fn -> Doctor.run(Keyword.merge(right, wrong)) end
      assert error.message =~ words
      refute error.message =~ @secret
    end

    refute_received {:progress, _}
  end

  test "an option that is given twice is refused" do
    assert_raise ArgumentError, ~r/the options of .*: expected each once, got: :seconds/, fn ->
      Doctor.run(seconds: 6, seconds: 7)
    end
  end

  test "what is no keyword list is refused" do
    for options <- [:lan, nil, %{seconds: 6}, [:seconds], [6]] do
      assert_raise ArgumentError, ~r/the options of NativeGossip.Doctor.run\/1/, fn ->
        Doctor.run(options)
      end
    end
  end
end
