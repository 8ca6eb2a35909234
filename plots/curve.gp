# SPDX-License-Identifier: BSD-3-Clause
# A value against concurrent connections: a line for each stack, with 95% intervals.
# Callers set: stacks (names, in the order of the blocks), value_label.
# Data: a block for each stack: its name, then lines "connections value low high".
load plots . "/style.gp"
set xlabel "concurrent connections"
set ylabel value_label
set logscale y 10
set format y "%.0s%c"
set xtics ("8K" 8192, "16K" 16384, "24K" 24576, "32K" 32768, "40K" 40960, "48K" 49152)
set xrange [6000:51500]
set yrange [*:*]
plot for [i=1:words(stacks)] data index i-1 using 1:2:3:4 with yerrorlines linetype line(word(stacks, i)) title columnheader(1)
