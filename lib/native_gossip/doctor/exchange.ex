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
  alias NativeGossip.Options.Address

  # What a packet of a doctor is: an echo (0) of no concern here, a question by the group or by unicast, or an answer.
  @by_group 1
  @by_unicast 2
  @to_group 3
  @to_unicast 4
  @to_both 5

  # How often is asked, and the time for an answer in ms. Packets are lost, and a switch may learn from the first.
  @rounds 4
  @patience 500

  # Questions by unicast, to see how many are lost. A host that is well answers them all.
  @samples 20

  # Tags that are remembered while answering.
  @max_tags 1_000

  @type answerer :: %{socket: :socket.socket(), tags: :ets.table()}

  @doc "Asks the doctor at this host, by each of these interfaces and by unicast."
  @spec ask(Options.t(), [map], host :: String.t()) :: Facts.to()
  def ask(options, interfaces, host) do
    family = Address.family(options.multicast_addr)

    with {:ok, address} <- :inet.getaddr(String.to_charlist(host), family),
         {:ok, socket} <- :socket.open(family, :dgram, :udp) do
      asked = %{socket: socket, tag: :crypto.strong_rand_bytes(16), options: options}

      try do
        _ = :socket.setopt(socket, hops(family), options.multicast_ttl)
        {sent, answers} = rounds(asked, interfaces, address, @rounds, {:ok, []})
        {arrived, others} = judged(answers, address)
        lost = if :unicast in arrived, do: lost(asked, address)
        %{host: host, address: address, sent: sent, arrived: arrived, others: others, lost: lost}
      after
        :socket.close(socket)
      end
    else
      {:error, reason} ->
        %{host: host, address: nil, sent: {:error, reason}, arrived: [], others: [], lost: nil}
    end
  end

  defp hops(:inet), do: {:ip, :multicast_ttl}
  defp hops(:inet6), do: {:ipv6, :multicast_hops}

  defp rounds(_asked, _interfaces, _address, 0, outcome), do: outcome

  defp rounds(%{options: options} = asked, interfaces, address, left, {_sent, answers}) do
    Enum.each(interfaces, &to_group(asked, &1))
    # By the group first: the answer to the other says whether it came.
    sent = transmit(asked, @by_unicast, Ear.target(address, options.port, 0))
    deadline = System.monotonic_time(:millisecond) + @patience
    answers = Enum.uniq(answers ++ answers(asked, deadline))

    if match?({[_, _], _}, judged(answers, address)),
      do: {:ok, answers},
      else: rounds(asked, interfaces, address, left - 1, {sent, answers})
  end

  # An answer to the unicast question is from the host that was asked, even if from another of its addresses. The
  # question to the group is answered by every doctor that it reaches: an answer counts if it is from the same host.
  defp judged(answers, address) do
    there = for {kind, source} when kind in [@to_unicast, @to_both] <- answers, do: source

    multicast? = fn {kind, source} ->
      kind == @to_both or (kind == @to_group and source in [address | there])
    end

    ways = [unicast: there != [], multicast: Enum.any?(answers, multicast?)]
    others = for {@to_group, source} <- answers, source not in [address | there], do: source
    {for({way, true} <- ways, do: way), Enum.uniq(others)}
  end

  # Sends questions by unicast, each with a tag of its own, and counts those without an answer. Only those before the
  # last answer count: a doctor that stops in between leaves the later ones unanswered, which is no loss.
  defp lost(%{options: options} = asked, address) do
    tags = for _ <- 1..@samples, do: :crypto.strong_rand_bytes(16)

    # A question that the system does not send is not answered either.
    Enum.each(tags, fn tag ->
      transmit(%{asked | tag: tag}, @by_unicast, Ear.target(address, options.port, 0))
    end)

    deadline = System.monotonic_time(:millisecond) + @patience
    unanswered = unanswered(asked.socket, MapSet.new(tags), deadline)

    case tags |> Enum.reverse() |> Enum.drop_while(&(&1 in unanswered)) do
      [] -> nil
      until_last -> {Enum.count(until_last, &(&1 in unanswered)), length(until_last)}
    end
  end

  defp unanswered(socket, tags, deadline) do
    with true <- MapSet.size(tags) > 0,
         {:ok, _source, packet} <- Ear.receive_until(socket, deadline) do
      tags =
        case Ear.read(packet) do
          {tag, kind} when kind in [@to_unicast, @to_both] -> MapSet.delete(tags, tag)
          _ -> tags
        end

      unanswered(socket, tags, deadline)
    else
      _all_or_over -> tags
    end
  end

  defp to_group(%{socket: socket, options: options} = asked, %{index: index, address: address}) do
    group = options.multicast_addr

    _ =
      case Address.family(group) do
        :inet -> :socket.setopt(socket, {:ip, :multicast_if}, address)
        :inet6 -> :socket.setopt(socket, {:ipv6, :multicast_if}, index)
      end

    transmit(asked, @by_group, Ear.target(group, options.port, index))
  end

  defp transmit(%{socket: socket, tag: tag}, kind, target),
    do: Ear.transmit(socket, Ear.packet(tag, kind), target)

  defp answers(%{socket: socket, tag: tag} = asked, deadline) do
    with {:ok, source, packet} <- Ear.receive_until(socket, deadline) do
      case Ear.read(packet) do
        # There is nothing more to wait for.
        {^tag, @to_both} -> [{@to_both, source.addr}]
        {^tag, kind} -> [{kind, source.addr} | answers(asked, deadline)]
        _ -> answers(asked, deadline)
      end
    else
      :over -> []
    end
  end

  @doc "Holds the port, to answer what comes by unicast, and remembers what came by the group."
  @spec start_answering(Options.t()) :: {:ok, answerer} | {:error, term}
  def start_answering(options) do
    any = Ear.target(options.if_addr, options.port, 0)

    with {:ok, socket} <- :socket.open(any.family, :dgram, :udp),
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

  defp answer(tags, tag, kind) do
    came? = fn kind -> :ets.member(tags, {tag, kind}) end

    cond do
      came?.(@by_group) and came?.(@by_unicast) -> @to_both
      kind == @by_group -> @to_group
      true -> @to_unicast
    end
  end

  @doc "Whom it answered."
  @spec stop_answering(answerer) :: [:inet.ip_address()]
  def stop_answering(%{socket: socket, tags: tags}) do
    answered = for {_, address} <- :ets.tab2list(tags), uniq: true, do: address
    _ = :socket.close(socket)
    true = :ets.delete(tags)
    Enum.sort(answered)
  end
end
