defmodule NativeGossip.Probe.EpmdTest do
  @moduledoc """
  Stand-ins for an epmd, on the loopback.
  """
  use ExUnit.Case, async: true

  import NativeGossip.Test.StandIn

  alias NativeGossip.Test.{Bits, Listener}

  test "nobody at epmd's port is epmd_refused" do
    port = Listener.refused()
    result = probe(port)
    assert %{cause: :epmd_refused, facts: %{epmd_port: ^port, port: nil} = facts} = result
    assert facts.address == {127, 0, 0, 1}
    assert facts.reason == :econnrefused
  end

  test "a port that lets nothing through is epmd_filtered, within its time" do
    result = probe(Listener.filtered(), step_timeout: 300)
    assert %{cause: :epmd_filtered, facts: %{reason: :timeout, took_ms: took}} = result
    assert took in 250..3_000
  end

  test "an epmd that takes the connection and says nothing is epmd_silent" do
    assert probe(Listener.silent()).cause == :epmd_silent
  end

  test "what answers like no epmd is epmd_foreign" do
    for answer <- [
          "HTTP/1.1 400 Bad Request\r\n\r\n",
          "",
          <<0>>,
          <<118, 0, 0, 0>>,
          :binary.copy(<<255>>, 100_000),
          # Another name than the one asked for, and no port.
          registered("other", 4_000),
          registered("b", 0)
        ] do
      assert probe(Listener.answering(answer)).cause == :epmd_foreign
    end
  end

  test "an answer of an epmd that is cut anywhere is epmd_foreign, and where it stalls epmd_silent" do
    # What follows the name is not needed.
    answer = binary_part(registered("b", 4_000), 0, 13)

    cuts = for length <- 0..(byte_size(answer) - 1), do: binary_part(answer, 0, length)

    for {cut, cause} <- probe_all(Enum.map(cuts, &{&1, Listener.answering(&1)}), &probe/1),
        do: assert({cut, cause} == {cut, :epmd_foreign})

    stalling = Enum.map(cuts, &{&1, Listener.stalling(&1)})

    for {cut, cause} <- probe_all(stalling, &probe(&1, step_timeout: 300)),
        do: assert({cut, cause} == {cut, :epmd_silent})
  end

  test "an answer of an epmd with any bit turned is met without a failure of the probe" do
    port = Listener.refused()
    answer = registered("b", port)

    turned =
      for bit <- 0..(bit_size(answer) - 1),
          do: {bit, Listener.answering(Bits.flip(answer, bit))}

    # Turned in the port, it may be one of this host.
    for {bit, cause} <- probe_all(turned, &probe(&1, step_timeout: 300)),
        do: assert({bit, cause} != {bit, :probe_failed})
  end

  test "an epmd that does not know the name is asked for those that it knows" do
    lines = for n <- 1..20, into: <<4_369::32>>, do: "name app_#{n} at port #{4_000 + n}\n"

    port =
      Listener.start(fn socket ->
        case :gen_tcp.recv(socket, 0) do
          {:ok, <<2::16, ?z, "b">>} -> :gen_tcp.send(socket, unregistered())
          {:ok, <<1::16, ?n>>} -> :gen_tcp.send(socket, lines)
        end
      end)

    result = probe(port)
    assert %{cause: :name_unregistered, facts: %{registered: names}} = result
    assert names == for(n <- 1..8, do: "app_#{n}")
  end

  test "names that are no names, and an epmd that does not stop naming, are cut" do
    for lines <- [
          "name \xFF\xFE at port 1\nname  at port 2\nnonsense\n",
          :binary.copy("name app at port 1\n", 10_000),
          :binary.copy("x", 1_000_000),
          ""
        ] do
      port =
        Listener.start(fn socket ->
          {:ok, <<_::16, question, _::binary>>} = :gen_tcp.recv(socket, 0)
          :gen_tcp.send(socket, if(question == ?z, do: unregistered(), else: [<<0::32>>, lines]))
        end)

      result = probe(port)
      assert %{cause: :name_unregistered, facts: %{registered: names}} = result
      assert length(names) <= 8
      assert is_binary(NativeGossip.Probe.Explanation.sentence(result))
    end
  end

  defmodule Found do
    def address_please(~c"b", ~c"127.0.0.1", :inet), do: {:ok, {127, 0, 0, 1}}
    def port_please(~c"b", {127, 0, 0, 1}, _timeout), do: {:port, :persistent_term.get(Found), 6}
  end

  defmodule FoundAtOnce do
    def address_please(_name, _host, _family),
      do: {:ok, {127, 0, 0, 1}, :persistent_term.get(Found), 6}
  end

  defmodule PortsAlone do
    def port_please(~c"b", ~c"127.0.0.1", _timeout), do: {:port, :persistent_term.get(Found), 6}
  end

  defmodule NotFound do
    def port_please(_name, _host, _timeout), do: :noport
  end

  defmodule Raising do
    def port_please(_name, _host, _timeout), do: raise("no such service")
  end

  defmodule Hanging do
    def port_please(_name, _host, _timeout), do: Process.sleep(:infinity)
  end

  test "where a module stands for epmd, it is asked, and no epmd" do
    node = Listener.answering([status("ok"), challenge("b@127.0.0.1")])
    :persistent_term.put(Found, node)
    refused = Listener.refused()

    for module <- [Found, FoundAtOnce, PortsAlone] do
      result = probe(refused, outside: [epmd: module])
      assert %{cause: :reachable, facts: %{epmd_module: ^module, port: ^node}} = result
    end

    for module <- [NotFound, Raising, Hanging, NoSuchModule] do
      result = probe(refused, outside: [epmd: module])
      assert %{cause: :epmd_module, facts: %{epmd_module: ^module}} = result
      assert result.facts.took_ms < 3_000
    end
  end
end
