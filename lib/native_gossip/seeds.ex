defmodule NativeGossip.Seeds do
  @moduledoc """
  Tells the loop the targets that the option `seeds` leads to. It resolves the names of hosts outside
  the loop, which must not wait for a name server, and again and again, since addresses move.

  A name that cannot be resolved keeps the addresses that it had. Only changes are logged.
  """

  use GenServer

  alias NativeGossip.{Events, Options}
  alias NativeGossip.Options.Address

  # Pauses between two rounds, in ms: where all names are resolved, and where some are not.
  @settled 30_000
  @unsettled 5_000

  # For one name, in ms: a system that has two name servers asks the second one after 5 s.
  @patience 10_000

  @enforce_keys [:owner, :topology, :family, :literals, :named, :hand_over]
  defstruct @enforce_keys ++
              [
                resolve: &:inet.getaddrs/2,
                later: &__MODULE__.later/1,
                patience: @patience,
                known: %{},
                failing: MapSet.new(),
                cut?: false
              ]

  @typedoc "What is handed over: all targets, each of the family of `multicast_addr`."
  @type targets :: [{:inet.ip_address(), :inet.port_number()}]

  @type mfa_tuple :: {module, function :: atom, arguments :: [term]}

  @doc """
  Starts the process, linked to the caller, with which it ends. `hand_over` is called in it with the
  targets as one argument more, the same ones many times over. It is no anonymous function: those of a
  module that is loaded again are gone.

  `outside` replaces, for a test, what it has of the world: `resolve` (as `:inet.getaddrs/2`), `later`
  (called with a time in ms after which the process wants `:round`), and `patience` with one name.
  """
  @spec start_link(Options.t(), topology :: atom, hand_over :: mfa_tuple, outside :: keyword) ::
          GenServer.on_start()
  def start_link(options, topology, hand_over, outside \\ []) do
    {literals, named} = Enum.split_with(options.seeds, fn {host, _port} -> is_tuple(host) end)

    seeds = %__MODULE__{
      owner: self(),
      topology: topology,
      family: Address.family(options.multicast_addr),
      literals: literals,
      named: named,
      hand_over: hand_over
    }

    GenServer.start_link(__MODULE__, struct!(seeds, outside))
  end

  @doc false
  def later(pause), do: Process.send_after(self(), :round, pause)

  # The link alone would not end this process with an owner that ends normally.
  @impl GenServer
  def init(seeds) do
    Process.monitor(seeds.owner)
    {:ok, seeds, {:continue, :round}}
  end

  @impl GenServer
  def handle_continue(:round, seeds), do: {:noreply, next_round(seeds)}

  @impl GenServer
  def handle_info(:round, seeds), do: {:noreply, next_round(seeds)}

  def handle_info({:DOWN, _ref, :process, owner, _reason}, %{owner: owner} = seeds),
    do: {:stop, :normal, seeds}

  def handle_info(_stray, seeds), do: {:noreply, seeds}

  @impl GenServer
  def handle_call(_stray, _from, seeds), do: {:reply, {:error, :unknown_call}, seeds}

  @impl GenServer
  def handle_cast(_stray, seeds), do: {:noreply, seeds}

  # What is known is handed over first, and each change at once: a name server that does not answer
  # holds up nothing but its own names.
  defp next_round(seeds) do
    seeds = seeds |> hand_over() |> resolve_all()
    seeds.later.(if MapSet.size(seeds.failing) == 0, do: @settled, else: @unsettled)
    seeds
  end

  defp hand_over(seeds) do
    found =
      for {name, port} <- seeds.named, address <- Map.get(seeds.known, name, []) do
        {address, port}
      end

    {targets, left_out} =
      (seeds.literals ++ found) |> Enum.uniq() |> Enum.split(Options.Seeds.max())

    if left_out != [] and not seeds.cut? do
      Events.emit(seeds.topology, {:seeds_cut, %{max: Options.Seeds.max()}})
    end

    {module, function, arguments} = seeds.hand_over
    :ok = apply(module, function, arguments ++ [targets])
    %{seeds | cut?: left_out != []}
  end

  defp resolve_all(%{resolve: resolve, family: family} = seeds) do
    seeds.named
    |> Enum.uniq_by(fn {name, _port} -> name end)
    |> Task.async_stream(
      fn {name, _port} -> resolve(name, resolve, family) end,
      max_concurrency: Options.Seeds.max(),
      ordered: false,
      timeout: seeds.patience,
      on_timeout: :kill_task,
      zip_input_on_exit: true
    )
    |> Enum.reduce(seeds, fn
      {:ok, {name, answer}}, seeds -> learn(seeds, name, answer)
      {:exit, {{name, _port}, reason}}, seeds -> learn(seeds, name, {:error, reason})
    end)
  end

  defp resolve(name, resolve, family) do
    {name, answer(resolve.(String.to_charlist(name), family), family)}
  catch
    kind, reason -> {name, {:error, {kind, reason}}}
  end

  # Addresses of the other family, as an IPv4 one in IPv6's clothes, are of no use to the loop's socket.
  # Sorted, since name servers turn the order round; one more than are used tells that some are cut.
  defp answer({:ok, found}, family) do
    addresses =
      for {:ok, address} <- Enum.map(found, &Address.parse/1),
          Address.family(address) == family,
          uniq: true,
          do: address

    if addresses == [],
      do: {:error, :nxdomain},
      else: {:ok, addresses |> Enum.sort() |> Enum.take(Options.Seeds.max() + 1)}
  end

  defp answer({:error, reason}, _family), do: {:error, reason}
  defp answer(other, _family), do: {:error, other}

  defp learn(seeds, name, {:ok, addresses}) do
    if seeds.known[name] == addresses and name not in seeds.failing do
      seeds
    else
      Events.emit(seeds.topology, {:seed_resolved, %{name: name, addresses: addresses}})

      hand_over(%{
        seeds
        | known: Map.put(seeds.known, name, addresses),
          failing: MapSet.delete(seeds.failing, name)
      })
    end
  end

  defp learn(seeds, name, {:error, reason}) do
    if name not in seeds.failing do
      Events.emit(seeds.topology, {:seed_unresolved, %{name: name, reason: reason}})
    end

    %{seeds | failing: MapSet.put(seeds.failing, name)}
  end
end
