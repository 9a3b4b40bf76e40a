defmodule NativeGossip.Doctor do
  @moduledoc """
  Says why nodes do not meet, as far as it can be seen from one host.

      NativeGossip.Doctor.run(topology: :lan)
      #=> :lan, 233.252.1.32:45892, with a secret, 6 s
      #     eth0 (10.0.0.5): joined, own packet heard, 4 packets of other hosts
      #     heard "a@10.0.0.5" of this host on eth0: 2 packets
      #     heard "b@10.0.0.6" from 10.0.0.6 on eth0: 4 packets
      #     probed: 2 of 2 answered, up to the cookie's challenge
      #     epmd runs on this host
      #   Nothing wrong found, 2 nodes heard, 1 of this host.

  What it returns is a `NativeGossip.Doctor.Report`, which IEx shows like this.

  `mix native_gossip.doctor` is the same from a shell. In a release, call it in the remote shell of a node.

  ## What it does

    1. It joins as the topology does, by a loop without a name (`NativeGossip.Doctor.Listener`): the same code that
       a node has, so what it cannot join a node cannot join either.
    2. On each interface it sends a packet that nobody takes, and sees whether it comes back
       (`NativeGossip.Doctor.Ear`). It does not leave this host. Nodes of this host refuse it, and may say so in a
       line of their log.
    3. It listens for some seconds, and counts what is heard and what is refused.
    4. It asks the topology what it has seen, where that runs in this BEAM. It probes the nodes that it heard
       (`NativeGossip.Probe`), and asks their epmd and that of this host.
    5. `NativeGossip.Doctor.Findings` makes findings of that, and `NativeGossip.Doctor.Kind` has them all.

  Nobody connects because of it: it sends no heartbeat.

  ## Why a loop and sockets

  The loop has the decoding, the rules and the choice of interfaces, and tells where each heartbeat came from. Of what
  it refuses it tells one packet of each cause in a minute, and without a name it sends nothing that could come back.
  One socket for each interface tells all addresses and sends, in Elixir and without a line of Rust. It reads no packet
  but those of doctors. It was run on Linux alone.

  ## What it cannot see

    * What comes to a node of this host alone, as heartbeats to its seeds do: the doctor is bound to the group, so that
      it takes nothing away from a node that shares the port. With `broadcast_only` or an IPv6 group it is bound as the
      topology is.
    * Whether others hear this host, where no doctor answers there (`to:`).
    * Two BEAMs of one name that do not sign.
    * From `mix`, what only a node of the cluster has: its name, its flags (TLS, another epmd), its cookie, and what it
      has seen so far (`NativeGossip.Doctor.Running`). The remote shell of a node has them.
  """

  alias NativeGossip.Doctor.{Config, Examination, Findings, Report}
  alias NativeGossip.Options

  # A heartbeat comes at least every 5 s, so 6 s hear each node that is well, but in clusters of 500 nodes and more,
  # which speak less often. A longer interval is waited for, but no longer than this.
  @seconds 6
  @max_default 60

  # In seconds. Nobody waits for a report longer than an hour.
  @seconds_range 1..3_600

  @defaults [
    topology: nil,
    config: [],
    seconds: nil,
    probe: true,
    to: nil,
    answer: false,
    progress: &Function.identity/1
  ]

  @typedoc """
    * `:topology`: its name in `config :libcluster, topologies: …`; without it the only one of this strategy there,
      and where there is none, the defaults of the options;
    * `:config`: options of `NativeGossip.Strategy`, which take the place of those of the topology;
    * `:seconds`: how long to listen, up to an hour; #{@seconds}, or as long as a `heartbeat_interval` that is longer,
      up to a minute;
    * `:probe`: `false` probes nobody;
    * `:to`: another host, at which a doctor answers: it is asked by unicast and by the group. The question by the
      group is heard by all nodes there, which refuse it, and may say so in a line of their log;
    * `:answer`: whether to answer such questions (`NativeGossip.Doctor.Exchange`); then it listens for a minute;
    * `:progress`: called with a line about what is done next.
  """
  @type option ::
          {:topology, atom}
          | {:config, keyword}
          | {:seconds, pos_integer | nil}
          | {:probe, boolean}
          | {:to, String.t() | nil}
          | {:answer, boolean}
          | {:progress, (String.t() -> term)}

  @doc """
  Looks, listens, and reports. Takes the seconds that it listens, and up to 45 more where hosts do not answer.

  Raises `ArgumentError` where the topology is not known, or an option is wrong, and `RuntimeError` where the system has
  no file descriptors left.
  """
  @spec run([option]) :: Report.t()
  def run(options \\ []) do
    options = checked!(options)
    {topology, config} = Config.of(options[:topology], options[:config])
    checked = Options.validate!(config, topology)
    seconds = options[:seconds] || seconds(checked, options[:answer])
    # Without the configuration, in which there may be a secret.
    asked = options |> Keyword.take([:probe, :to, :answer, :progress]) |> Map.new()
    facts = Examination.facts(topology, checked, Map.put(asked, :seconds, seconds))
    %Report{facts: facts, findings: Findings.of(facts)}
  end

  @doc false
  @spec seconds_range() :: Range.t()
  def seconds_range, do: @seconds_range

  defp seconds(_options, true), do: @max_default

  defp seconds(options, false),
    do: max(@seconds, min(div(options.heartbeat_interval, 1_000) + 1, @max_default))

  @spec checked!(term) :: [option]
  defp checked!(options) do
    unless Keyword.keyword?(options) do
      refuse!("the options", "a keyword list, as [topology: :lan]", "another term")
    end

    for {name, _} <- options, not Keyword.has_key?(@defaults, name) do
      {last, others} = @defaults |> Keyword.keys() |> Enum.map(&inspect/1) |> List.pop_at(-1)
      refuse!("the options", "none but #{Enum.join(others, ", ")} and #{last}", inspect(name))
    end

    names = Keyword.keys(options)
    twice = names -- Enum.uniq(names)
    if twice != [], do: refuse!("the options", "each once", inspect(hd(twice)))
    options = Keyword.merge(@defaults, options)

    for {name, value} <- options, not valid?(name, value) do
      refuse!("option #{inspect(name)}", expected(name), given(name, value))
    end

    options
  end

  defp valid?(:topology, name), do: is_atom(name)
  defp valid?(:config, config), do: Keyword.keyword?(config)

  defp valid?(:seconds, seconds),
    do: seconds == nil or (is_integer(seconds) and seconds in @seconds_range)

  defp valid?(:to, host), do: host == nil or (is_binary(host) and String.valid?(host))
  defp valid?(:progress, function), do: is_function(function, 1)
  defp valid?(flag, value) when flag in [:probe, :answer], do: is_boolean(value)

  defp expected(:topology), do: "the name of a topology, as :lan in topologies: [lan: …]"
  defp expected(:config), do: "a keyword list, as [port: 45_892]"

  defp expected(:seconds),
    do: "how long to listen, in s, from #{@seconds_range.first} to #{@seconds_range.last}"

  defp expected(:to), do: ~s(a host, as a string: "10.0.0.6")
  defp expected(:progress), do: "a function of one line"
  defp expected(flag) when flag in [:probe, :answer], do: "true or false"

  defp given(:config, _config), do: "another term, not shown for its secrets"
  defp given(_name, value), do: inspect(value)

  @spec refuse!(String.t(), String.t(), String.t()) :: no_return
  defp refuse!(what, expected, given) do
    raise ArgumentError,
          "#{what} of NativeGossip.Doctor.run/1: expected #{expected}, got: #{given}"
  end
end
