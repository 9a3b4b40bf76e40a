defmodule NativeGossip.Bench.Crowd do
  @moduledoc """
  Many nodes on this machine, each a BEAM of its own with all code loaded and one scheduler.

  `-connect_all false`: nobody is connected because a third node knows both.
  """
  alias NativeGossip.Bench.Member
  alias NativeGossip.Dev.{Beam, Epmd, OsProcess}

  @host "127.0.0.1"
  @group "233.252.1.35"

  # Small: there may be many, and they share the cores of this machine.
  @arguments ~w(-connect_all false +S 1:1 +SDcpu 1:1 +SDio 2 +A 1 -kernel inet_dist_use_interface {127,0,0,1})

  # What a BEAM may grow to, with room for the connections to all others.
  @beam_bytes 120_000_000

  # As far as they are there: telemetry is no part of every libcluster.
  @applications ~w(kernel stdlib elixir logger crypto telemetry libcluster native_gossip)a

  @doc "Whether this machine has the memory for `count` nodes."
  @spec room?(pos_integer) :: boolean
  def room?(count), do: count * @beam_bytes < OsProcess.memory_available()

  @doc "Starts one for each number."
  @spec boot(Enumerable.t(), Epmd.t()) :: [Beam.t()]
  def boot(numbers, epmd) do
    there = Enum.filter(@applications, &(:code.lib_dir(&1) != {:error, :bad_name}))

    for number <- numbers do
      beam = Beam.start_link(name: "n#{number}@#{@host}", epmd_port: epmd.port, args: @arguments)
      :ok = Beam.call(beam, Member, :load, [there])
      beam
    end
  end

  @doc "The way to find each other by a strategy, as `t:NativeGossip.Bench.Member.way/0` of a node among all names."
  @spec strategy(module, :inet.port_number(), keyword) :: (node, [node] -> Member.way())
  def strategy(module, port, options \\ []) do
    config = [port: port, multicast_addr: @group, multicast_if: @host] ++ options
    fn _self, _names -> {:strategy, [lan: [strategy: module, config: config]]} end
  end
end
