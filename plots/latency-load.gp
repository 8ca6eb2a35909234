# SPDX-License-Identifier: BSD-3-Clause
# Median (line) and 99th percentile (thin) against the rate of arrivals.
# Data: a block for each stack and wire: its name, then lines "rate p50 p99 low high low high" in microseconds, with the ends of their 95% intervals.
if (!exists("plots")) plots = system(sprintf("dirname '%s'", ARG0)); figure = ARG0; rows = ARG1; out = ARG2; experiment = ARG3
load plots . "/style.gp"
set key maxrows 2
set xlabel "connections arriving per second"
set ylabel "latency, us (thick: median, thin: 99th percentile)"
set logscale xy 10
set format x "%.0s%c"
set format y "%g"
plot for [i=1:words(lines)] data index i-1 using 1:2:4:5 with yerrorlines linetype int(word(lines, i)) title columnheader(1), \
     for [i=1:words(lines)] data index i-1 using 1:3:6:7 skip 1 with yerrorlines linetype int(word(lines, i)) linewidth 0.8 pointsize 0 notitle
