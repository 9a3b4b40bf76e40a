defmodule NativeGossip.Events.FaultTest do
  use ExUnit.Case, async: true

  alias NativeGossip.Events
  alias NativeGossip.Events.Fault
  alias NativeGossip.Native

  @linux {:unix, :linux}
  @group {233, 252, 1, 32}
  @group_v6 {0xFF02, 0, 0, 0, 0, 0, 1, 0x32}
  @eth0 %{name: "eth0", index: 2, address: {10, 0, 0, 5}}
  @eth0_v6 %{name: "eth0", index: 2, address: {0xFE80, 0, 0, 0, 0, 0, 0, 5}}
  @bind %{fault: :socket, step: :bind, address: {{10, 0, 0, 5}, 45_892}, code: 98, text: "in use"}
  @socket %{fault: :socket, address: {{0, 0, 0, 0}, 45_892}, code: nil, text: "not today"}

  # Every fault, and what a person reads of it; not the steps of a socket.
  @faults [
    {@bind,
     "cannot bind to 10.0.0.5:45892 (options if_addr, port): in use; trying again. Another program " <>
       "holds the port alone: end it, or set option port on all nodes"},
    {%{@bind | code: 99},
     "cannot bind to 10.0.0.5:45892 (options if_addr, port): in use; trying again. This host has no " <>
       "such address: correct option if_addr, or leave it out"},
    {%{@bind | code: 13, address: {{0xFD00, 0, 0, 0, 0, 0, 0, 5}, 80}},
     "cannot bind to [fd00::5]:80 (options if_addr, port): in use; trying again. Set option port " <>
       "to one above 1023 on all nodes"},
    {%{fault: :scan, step: :interfaces, code: 24, text: "Too many open files"},
     "cannot list the interfaces of this host: Too many open files; trying again. Raise the limit of open files " <>
       "(ulimit -n)"},
    {%{fault: :scan, step: :route, code: 5, text: "I/O error"},
     "cannot look up the route to the group: I/O error; trying again"},
    {%{
       fault: :interface_missing,
       group: @group,
       wanted: {:address, {10, 0, 0, 5}},
       reason: :no_such_address
     },
     "cannot join 233.252.1.32 on the interface with the address 10.0.0.5 (option multicast_if): " <>
       "no interface has this address; it is joined when there is one"},
    {%{fault: :interface_missing, group: @group, wanted: {:name, "eth1"}, reason: :no_such_name},
     "cannot join 233.252.1.32 on the interface eth1 (option multicast_if): there is no such " <>
       "interface, or it has no IPv4 address; it is joined when there is one"},
    {%{fault: :interface_missing, group: @group, wanted: {:name, "eth1"}, reason: :down},
     "cannot join 233.252.1.32 on the interface eth1 (option multicast_if): the interface is " <>
       "down; it is joined when it is up"},
    {%{fault: :no_interface, group: @group_v6},
     "cannot join ff02::1:32 (options multicast_addr, multicast_if): no interface but the loopback " <>
       "is up and has an IPv6 address; it is joined when there is one"},
    {%{fault: :loopback_only, group: @group},
     "cannot find nodes of other hosts by 233.252.1.32 (option multicast_if): no interface but the " <>
       "loopback is up and has an IPv4 address; nodes on this host are found meanwhile"},
    {%{fault: :join, group: @group, interface: @eth0, code: 19, text: "No such device"},
     "cannot join 233.252.1.32 on eth0 (10.0.0.5) (options multicast_addr, multicast_if): No such " <>
       "device; trying again"},
    {%{
       fault: :join_limit,
       group: @group,
       missing: 6,
       of: 26,
       some: [@eth0, %{@eth0 | name: "br0"}],
       code: 105,
       text: "No buffer space available (os error 105)"
     },
     "cannot join 233.252.1.32 on 6 of 26 interfaces, as eth0 (10.0.0.5), br0 (10.0.0.5) (option " <>
       "multicast_if): No buffer space available (os error 105); trying again. Raise the sysctl " <>
       "net.ipv4.igmp_max_memberships, or name the interfaces that are needed"},
    {%{
       fault: :join_limit,
       group: @group_v6,
       missing: 1,
       of: 2,
       some: [@eth0_v6],
       code: 105,
       text: "no"
     },
     "cannot join ff02::1:32 on 1 of 2 interfaces, as eth0 (fe80::5) (option multicast_if): no; trying " <>
       "again"},
    {%{fault: :join, group: @group_v6, interface: @eth0_v6, code: 105, text: "no"},
     "cannot join ff02::1:32 on eth0 (fe80::5) (options multicast_addr, multicast_if): no; trying again"},
    {%{fault: :no_echo, group: @group, interface: @eth0},
     "cannot hear 233.252.1.32 on eth0 (10.0.0.5): the own heartbeats do not come back; the group is " <>
       "rejoined. If that does not help, see whether a firewall of this host drops them"},
    {%{fault: :send_by, target: {@group, 45_892}, interface: @eth0, code: 101, text: "no"},
     "cannot send to 233.252.1.32:45892 by eth0 (10.0.0.5) (options multicast_addr, multicast_if): " <>
       "no; trying again. This host has no route there"},
    {%{fault: :seeds, failing: 1, of: 9, some: [{{10, 0, 0, 9}, 4000}], code: 1, text: "no"},
     "cannot reach 10.0.0.9:4000 (option seeds): no; trying again. A firewall of this host forbids it"},
    {%{fault: :seeds, failing: 1, of: 1, some: [{{10, 0, 0, 9}, 4000}], code: 111, text: "no"},
     "cannot reach 10.0.0.9:4000 (option seeds): no; trying again. No node listens on this port " <>
       "there, or a firewall rejects what is sent to it"},
    {%{
       fault: :seeds,
       failing: 252,
       of: 253,
       some: for(n <- 3..5, do: {{10, 0, 0, n}, 4000}),
       code: 113,
       text: "no"
     },
     "cannot reach 252 of 253 seeds, as 10.0.0.3:4000, 10.0.0.4:4000, 10.0.0.5:4000 (option " <>
       "seeds): no; trying again. No host answers there, or a firewall rejects what is sent to it"},
    {%{
       fault: :send_to,
       target: {{10, 0, 0, 255}, 45_892},
       code: nil,
       text: "no"
     }, "cannot send to 10.0.0.255:45892 (options multicast_addr, port): no; trying again"}
  ]

  for {{fault, sentence}, number} <- Enum.with_index(@faults) do
    test "the fault #{fault.fault} is told with its options, its cause and what to do (#{number})" do
      fault = unquote(Macro.escape(fault))
      assert Fault.raised(fault, @linux) == unquote(sentence)
      [step, _cause] = String.split(unquote(sentence), ": ", parts: 2)
      assert Fault.cleared(fault) == "now able to " <> String.replace_prefix(step, "cannot ", "")
    end
  end

  test "every fault that Rust tells is among these, and every step of a scan and reason of an absence" do
    names = Native.names()
    faults = Enum.map(@faults, &elem(&1, 0))
    told = fn field -> faults |> Enum.map(& &1[field]) |> Enum.uniq() end
    assert Enum.sort(told.(:fault)) == Enum.sort(names.faults)
    {always, at_times} = Events.fields(:fault_raised)
    fields = faults |> Enum.flat_map(&Map.keys/1) |> Enum.uniq()
    assert Enum.sort(fields) == Enum.sort(always ++ at_times)
    assert names.scan_steps -- told.(:step) == []
    assert names.missing_reasons -- told.(:reason) == []
  end

  test "every step of the socket is told" do
    for step <- Native.names().socket_steps do
      fault = Map.put(@socket, :step, step)
      assert Fault.raised(fault, @linux) =~ ~r/^cannot .+: not today; trying again$/
      assert Fault.cleared(fault) =~ ~r/^now able to .+$/
    end
  end

  test "the number of an error gives a hint on Linux alone, whose numbers they are" do
    assert Fault.raised(@bind, @linux) =~ "Another program"
    assert Fault.raised(@bind, {:unix, :darwin}) =~ ~r/: in use; trying again$/
    assert Fault.raised(%{@bind | code: nil}, @linux) =~ ~r/: in use; trying again$/
  end
end
