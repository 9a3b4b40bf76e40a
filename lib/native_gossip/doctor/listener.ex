defmodule NativeGossip.Doctor.Listener do
  @moduledoc """
  A loop without a name: it joins, hears and judges as those of the nodes do, and sends nothing.

  It runs in a process of its own, whose end closes it.
  """

  alias NativeGossip.{Events, Loop, Native, Options}

  # In ms. Whoever waits for a dirty IO scheduler waits no longer.
  @slice 100

  # Names that are told apart: a flood of forged ones may not fill the memory.
  @max_names 4_096

  # Addresses that are kept of each: a host has one on each interface.
  @max_sources 64

  @type told :: %{
          joined: [map],
          faults: [Events.Fault.t()],
          nodes: %{String.t() => heard},
          refusals: [NativeGossip.Doctor.Facts.refusal()],
          clocks: %{String.t() => integer},
          shared: [String.t()]
        }

  @typedoc "As in `NativeGossip.Doctor.Facts`, with all addresses that it was heard from, the first one first."
  @type heard :: %{
          packets: pos_integer,
          sources: [:inet.ip_address(), ...],
          interfaces: [String.t()],
          received: pos_integer,
          missing: non_neg_integer
        }

  @nothing %{joined: [], faults: [], nodes: %{}, refusals: [], clocks: %{}, shared: []}

  @doc """
  Listens for `ms` milliseconds, and returns what was heard, joined and refused meanwhile.

  Raises `RuntimeError` as `NativeGossip.Loop.open/3` and `NativeGossip.Loop.work/4` do.
  """
  @spec run(Options.t(), ms :: pos_integer) :: told
  def run(options, ms) do
    task = Task.async(fn -> listen(options, now() + ms) end)

    # Raised here, whoever asked reads a sentence. A crash of the task would end the caller, who may be in a shell.
    case Task.await(task, ms + 30_000) do
      {:ok, told} -> told
      {:error, error} -> raise error
    end
  end

  defp listen(options, deadline) do
    {:ok, serve(Loop.open(options, nil, "the doctor cannot listen"), deadline, @nothing)}
  rescue
    error in RuntimeError -> {:error, error}
  end

  defp serve(loop, deadline, told) do
    slice = max(1, min(@slice, deadline - now()))
    {_state, events} = Loop.work(loop, :nonode@nohost, true, slice)
    told = Enum.reduce(events, told, &note/2)

    if now() < deadline,
      do: serve(loop, deadline, told),
      else: %{told | refusals: counted(told.refusals, Native.counters(loop))}
  end

  defp note({:heartbeat_received, %{node: node} = fields}, %{nodes: nodes} = told)
       when is_map_key(nodes, node) or map_size(nodes) < @max_names do
    heard = Map.get(nodes, node, %{packets: 0, sources: [], interfaces: []})
    {address, _port} = fields.source

    put_in(told.nodes[node], %{
      packets: heard.packets + 1,
      sources: Enum.take(Enum.uniq(heard.sources ++ [address]), @max_sources),
      interfaces: Enum.uniq(List.wrap(fields.interface) ++ heard.interfaces),
      missing: fields.lost || 0,
      # Without those that came by several ways.
      received: fields.taken || heard.packets + 1
    })
  end

  defp note({:packets_refused, refusal}, told), do: update_in(told.refusals, &[refusal | &1])

  defp note({:group_joined, %{interface: interface}}, told),
    do: update_in(told.joined, &(&1 ++ [interface]))

  defp note({:group_left, %{interface: interface}}, told),
    do: update_in(told.joined, &List.delete(&1, interface))

  defp note({:fault_raised, fault}, told), do: update_in(told.faults, &(&1 ++ [fault]))

  defp note({:fault_cleared, fault}, told),
    do: update_in(told.faults, fn faults -> Enum.reject(faults, &same?(&1, fault)) end)

  defp note({kind, %{node: node, off_ms: off_ms}}, told)
       when kind in [:clock_off, :unproven, :clock_moved],
       do: put_in(told.clocks[node], off_ms)

  defp note({:name_shared, %{node: node}}, told),
    do: update_in(told.shared, &Enum.uniq([node | &1]))

  defp note(_other, told), do: told

  # Its cause may have changed since it was raised, but not where it is.
  defp same?(one, other) do
    place = [:fault, :step, :interface, :wanted]
    Map.take(one, place) == Map.take(other, place)
  end

  # Of each cause the loop tells the first packet, and counts them all.
  defp counted(refusals, counters) do
    for %{cause: cause} = refusal <- Enum.uniq_by(refusals, & &1.cause) do
      %{refusal | packets: Map.get(counters, cause, refusal.packets)}
    end
  end

  defp now, do: System.monotonic_time(:millisecond)
end
