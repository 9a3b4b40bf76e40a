defmodule NativeGossip.Doctor.Exchange do
  @moduledoc """
  Two doctors: one asks, by unicast and by the group, and the other, which runs with `answer: true`, answers.

  A question has a tag, and the answer says by which ways it came. It goes back by unicast, from the port of the
  topology: a firewall that lets the question out lets the answer in. An answer is as long as the question, so nobody
  can have more sent to another than he sends himself.

  Who answers holds the port for all addresses, and so takes what is sent to a node of its host alone, as heartbeats
  to seeds, for as long as it runs.
  """

  alias NativeGossip.Doctor.{Ear, Facts}
  alias NativeGossip.Options

  # What a packet of a doctor is: an echo (0) of no concern here, a question by the group or by unicast, or an answer.
  @by_group 1
  @by_unicast 2
  @answers %{3 => [:multicast], 4 => [:unicast], 5 => [:unicast, :multicast]}

  # How often is asked, and the time for an answer in ms. Packets are lost, and a switch may learn from the first.
  @rounds 4
  @patience 500

  # Tags that are remembered while answering.
  @max_tags 1_000

  @type answerer :: %{socket: :socket.socket(), tags: :ets.table()}

  @doc "Asks the doctor at this host, by each of these interfaces and by unicast."
  @spec ask(Options.t(), [map], host :: String.t()) :: Facts.to()
  def ask(options, interfaces, host) do
    family = family(options)

    with {:ok, address} <- :inet.getaddr(String.to_charlist(host), family),
         {:ok, socket} <- :socket.open(family, :dgram, :udp) do
      asked = %{socket: socket, tag: :crypto.strong_rand_bytes(16), options: options}

      try do
        _ = :socket.setopt(socket, hops(family), options.multicast_ttl)
        {sent, arrived} = rounds(asked, interfaces, address, @rounds, {:ok, []})
        %{host: host, address: address, sent: sent, arrived: arrived}
      after
        :socket.close(socket)
      end
    else
      {:error, reason} -> %{host: host, address: nil, sent: {:error, reason}, arrived: []}
    end
  end

  defp family(%{multicast_addr: group}) when tuple_size(group) == 8, do: :inet6
  defp family(_options), do: :inet

  defp hops(:inet), do: {:ip, :multicast_ttl}
  defp hops(:inet6), do: {:ipv6, :multicast_hops}

  defp rounds(_asked, _interfaces, _address, 0, outcome), do: outcome

  defp rounds(%{options: options} = asked, interfaces, address, left, {_sent, arrived}) do
    Enum.each(interfaces, &to_group(asked, &1))
    # By the group first: the answer to the other says whether it came.
    sent = transmit(asked, @by_unicast, target(address, options.port, 0))
    deadline = System.monotonic_time(:millisecond) + @patience
    arrived = Enum.uniq(arrived ++ answers(asked, deadline))

    if length(arrived) == 2,
      do: {:ok, arrived},
      else: rounds(asked, interfaces, address, left - 1, {sent, arrived})
  end

  defp to_group(%{socket: socket, options: options} = asked, %{index: index, address: address}) do
    group = options.multicast_addr

    _ =
      if tuple_size(group) == 8,
        do: :socket.setopt(socket, {:ipv6, :multicast_if}, index),
        else: :socket.setopt(socket, {:ip, :multicast_if}, address)

    transmit(asked, @by_group, target(group, options.port, index))
  end

  defp transmit(%{socket: socket, tag: tag}, kind, target),
    do: Ear.transmit(socket, Ear.packet(tag, kind), target)

  defp target(address, port, scope) when tuple_size(address) == 8,
    do: %{family: :inet6, addr: address, port: port, scope_id: scope, flowinfo: 0}

  defp target(address, port, _scope), do: %{family: :inet, addr: address, port: port}

  defp answers(%{socket: socket, tag: tag} = asked, deadline) do
    case Ear.receive_until(socket, deadline) do
      {:ok, _source, packet} ->
        case Ear.read(packet) do
          # There is nothing more to wait for.
          {^tag, 5} -> @answers[5]
          {^tag, kind} -> Map.get(@answers, kind, []) ++ answers(asked, deadline)
          _ -> answers(asked, deadline)
        end

      :over ->
        []
    end
  end

  @doc "Holds the port, to answer what comes by unicast, and remembers what came by the group."
  @spec start_answering(Options.t()) :: {:ok, answerer} | {:error, term}
  def start_answering(options) do
    family = family(options)
    any = target(options.if_addr, options.port, 0)

    with {:ok, socket} <- :socket.open(family, :dgram, :udp),
         :ok <- :socket.setopt(socket, {:socket, :reuseaddr}, true),
         :ok <- :socket.bind(socket, any),
         do: {:ok, %{socket: socket, tags: :ets.new(__MODULE__, [:public, :set])}}
  end

  @doc "Answers what comes by unicast until this monotonic time in ms."
  @spec answer_until(answerer, deadline :: integer) :: :ok
  def answer_until(%{socket: socket} = answerer, deadline) do
    case Ear.receive_until(socket, deadline) do
      {:ok, source, packet} ->
        heard(answerer, source, packet)
        answer_until(answerer, deadline)

      :over ->
        :ok
    end
  end

  @doc "Answers a question, by whichever socket of this host it came; to nil nothing is answered."
  @spec heard(answerer | nil, source :: map, binary) :: :ok
  def heard(nil, _source, _packet), do: :ok

  def heard(%{socket: socket, tags: tags}, source, packet) do
    case Ear.read(packet) do
      {tag, kind} when kind in [@by_group, @by_unicast] ->
        if :ets.info(tags, :size) < @max_tags or :ets.member(tags, {tag, @by_group}),
          do: :ets.insert(tags, {{tag, kind}, source.addr})

        _ = Ear.transmit(socket, Ear.packet(tag, answer(tags, tag, kind)), source)
        :ok

      _ ->
        :ok
    end
  end

  defp answer(tags, tag, @by_unicast), do: if(:ets.member(tags, {tag, @by_group}), do: 5, else: 4)
  defp answer(tags, tag, @by_group), do: if(:ets.member(tags, {tag, @by_unicast}), do: 5, else: 3)

  @doc "Whom it answered."
  @spec stop_answering(answerer) :: [:inet.ip_address()]
  def stop_answering(%{socket: socket, tags: tags}) do
    answered = for {_, address} <- :ets.tab2list(tags), uniq: true, do: address
    _ = :socket.close(socket)
    true = :ets.delete(tags)
    Enum.sort(answered)
  end
end
