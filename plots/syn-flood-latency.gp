# SPDX-License-Identifier: BSD-3-Clause
# Median (line) and 99th percentile (thin) against the rate of SYNs.
# Data: a block for each stack and wire: its name, then lines "rate p50 p99" in microseconds.
if (!exists("plots")) plots = system(sprintf("dirname '%s'", ARG0)); figure = ARG0; rows = ARG1; out = ARG2; experiment = ARG3
load plots . "/style.gp"
set key maxrows 2
set xlabel "SYNs per second beside the load"
set ylabel "latency, us (thick: median, thin: 99th percentile)"
set logscale xy 10
set format x "%.0s%c"
set format y "%g"
plot for [i=1:words(lines)] data index i-1 using 1:2 with linespoints linetype int(word(lines, i)) title columnheader(1), \
     for [i=1:words(lines)] data index i-1 using 1:3 skip 1 with lines linetype int(word(lines, i)) linewidth 0.8 notitle
