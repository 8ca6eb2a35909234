# SPDX-License-Identifier: BSD-3-Clause
# A horizontal bar for each line, with 95% intervals.
# Callers set: value_label; value_format and axis_format if they are others; bar_from where the axis is logarithmic.
# Data: lines: label value low high linetype.
load plots . "/style.gp"
if (!exists("value_format")) value_format = "%.3s%c"
bars = int(system(sprintf("wc -l <'%s'", data)))
if (kind eq "svg") {
	set terminal svg size 860,(90 + 22 * bars) font "DejaVu Sans,13" background rgb "white"
} else {
	set terminal pngcairo size 1720,(180 + 44 * bars) font "DejaVu Sans,26" linewidth 2 background rgb "white"
}
set termoption noenhanced
set border 1
unset grid
set grid xtics linecolor rgb "#dddddd"
set rmargin 8
set xlabel value_label
if (!exists("bar_from")) bar_from = 0
set xrange [bar_from:*]
set format x exists("axis_format") ? axis_format : "%.0s%c"
set yrange [bars - 0.3:-0.7]
set ytics scale 0
set style fill solid 0.9 noborder
unset key
plot data using (bar_from):0:(bar_from):2:($0 - 0.36):($0 + 0.36):5:ytic(1) with boxxyerror linecolor variable, \
     data using 2:0:3:4 with xerrorbars linecolor rgb "#ffffff" pointtype -1 linewidth 3, \
     data using 2:0:3:4 with xerrorbars linecolor rgb "#222222" pointtype -1 linewidth 1.2, \
     data using 4:0:(gprintf(value_format, $2)) with labels left offset 0.8,0 font small
