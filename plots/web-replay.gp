# SPDX-License-Identifier: BSD-3-Clause
# Median (line) and 99th percentile (dashed) of a turn from its intended time, a pair for each stack.
# Data: a block for each stack: its name, then lines "connections p50 p99" in microseconds.
if (!exists("plots")) plots = system(sprintf("dirname '%s'", ARG0)); figure = ARG0; rows = ARG1; out = ARG2; experiment = ARG3
load plots . "/style.gp"
set xlabel "flows at a time"
set ylabel "latency, ms (line: median, dashed: 99th percentile)"
set logscale y 10
set format y "%g"
set logscale x 2
set xtics ("8K" 8192, "24K" 24576, "48K" 49152, "96K" 98304, "270K" 276480)
set xrange [7000:330000]
plot for [i=1:words(lines)] data index i-1 using 1:($2/1000) with linespoints linetype int(word(lines, i)) title columnheader(1), \
     for [i=1:words(lines)] data index i-1 using 1:($3/1000) skip 1 with lines linetype int(word(lines, i)) dashtype 2 notitle
