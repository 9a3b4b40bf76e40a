defmodule Mix.Tasks.NativeGossip.Map do
  @shortdoc "Shows who hears whom in a running cluster"
  @moduledoc """
  Shows who hears whom in a running cluster, and who is connected to whom: `NativeGossip.ClusterMap`.

      $ mix native_gossip.map --node a@10.0.0.5 --cookie choose-another
      $ mix native_gossip.map --node a@10.0.0.5 --html map.html
      $ mix native_gossip.map --node a@10.0.0.5 --json | jq .findings

  It connects as a hidden node to one node, which asks all others. It starts no application, and no epmd.

  | option | meaning |
  |---|---|
  | `--node NAME` | a node of the cluster that runs the topology |
  | `--cookie COOKIE` | the cookie of the cluster. Others can read it in the list of processes; without it, that of `~/.erlang.cookie` |
  | `--topology NAME` | the topology; not needed where the node runs only one |
  | `--timeout MS` | how long to wait for each node, 500 to 600,000 (6,000) |
  | `--json` | the map as JSON, and nothing else |
  | `--html FILE` | writes the map as one HTML file, too |
  | `--name NAME`, `--sname NAME` | a name for the node that it starts, in place of `native_gossip_map_` and a number |

  The exit status is 0 where every node answered, also those of whom the answer is that they have no native_gossip, and
  1 where one did not.

  In a release there is no Mix. There, a node prints the map itself:

      $ bin/my_app rpc "NativeGossip.map(:lan) |> IO.puts()"
      $ bin/my_app rpc "NativeGossip.map(:lan) |> NativeGossip.ClusterMap.html() |> IO.puts()" > map.html
  """
  use Mix.Task

  alias NativeGossip.{ClusterMap, Probe}
  alias NativeGossip.ClusterMap.{Answer, Survey}

  @switches [
    node: :string,
    cookie: :string,
    topology: :string,
    timeout: :integer,
    json: :boolean,
    html: :string,
    name: :string,
    sname: :string
  ]

  # In ms, beside the timeout: for the way there and back, and for short questions.
  @way 5_000

  @impl true
  def run(arguments) do
    options = parse(arguments)
    timeout = timeout(options[:timeout])
    node = node_name(options[:node])

    start(node, options)
    connect(node)
    map = make(node, topology(node, options[:topology]), timeout)

    if file = options[:html], do: write(file, ClusterMap.html(map))
    IO.puts(if options[:json], do: ClusterMap.json(map), else: ClusterMap.text(map))
    # On the side: what is printed may be read by a program.
    if file = options[:html], do: IO.puts(:stderr, "\nwritten: #{file}")
    # As Mix has it: the status of the command.
    unless ClusterMap.complete?(map), do: exit({:shutdown, 1})
  end

  defp parse(arguments) do
    case OptionParser.parse(arguments, strict: @switches) do
      {options, [], []} -> options
      {_, [argument | _], _} -> refuse("unknown argument #{argument}")
      {_, _, [{option, nil} | _]} -> refuse("unknown option #{option}, or it needs a value")
      {_, _, [{option, value} | _]} -> refuse("#{option} cannot be #{value}")
    end
  end

  @spec refuse(String.t()) :: no_return
  defp refuse(what), do: Mix.raise("#{what}. See mix help native_gossip.map")

  defp timeout(given) do
    {default, range} = ClusterMap.timeouts()
    timeout = given || default

    unless timeout in range,
      do: refuse("--timeout cannot be #{timeout}: #{range.first} to #{range.last}")

    timeout
  end

  defp node_name(nil),
    do: refuse("--node is missing: give a node of the cluster, as --node a@10.0.0.5")

  defp node_name(name) do
    unless name =~ ~r/^[^@]+@[^@]+$/,
      do: refuse("--node cannot be #{name}: expected a name with its host, as a@10.0.0.5")

    String.to_atom(name)
  end

  # A VM that has a name already is asked for no other.
  defp start(node, options) do
    unless Node.alive?(), do: start_as(own_name(node, options))
    if cookie = options[:cookie], do: Node.set_cookie(String.to_atom(cookie))
  end

  defp own_name(node, options) do
    long? = node |> Atom.to_string() |> String.split("@") |> List.last() |> Probe.long?()

    case {options[:name], options[:sname]} do
      {nil, nil} -> default_name(long?)
      {name, nil} -> {String.to_atom(name), :longnames}
      {nil, name} -> {String.to_atom(name), :shortnames}
      {_, _} -> refuse("--name and --sname are given: expected one of the two")
    end
  end

  # The number keeps two of them apart. No host has to be found by this name: nobody connects to it.
  defp default_name(long?) do
    host = :inet.gethostname() |> elem(1) |> to_string() |> String.split(".") |> hd()
    name = "native_gossip_map_#{System.pid()}@#{host}"

    if long?,
      do: {String.to_atom(name <> ".local"), :longnames},
      else: {String.to_atom(name), :shortnames}
  end

  # It listens to nobody, so that it needs no epmd, and no port in a firewall.
  defp start_as({name, domain}) do
    options = %{name_domain: domain, hidden: true, dist_listen: false}

    case :net_kernel.start(name, options) do
      {:ok, _pid} ->
        :ok

      {:error, reason} ->
        Mix.raise(
          "this VM cannot become a node named #{name} (#{domain}): #{inspect(reason)}. " <>
            "Give a name with --name me@HOST or --sname me, of the same form as --node"
        )
    end
  end

  defp connect(node) do
    unless Node.connect(node) == true do
      why = node |> Probe.run(connect: :failed) |> explained()
      Mix.raise("cannot connect to #{node}#{why}")
    end
  end

  defp explained(%{cause: cause} = result),
    do: " (#{cause}): #{Probe.Explanation.sentence(result)}"

  defp topology(node, wanted) do
    running = node |> call(NativeGossip, :topologies, [], @way) |> Keyword.keys() |> Enum.uniq()
    names = Enum.map(running, &Answer.topology_name/1)

    case {wanted, running} do
      {nil, [topology]} ->
        topology

      {nil, []} ->
        Mix.raise(
          "#{node} runs no topology with NativeGossip.Strategy. Give another node with --node"
        )

      {nil, _several} ->
        refuse(
          "#{node} runs several topologies, give one with --topology: #{Enum.join(names, ", ")}"
        )

      {wanted, _} ->
        place = Enum.find_index(names, &(&1 == wanted))
        if place, do: Enum.at(running, place), else: unknown(node, wanted, names)
    end
  end

  @spec unknown(node, String.t(), [String.t()]) :: no_return
  defp unknown(node, wanted, names) do
    there = if names == [], do: "none", else: Enum.join(names, ", ")

    refuse(
      "--topology cannot be #{wanted}: #{node} does not run it; those that run there are: #{there}"
    )
  end

  # Its answers come as they are: this VM may have another version than the node.
  defp make(node, topology, timeout) do
    node
    |> call(Survey, :take, [topology, timeout], timeout + @way)
    |> ClusterMap.assemble(DateTime.utc_now())
  end

  defp call(node, module, function, arguments, timeout) do
    :erpc.call(node, module, function, arguments, timeout)
  catch
    :error, {:exception, :undef, _stack} ->
      Mix.raise(
        "#{node} has no native_gossip, or one that cannot make a map. Give a node with this version with --node"
      )

    :error, {:exception, reason, _stack} ->
      Mix.raise(
        "#{node} cannot make a map: " <> Exception.message(Exception.normalize(:error, reason))
      )

    :error, {:erpc, reason} ->
      Mix.raise(
        "#{node} does not answer (#{reason}): it hangs, or its network is cut off. Try another --node"
      )
  end

  defp write(file, html) do
    with {:error, reason} <- File.write(file, html) do
      Mix.raise(
        "--html cannot be #{file}: #{:file.format_error(reason)}. Give a file in a folder that can be written to"
      )
    end
  end
end
