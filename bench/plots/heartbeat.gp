# CPU per heartbeat over the size of a cluster: of `bin/bench --write peers`.
set title "CPU that one heartbeat costs the node that hears it"
set xlabel "nodes in the cluster" textcolor "#333333"
set ylabel "microseconds of CPU, whole VM (log scale)" textcolor "#333333"
set logscale xy
set ytics ("1" 1, "10" 10, "100" 100, "1,000" 1000, "10,000" 10000)
set xrange [8:250000]
set yrange [0.5:*]
set xtics ("10" 10, "100" 100, "1,000" 1000, "10,000" 10000)

# The last points of two lines may lie together: their names stand above each other.
name(y) = last("peers", "peers", y)
plot rows("peers", "peers", "stock") with linespoints linestyle 2, \
     rows("peers", "peers", "ours") with linespoints linestyle 1, \
     rows("peers", "peers", "recvfrom") with linespoints linestyle 3, \
     name("stock") using 1:2:(sprintf("stock strategy, %.0f µs", $2)) with labels left offset 1.2,0 textcolor "#1d4ed8", \
     name("ours") using 1:2:(sprintf("this strategy, %.2g µs", $2)) with labels left offset 1.2,0.4 textcolor "#c2410c", \
     name("recvfrom") using 1:2:(sprintf("only receiving, %.2g µs", $2)) with labels left offset 1.2,-0.4 textcolor "#555555"
