defmodule NativeGossip.Test.SignedVectors do
  @moduledoc """
  Histories of packets with trailers, each with the verdict that a node must give: made by
  `NativeGossip.Test.SignedHeartbeat`, and not by the code that is under test.

  `json/0` is the text of `native/core/tests/vectors/signed_elixir.json`, the same at each call.
  """

  alias NativeGossip.Test.{ReferencePeer, SignedHeartbeat}

  @typedoc "What one node receives, at its wall clock in ms, in this order."
  @type scenario :: %{
          scenario: String.t(),
          secrets: [String.t()],
          cluster: String.t() | nil,
          authentication: :compatible | :required,
          seal: boolean,
          steps: [{at :: non_neg_integer, packet :: binary, expect :: String.t()}]
        }

  @at 1_800_000_000_000
  @secret "made by the tests in Elixir"
  @name "elixir@10.0.0.9"
  @taken "node " <> @name
  @both [:compatible, :required]

  @doc "All scenarios."
  @spec all :: [scenario]
  def all, do: Enum.concat([forms(), changes(), keys(), histories(), unsigned()])

  # Right packets in all forms that a trailer has.
  defp forms do
    for authentication <- @both, seal? <- [true, false], cluster <- [nil, "blue", "größe 7"] do
      heartbeats = [
        %{echoes: [1]},
        %{echoes: Enum.to_list(1..8), seq: 2},
        %{later: "what later versions add", seq: 3},
        %{echoes: [0xFFFF_FFFF_FFFF_FFFF], later: <<0>>, seq: 4},
        %{flags: 0b1111_1101, seq: 5},
        %{flags: SignedHeartbeat.leaving(), seq: 6},
        %{seq: 0xFFFF_FFFF, incarnation: 0xFFFF_FFFF_FFFF_FFFF},
        %{seq: 1, incarnation: 0, stamp: @at - 60_000},
        %{seq: 1, incarnation: 2, stamp: @at + 60_000, name: "a@" <> String.duplicate("h", 253)}
      ]

      steps =
        for changes <- heartbeats do
          heartbeat = heartbeat([cluster: cluster] ++ Map.to_list(changes))
          {@at, encode(heartbeat, @secret, seal?), "node " <> heartbeat.name}
        end

      scenario("every form of a trailer, #{form(seal?)}, cluster #{inspect(cluster)}", steps,
        cluster: cluster,
        authentication: authentication,
        seal: seal?
      )
    end
  end

  # What is changed after it was signed.
  defp changes do
    for authentication <- @both, seal? <- [true, false] do
      good = heartbeat(echoes: [5, 6], later: "later")

      changed = [
        {%{good | stamp: @at + 1}, "signature"},
        {%{good | incarnation: 2}, "signature"},
        {%{good | seq: 2}, "signature"},
        {%{good | echoes: [5, 7]}, "signature"},
        {%{good | later: "Later"}, "signature"},
        {%{good | flags: SignedHeartbeat.leaving()}, "signature"},
        {%{good | name: "Elixir@10.0.0.9"}, "signature"},
        {%{good | cluster: "blue"}, "cluster"}
      ]

      signed = SignedHeartbeat.encode(good, @secret, seal: false)
      mac = binary_part(signed, byte_size(signed) - 16, 16)

      steps =
        for {heartbeat, reason} <- changed do
          body = SignedHeartbeat.encode(heartbeat, @secret, seal: false)
          body = binary_part(body, 0, byte_size(body) - 16) <> mac
          {@at, seal(body, seal?), "reject " <> reason}
        end

      # The MAC of the other form holds no more than any other.
      form = {@at, seal(other_form(good, seal?), seal?), "reject signature"}

      scenario("what was changed after it was signed is refused, #{form(seal?)}", [form | steps],
        authentication: authentication,
        seal: seal?
      )
    end
  end

  defp other_form(heartbeat, false) do
    body = SignedHeartbeat.encode(heartbeat, @secret, seal: false)
    body = binary_part(body, 0, byte_size(body) - 16)
    body <> SignedHeartbeat.mac(body, @secret, heartbeat.cluster, iv(body))
  end

  defp other_form(heartbeat, true), do: SignedHeartbeat.encode(heartbeat, @secret, seal: false)

  defp keys do
    old = "the secret before"

    [
      scenario(
        "of several secrets each one verifies, and only with the one that opens it",
        [
          {@at, encode(heartbeat(), old, true), @taken},
          {@at, encode(heartbeat(incarnation: 2), @secret, true), @taken},
          {@at, encode(heartbeat(incarnation: 3), old, false), @taken},
          {@at, encode(heartbeat(incarnation: 4), "foreign", true), "reject undecryptable"},
          {@at, encode(heartbeat(incarnation: 4), "foreign", false), "reject signature"},
          {@at, seal(encode(heartbeat(incarnation: 4), old, false), true), "reject signature"}
        ],
        secrets: [@secret, old],
        authentication: :required
      ),
      scenario(
        "the key of a labelled cluster is not that of one without, nor of another",
        for cluster <- [nil, "green"] do
          body = SignedHeartbeat.encode(heartbeat(cluster: "blue"), @secret, seal: false)
          body = binary_part(body, 0, byte_size(body) - 16)
          {@at, body <> SignedHeartbeat.mac(body, @secret, cluster, nil), "reject signature"}
        end ++ [{@at, encode(heartbeat(cluster: "blue"), @secret, false), @taken}],
        cluster: "blue",
        authentication: :required
      )
    ]
  end

  defp histories do
    one = encode(heartbeat(), @secret, true)
    third = encode(heartbeat(seq: 3), @secret, true)
    second = encode(heartbeat(seq: 2), @secret, true)
    old = encode(heartbeat(incarnation: 9, stamp: @at - 60_001), @secret, true)
    moved = encode(heartbeat(seq: 4, stamp: @at + 3_600_000), @secret, true)

    for authentication <- @both do
      required? = authentication == :required

      scenario(
        "copies, late ones, replays, twins and wrong clocks are told apart",
        [
          {@at, one, @taken},
          {@at + 100, third, @taken},
          {@at + 200, one, "copy " <> @name},
          {@at + 200, second, @taken},
          {@at + 2_101, third, "reject replayed"},
          {@at + 2_101, one, "reject replayed"},
          {@at + 2_101, encode(heartbeat(seq: 3, stamp: @at + 1), @secret, true), "reject twin"},
          {@at + 2_200, old, if(required?, do: "reject stale", else: @taken)},
          {@at + 2_300, moved, if(required?, do: "reject stale", else: @taken)}
        ],
        authentication: authentication
      )
    end
  end

  # Without a MAC nothing vouches for a trailer: no further flag, and no further byte.
  defp unsigned do
    labelled = &SignedHeartbeat.encode(heartbeat([flags: 0] ++ &1), nil)
    stock = "heartbeat::" <> SignedHeartbeat.etf(@name)

    [
      scenario(
        "a label without a secret has no MAC",
        [
          {@at, labelled.(cluster: "blue"), @taken},
          {@at, labelled.(cluster: "green"), "reject cluster"},
          {@at, labelled.([]), "reject cluster"},
          {@at, stock, @taken},
          {@at, labelled.(cluster: "blue") <> <<0>>, "reject malformed"},
          {@at, labelled.(cluster: "blue", version: 0), "reject malformed"}
        ],
        secrets: [],
        cluster: "blue"
      ),
      scenario(
        "a label without a MAC is unsigned where one is required",
        [
          {@at, labelled.([]), "reject unsealed"},
          {@at, seal(labelled.([]), true), "reject unsigned"},
          {@at, seal(stock, true), "reject unsigned"}
        ],
        authentication: :required
      )
    ]
  end

  defp heartbeat(changes \\ []),
    do: struct!(%SignedHeartbeat{name: @name, stamp: @at}, changes)

  defp encode(heartbeat, secret, seal?) do
    plain = SignedHeartbeat.encode(heartbeat, secret, seal: false)
    SignedHeartbeat.encode(heartbeat, secret, seal: seal?, iv: iv(plain))
  end

  defp seal(body, false), do: body
  defp seal(body, true), do: ReferencePeer.seal(body, @secret, iv(body))

  # The file is the same each time.
  defp iv(bytes), do: :crypto.hash(:md5, bytes)

  defp form(true), do: "sealed"
  defp form(false), do: "plain"

  defp scenario(what, steps, options) do
    Map.merge(
      %{
        scenario: what,
        secrets: [@secret],
        cluster: nil,
        authentication: :compatible,
        seal: true,
        steps: steps
      },
      Map.new(options)
    )
  end

  @doc "The scenarios as JSON, a step a line."
  @spec json :: String.t()
  def json, do: "[\n" <> Enum.map_join(all(), ",\n", &object/1) <> "\n]\n"

  # Nothing in them needs a character escaped but those that inspect/1 escapes as JSON does.
  defp object(scenario) do
    steps =
      Enum.map_join(scenario.steps, ",\n", fn {at, packet, expect} ->
        packet = Base.encode16(packet, case: :lower)
        ~s|  {"at": #{at}, "packet": "#{packet}", "expect": #{inspect(expect)}}|
      end)

    cluster = if scenario.cluster, do: inspect(scenario.cluster), else: "null"

    """
    {"scenario": #{inspect(scenario.scenario)},
     "secrets": #{inspect(scenario.secrets)}, "cluster": #{cluster},
     "authentication": "#{scenario.authentication}", "seal": #{scenario.seal}, "steps": [
    #{steps}
    ]}\
    """
  end
end
