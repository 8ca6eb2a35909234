# SPDX-License-Identifier: BSD-3-Clause
# A value against points, both on logarithmic axes: a curve for each block, with 95% intervals.
# Callers set: lines, dashes (see style.gp), value_label, point_label; value_format if it is another.
# Data: a block for each curve: its name, then lines "point value low high".
load plots . "/style.gp"
if (!exists("value_format")) value_format = "%.0s%c"
set key maxrows 3
set xlabel point_label
set ylabel value_label
set logscale x 2
set logscale y 10
set format y value_format
kilo(x) = x < 1024 || x != 1024 * int(x / 1024) ? sprintf("%.0f", x) : x < 1048576 ? sprintf("%.0fK", x / 1024) : sprintf("%.0fM", x / 1048576)
set offsets graph 0.02, graph 0.02
set yrange [*:*]
plot for [i=1:words(lines)] data index i-1 using 1:2:3:4:xtic(kilo($1)) with yerrorlines \
     linetype int(word(lines, i)) dashtype int(word(dashes, i)) title columnheader(1)
