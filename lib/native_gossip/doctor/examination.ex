defmodule NativeGossip.Doctor.Examination do
  @moduledoc """
  Gathers the facts of `NativeGossip.Doctor`: joins, sends its packet, listens, probes.
  """

  import NativeGossip.Events.Words

  alias NativeGossip.Doctor.{Delay, Ear, Exchange, Facts, Host, Listener, Running}
  alias NativeGossip.Options
  alias NativeGossip.Options.Address
  alias NativeGossip.Probe.Outside

  # In ms. Interfaces are scanned and joined in the first turn of a loop.
  @joining 300

  # In ms, for a packet that does not leave this host. It is sent three times.
  @echo 300

  # What a probe finds where nobody listens for epmd, or a firewall rejects it.
  @refused [:epmd_refused, :host_unreachable]

  # In seconds, to learn how far a clock is off.
  @clocks 6

  @type asked :: %{
          required(:seconds) => pos_integer,
          required(:probe) => boolean,
          required(:to) => String.t() | nil,
          required(:answer) => boolean,
          required(:progress) => (String.t() -> term),
          optional(atom) => term
        }

  @doc "What there is to be seen of a topology with these options."
  @spec facts(topology :: atom, Options.t(), asked) :: Facts.t()
  def facts(topology, options, %{seconds: seconds, progress: progress} = asked) do
    bound = bound(options)
    host = Host.interfaces()
    progress.("joining #{address(options.multicast_addr)}")

    opened =
      bound |> Listener.run(@joining) |> Map.fetch!(:joined) |> Enum.map(&open(&1, options))

    try do
      interfaces = each(opened, &echo(&1, host))
      to = ask(options, interfaces, asked)
      {told, heard, answered} = listen(opened, options, asked, host.addresses)
      running = Running.of(topology)

      %Facts{
        topology: topology,
        options: shown(options),
        seconds: seconds,
        ours: if(Node.alive?(), do: node()),
        to: to,
        answered: answered,
        faults: told.faults,
        interfaces: Enum.zip_with(interfaces, heard, &%{&1 | heard: &2.others}),
        nodes: nodes(told.nodes, host),
        # Questions of doctors, this one's too, are no fault.
        refusals: Enum.reject(told.refusals, &(&1.cause == :doctor)),
        untaken: untaken(heard, told.nodes),
        clocks: clocks(told, bound, progress),
        shared: told.shared,
        silent: silent(running, told.nodes),
        connected: Node.list(:connected)
      }
      |> probed(asked, host, running)
    after
      for {_interface, {:ok, ear}} <- opened, do: Ear.close(ear)
    end
  end

  # Bound to the group, it is given what is sent to the group alone: nothing that is for a node of this host.
  defp bound(%{broadcast_only: false, multicast_addr: group} = options)
       when tuple_size(group) == 4 do
    if options.if_addr == Address.unspecified(:inet) and match?({:unix, _}, :os.type()),
      do: %{options | if_addr: group},
      else: options
  end

  defp bound(options), do: options

  defp shown(options) do
    %{
      port: options.port,
      group: options.multicast_addr,
      broadcast_only: options.broadcast_only,
      multicast_if: options.multicast_if,
      secret?: options.secret != [],
      cluster: options.cluster,
      seeds: length(options.seeds)
    }
  end

  # By this process, with whose end they are closed.
  defp open(interface, options),
    do: {interface, Ear.open(interface, options.multicast_addr, options.port)}

  # While no loop of the doctor's hears it, or it would be among what is refused.
  defp echo({interface, opened}, host) do
    flags = Map.get(host.flags, interface.name, [:multicast])

    echo =
      case opened do
        {:ok, ear} -> Ear.echo(ear, @echo)
        # The loop has joined here, so this is the socket's own trouble.
        {:error, _} -> :untested
      end

    Map.merge(interface, %{
      multicast?: :multicast in flags,
      loopback?: :loopback in flags,
      echo: echo,
      heard: 0
    })
  end

  defp ask(_options, _interfaces, %{to: nil}), do: nil

  defp ask(options, interfaces, %{to: to, progress: progress}) do
    progress.("asking the doctor at #{to}")
    Exchange.ask(options, interfaces, to)
  end

  # With those ears that could be opened, and a socket of its own where it is to answer.
  defp listen(opened, options, %{seconds: seconds, progress: progress} = asked, own) do
    progress.("listening for #{seconds} s")
    deadline = System.monotonic_time(:millisecond) + 1_000 * seconds
    answerer = answerer(options, asked)
    at_doctor = &Exchange.heard(answerer, &1, &2)
    ears = Task.async(fn -> each(opened, &heard(&1, own, deadline, at_doctor)) end)
    answering = Task.async(fn -> answerer && Exchange.answer_until(answerer, deadline) end)

    try do
      told = Listener.run(bound(options), 1_000 * seconds)
      [heard, _] = Task.await_many([ears, answering], :infinity)
      {told, heard, answerer && Exchange.stop_answering(answerer)}
    rescue
      # Whoever asked lives on, and would keep the port.
      error ->
        Enum.each([ears, answering], &Task.shutdown(&1, :brutal_kill))
        _ = answerer && Exchange.stop_answering(answerer)
        reraise error, __STACKTRACE__
    end
  end

  defp answerer(_options, %{answer: false}), do: nil

  defp answerer(options, %{progress: progress}) do
    case Exchange.start_answering(options) do
      {:ok, answerer} ->
        answerer

      {:error, reason} ->
        progress.("cannot answer: #{inspect(reason)}")
        nil
    end
  end

  defp heard({_interface, {:ok, ear}}, own, deadline, at_doctor),
    do: Ear.listen(ear, own, deadline, at_doctor)

  defp heard({_interface, {:error, _}}, _own, _deadline, _at_doctor),
    do: %{others: 0, addresses: []}

  defp untaken(heard, names) do
    addresses = Enum.flat_map(heard, & &1.addresses)
    taken = Enum.flat_map(names, fn {_name, %{sources: sources}} -> sources end)
    Enum.sort(Enum.uniq(addresses) -- taken)
  end

  defp each(opened, function),
    do: opened |> Enum.map(&Task.async(fn -> function.(&1) end)) |> Task.await_many(:infinity)

  defp nodes(names, host) do
    for {name, heard} <- Enum.sort_by(names, &elem(&1, 0)) do
      {[source | _], heard} = Map.pop!(heard, :sources)
      more = %{name: name, source: source, here?: here?(source, host)}
      heard |> Map.update!(:interfaces, &Enum.sort/1) |> Map.merge(more)
    end
  end

  # All of 127.0.0.0/8 is this host's.
  defp here?({127, _, _, _}, _host), do: true
  defp here?(source, host), do: source in host.addresses

  # Where signatures are required, a heartbeat of another time is refused before it tells how far it is off. Where
  # they are not, it is taken, and tells.
  defp clocks(told, %{authentication: authentication} = bound, progress) do
    stale? = Enum.any?(told.refusals, &(&1.cause == :stale))

    clocks =
      if stale? and authentication == :required do
        progress.("looking how far clocks are off, for #{@clocks} s")
        Listener.run(%{bound | authentication: :compatible}, 1_000 * @clocks).clocks
      else
        told.clocks
      end

    for {node, off_ms} <- Enum.sort(clocks), do: %{node: node, off_ms: off_ms}
  end

  defp silent(running, heard) do
    for %{name: name} = peer <- Running.silent(running), not is_map_key(heard, name) do
      %{name: name, heard_ms: peer.heard_ms, source: peer.address}
    end
  end

  defp probed(facts, %{probe: false}, _host, _running), do: facts

  defp probed(%{nodes: nodes} = facts, %{progress: progress}, host, running) do
    progress.("probing #{min(length(nodes), Host.max_probes())} nodes and the epmd of this host")
    others = Enum.reject(nodes, &(&1.name == Atom.to_string(node())))
    outside = Outside.new()
    here? = Enum.any?(nodes, & &1.here?)

    [probes, epmd, hung] =
      each(
        [
          fn -> Host.probe(others, own_address(facts, host), &Running.attempts(running, &1)) end,
          fn -> Host.epmd(outside) end,
          fn -> if here?, do: [], else: Host.hung(outside) end
        ],
        & &1.()
      )

    # Not at once with the probes: who rejects many questions leaves some without an answer.
    late = nodes |> answering(probes) |> Enum.take(Host.max_probes()) |> Delay.late(outside)
    %{facts | probes: probes, epmd: epmd, late: late, hung: hung}
  end

  # Addresses of other hosts, but for those that refuse what a probe asks of them.
  defp answering(nodes, probes) do
    refused = for %{cause: cause} = probe <- probes, cause in @refused, do: "#{probe.node}"

    addresses =
      for %{here?: false, source: source, name: name} <- nodes,
          name not in refused,
          do: source

    Enum.uniq(addresses)
  end

  defp own_address(%{interfaces: [%{address: address} | _]}, _host), do: address
  defp own_address(_facts, %{addresses: [address | _]}), do: address
  defp own_address(_facts, _host), do: {127, 0, 0, 1}
end
