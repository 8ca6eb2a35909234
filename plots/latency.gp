# SPDX-License-Identifier: BSD-3-Clause
# Median (line) and 99th percentile (dashed) of a connection's transaction, a pair for each stack.
# Data: a block for each stack: its name, then lines "connections p50 p99 low high low high" in microseconds, with the ends of their 95% intervals.
if (!exists("plots")) plots = system(sprintf("dirname '%s'", ARG0)); figure = ARG0; rows = ARG1; out = ARG2; experiment = ARG3
load plots . "/style.gp"
set xlabel "concurrent connections"
set ylabel "latency, ms (line: median, dashed: 99th percentile)"
set logscale y 10
set format y "%g"
set xtics ("8K" 8192, "16K" 16384, "24K" 24576, "32K" 32768, "40K" 40960, "48K" 49152)
set xrange [6000:51500]
plot for [i=1:words(lines)] data index i-1 using 1:($2/1000):($4/1000):($5/1000) with yerrorlines linetype int(word(lines, i)) title columnheader(1), \
     for [i=1:words(lines)] data index i-1 using 1:($3/1000):($6/1000):($7/1000) skip 1 with yerrorlines linetype int(word(lines, i)) dashtype 2 pointsize 0 notitle
