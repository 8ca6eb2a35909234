# SPDX-License-Identifier: BSD-3-Clause
# Median (line) and 99th percentile (dashed, with smaller marks) against points, a pair for each curve, with 95% intervals.
# Callers set: point_label, unit (ms or us); axes of their own after loading style.gp.
# Data: a block for each curve: its name, then lines "point p50 p99 low high low high" in microseconds, with the ends of their 95% intervals.
scale = unit eq "ms" ? 1e-3 : 1.0
set key maxrows 3
set xlabel point_label
set ylabel sprintf("latency, %s: median; dashed: p99", unit)
set logscale y 10
set format y unit eq "ms" ? "%g" : "%.0s%c"
plot for [i=1:words(lines)] data index i-1 using (beside($1, i)):($2*scale):($4*scale):($5*scale) with yerrorlines \
     linetype int(word(lines, i)) pointtype int(word(marks, i)) title columnheader(1), \
     for [i=1:words(lines)] data index i-1 using (beside($1, i)):($3*scale):($6*scale):($7*scale) skip 1 with yerrorlines \
     linetype int(word(lines, i)) pointtype int(word(marks, i)) dashtype 2 linewidth 1.0 pointsize 0.9 notitle
