import Config

# What bin/demo starts in each of its nodes. Change it and run the demo again.
config :libcluster,
  topologies: [
    demo: [
      strategy: NativeGossip.Strategy,
      config: [
        port: 45992,
        multicast_addr: "233.252.1.33",
        # The demo's nodes are all on this machine; without this line the group is joined on the
        # interface of the default route.
        multicast_if: "127.0.0.1",
        secret: "anyone can read this one"
      ]
    ]
  ]
