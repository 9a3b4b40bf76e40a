import Config

config :libcluster,
  topologies: [
    loopback: [
      strategy: NativeGossip.Strategy,
      config: [
        port: String.to_integer(System.fetch_env!("GOSSIP_PORT")),
        multicast_if: "127.0.0.1"
      ]
    ]
  ]
