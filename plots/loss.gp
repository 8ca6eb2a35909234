# SPDX-License-Identifier: BSD-3-Clause
# Completion time of a short connection by percentile: a curve for each stack and variant.
# Data: a block for each: its name, then lines "0..3 microseconds low high" (p50, p90, p99, p99.9).
if (!exists("plots")) plots = system(sprintf("dirname '%s'", ARG0)); figure = ARG0; rows = ARG1; out = ARG2; experiment = ARG3
load plots . "/style.gp"
set key outside right center vertical maxrows 20 Left reverse width 0
set ylabel "completion time, us"
set logscale y 10
set format y "%.0s%c"
set xtics ("p50" 0, "p90" 1, "p99" 2, "p99.9" 3)
set xrange [-0.2:3.2]
plot for [i=1:words(lines)] data index i-1 using ($1 + 0.02 * (i - words(lines) / 2)):2:3:4 with yerrorlines \
     linetype int(word(lines, i)) dashtype int(word(dashes, i)) pointtype int(word(marks, i)) title columnheader(1)
