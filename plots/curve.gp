# SPDX-License-Identifier: BSD-3-Clause
# A value against points, both on logarithmic axes: a curve for each block, with 95% intervals.
# Callers set: lines, dashes, marks (see style.gp), value_label, point_label; value_format if it is another.
# Data: a block for each curve: its name, then lines "point value low high".
load plots . "/style.gp"
if (!exists("value_format")) value_format = "%.0s%c"
set key maxrows 3
set xlabel point_label
set ylabel value_label
set logscale x 2
set logscale y 10
set format y value_format
of(x, unit) = x >= unit && x == unit * int(x / unit)
kilo(x) = of(x, 1048576) ? sprintf("%.0fM", x / 1048576) : of(x, 1024) ? sprintf("%.0fK", x / 1024) : \
          of(x, 1000000) ? sprintf("%.0f M", x / 1e6) : of(x, 1000) ? sprintf("%.0f k", x / 1e3) : sprintf("%.0f", x)
set offsets graph 0.02, graph 0.02
set yrange [*:*]
plot for [i=1:words(lines)] data index i-1 using (beside($1, i)):2:3:4 with yerrorlines \
     linetype int(word(lines, i)) dashtype int(word(dashes, i)) pointtype int(word(marks, i)) title columnheader(1), \
     for [i=1:words(lines)] data index i-1 using 1:2:xtic(kilo($1)) skip 1 with points pointtype -1 pointsize 0 notitle
