# Time to a full mesh over the size of a cluster: of `bin/bench --write formation`.
set title "Time until nodes that start together are all connected"
set xlabel "nodes, all on one machine" textcolor "#333333"
set ylabel "time (log scale)" textcolor "#333333"
set logscale xy
set ytics ("10 ms" 0.01, "100 ms" 0.1, "1 s" 1, "10 s" 10, "100 s" 100)
set yrange [0.02:*]
set xrange [8:320]
set xtics (10, 30, 60, 100)

# Where a line and that of the list end in one place, their names stand above each other.
name(y) = last("formation", "nodes", y)
plot rows("formation", "nodes", "stock") using 1:($2 / 1000) with linespoints linestyle 2, \
     rows("formation", "nodes", "ours") using 1:($2 / 1000) with linespoints linestyle 1, \
     rows("formation", "nodes", "at_once") using 1:($2 / 1000) with linespoints linestyle 3, \
     name("stock") using 1:($2 / 1000):(sprintf("stock strategy, %.2g s", $2 / 1000)) with labels left offset 1.2,0 textcolor "#1d4ed8", \
     name("ours") using 1:($2 / 1000):(sprintf("this strategy, %.2g s", $2 / 1000)) with labels left offset 1.2,0.7 textcolor "#c2410c", \
     name("at_once") using 1:($2 / 1000):(sprintf("a list of all names, %.2g s", $2 / 1000)) with labels left offset 1.2,-0.7 textcolor "#555555"
