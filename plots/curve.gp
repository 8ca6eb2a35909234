# SPDX-License-Identifier: BSD-3-Clause
# A value against points on a logarithmic axis: a curve for each block, with 95% intervals.
# Callers set: lines, dashes (a number for each block), value_label, point_label, format_point.
# Data: a block for each curve: its name, then lines "point value low high".
load plots . "/style.gp"
if (!exists("point_label")) point_label = "concurrent connections"
if (!exists("logarithmic")) logarithmic = 1
set xlabel point_label
set ylabel value_label
if (logarithmic) set logscale x 2
set logscale y 10
set format y "%.0s%c"
set xtics format "%.0f" add ("1K" 1024, "8K" 8192, "16K" 16384, "24K" 24576, "32K" 32768, "40K" 40960, "48K" 49152, "256K" 262144, "1M" 1048576)
set yrange [*:*]
plot for [i=1:words(lines)] data index i-1 using 1:2:3:4 with yerrorlines linetype int(word(lines, i)) dashtype int(word(dashes, i)) title columnheader(1)
