defmodule NativeGossip.Bench.Listener do
  @moduledoc """
  Who is compared by what it costs to hear a heartbeat: an operating system process of its own that listens on a
  port of the loopback.

    * `:recvfrom` and `:poll`: a program that only receives, packet by packet;
    * `:ours`: a BEAM with this strategy, which is connected to all peers;
    * `:stock`: one with the stock strategy, to whose `list_nodes` all peers are connected;
    * `:reference`: one with `NativeGossip.Test.ReferencePeer`: a socket of `gen_udp` in active mode, and a process
      that opens each packet and reads the name in it.
  """
  alias NativeGossip.Bench.{Sender, Settled}
  alias NativeGossip.Dev.{Await, Beam, FreePort, Inside, OsProcess}
  alias NativeGossip.Test.ReferencePeer

  @enforce_keys [:kind, :os_pid, :port, :peers, :turns]
  defstruct @enforce_keys ++ [:beam, :program]

  @type kind :: :recvfrom | :poll | :ours | :reference | :stock
  @type t :: %__MODULE__{}

  @host "127.0.0.1"

  # What it sends itself within any measurement is nobody's heartbeat.
  @config [receive_limit: 1_000_000, heartbeat_interval: 60_000]

  # It has nothing left to do when it takes less than 2 % of a core.
  @rest_ms 50
  @rest_ns 1_000_000

  @doc "Starts one that has heard all of its `peers`; `options` are further ones of this strategy."
  @spec start(kind, peers :: pos_integer, keyword) :: t
  def start(kind, peers, options \\ [])

  def start(kind, peers, _options) when kind in [:recvfrom, :poll] do
    port = FreePort.udp()
    mode = if kind == :poll, do: "poll", else: "receive"
    program = OsProcess.open(Sender.program(), [mode, "#{@host}:#{port}"], [])
    {:os_pid, os_pid} = Port.info(program, :os_pid)

    receive do
      {^program, {:data, "ready\n"}} -> :ok
    end

    %__MODULE__{new(kind, os_pid, port, peers) | program: program}
  end

  def start(:ours, peers, options) do
    {beam, port} = Settled.boot(:ours, peers, Keyword.merge(@config, options))
    listener = %__MODULE__{new(:ours, beam.os_pid, port, peers) | beam: beam}
    :ok = Settled.introduce(beam, peers, &send_heartbeats(listener, :signed, &1))
    listener
  end

  def start(kind, peers, _options) when kind in [:stock, :reference] do
    {beam, port} = Settled.boot(if(kind == :stock, do: :stock, else: :none), peers)
    if kind == :reference, do: :ok = Beam.call(beam, __MODULE__, :refer, [port])
    listener = %__MODULE__{new(kind, beam.os_pid, port, peers) | beam: beam}
    _ = send_heartbeats(listener, :sealed, [200, 1, 2])
    listener
  end

  defp new(kind, os_pid, port, peers) do
    %__MODULE__{kind: kind, os_pid: os_pid, port: port, peers: peers, turns: :counters.new(1, [])}
  end

  # Inside the VM.
  @doc false
  def refer(port) do
    owner = spawn(__MODULE__, :ignore, [])
    options = [port: port, owner: owner, secret: Sender.secret(), group: Settled.group()]
    {:ok, _} = GenServer.start(ReferencePeer, options)
    :ok
  end

  @doc false
  def ignore do
    receive do
      {:heard, _name} -> ignore()
    end
  end

  @doc "Ends it."
  @spec stop(t) :: :ok
  def stop(%{beam: nil, program: program}) do
    Port.close(program)
    :ok
  end

  def stop(%{beam: beam}), do: Beam.stop(beam)

  @doc "Sends it heartbeats of its peers; `numbers` are those a second, how many of these at once, and the seconds."
  @spec send_heartbeats(t, Sender.form(), [pos_integer]) :: pos_integer
  def send_heartbeats(listener, form, [per_second, _at_once, seconds] = numbers) do
    turns = :counters.get(listener.turns, 1)
    :counters.add(listener.turns, 1, div(per_second * seconds, listener.peers) + 1)
    Sender.run(form, listener.port, [listener.peers | numbers], turns)
  end

  @type heard :: %{sent: pos_integer, dropped: non_neg_integer, cpu_ns: non_neg_integer}

  @doc "Sends as `send_heartbeats/3`, and returns what came of it, when everything was handled."
  @spec hear(t, Sender.form(), [pos_integer]) :: heard
  def hear(listener, form, numbers) do
    {cpu, drops} = {OsProcess.cpu_ns(listener.os_pid), drops(listener)}
    sent = send_heartbeats(listener, form, numbers)
    cpu = await_rest(listener) - cpu
    %{sent: sent, dropped: drops(listener) - drops, cpu_ns: cpu}
  end

  defp drops(listener), do: OsProcess.udp_queue(listener.os_pid, listener.port).drops

  # By what the system tells: a question to it would cost what is measured.
  defp await_rest(listener) do
    before = OsProcess.cpu_ns(listener.os_pid)
    Process.sleep(@rest_ms)
    spent = OsProcess.cpu_ns(listener.os_pid)
    waiting = OsProcess.udp_queue(listener.os_pid, listener.port).bytes
    if waiting > 0 or spent - before > @rest_ns, do: await_rest(listener), else: spent
  end

  @doc "CPU of each in nanoseconds a second, while nobody sends."
  @spec idle([t], seconds :: pos_integer) :: %{t => float}
  def idle(listeners, seconds) do
    before = Map.new(listeners, &{&1, OsProcess.cpu_ns(&1.os_pid)})
    # This time is what is measured.
    Process.sleep(1_000 * seconds)

    Map.new(before, fn {listener, cpu} ->
      {listener, (OsProcess.cpu_ns(listener.os_pid) - cpu) / seconds}
    end)
  end

  @doc """
  Microseconds of CPU for each packet that reached it, without what it takes when nobody sends (`idle/2`).
  """
  @spec cost(t, Sender.form(), [pos_integer], idle :: float) :: float
  def cost(listener, form, [_, _, seconds] = numbers, idle) do
    before = judged(listener)
    heard = hear(listener, form, numbers)
    handled = heard.sent - heard.dropped

    with %__MODULE__{kind: :ours} <- listener do
      Await.until("all are judged", fn -> judged(listener) - before end, &(&1 >= handled))
    end

    (heard.cpu_ns - idle * seconds) / handled / 1000
  end

  defp judged(%{kind: :ours, beam: beam}), do: Beam.call(beam, Inside, :counters, [:lan]).received
  defp judged(_listener), do: 0
end
