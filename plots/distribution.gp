# SPDX-License-Identifier: BSD-3-Clause
# Shares of all that took longer (line) against how long, both on logarithmic axes, in a panel for each point; at the marks from the least
# to the most of a repeat; dotted: shares of all that the load began later than that.
# Callers set: point_label, time_label, unit (ms or us), and from: where the axis of times begins.
# Data: a block for each curve: its name, then lines "percent us least most late mark", mark 1 where one is to be.
load plots . "/style.gp"
scale = unit eq "ms" ? 1e-3 : 1.0
n = words(panels)
columns = n == 1 ? 1 : n < 5 ? 2 : 3
lines_of_panels = (n + columns - 1) / columns
keys = (words(curves) + 2) / 2
head = 30 + 20 * keys
height = 250 * lines_of_panels + head
if (kind eq "svg") {
	set terminal svg size 860,height font "DejaVu Sans,12" background rgb "white"
} else {
	set terminal pngcairo size 1720,(2 * height) font "DejaVu Sans,24" linewidth 2 background rgb "white"
}
set termoption noenhanced
stats data using 1 nooutput name "PERCENT"
stats data using 4 nooutput name "MOST"
stats data using 5 nooutput name "LATE"
most = MOST_max > LATE_max ? MOST_max : LATE_max
set logscale xy 10
set xrange [from * scale:most * scale * 1.3]
set yrange [PERCENT_min * 0.8:100]
set format x unit eq "ms" ? "%g" : "%.0s%c"
set format y "%g%%"
set grid xtics
set xtics font small
set ytics font small
curve(k) = int(word(curves, k))
first = 1
set key at screen 0.5, screen 1 - 2.0 / height center top vertical maxrows keys Left reverse samplen 2 width 0 spacing 1.0 font small
set multiplot layout lines_of_panels, columns margins 0.12, 0.985, 56.0 / height, 1 - (head + 0.0) / height spacing 0.085, 66.0 / height
do for [p=1:n] {
	last = first + int(word(panels, p)) - 1
	set title word(panel_names, p) . " " . point_label offset 0,-0.6 font small
	set xlabel (p > n - columns ? time_label . ", " . unit : "") font small
	set ylabel (p % columns == 1 % columns ? "took longer" : "") font small
	plot for [i=first:last] data index i-1 using ($2*scale):1 with lines \
	     linetype int(word(lines, i)) dashtype int(word(dashes, i)) notitle, \
	     for [i=first:last] data index i-1 using ($5*scale):1 with lines \
	     linetype int(word(lines, i)) dashtype 3 linewidth 1.0 notitle, \
	     for [i=first:last] data index i-1 using ($2*scale):($6 > 0 ? $1 : NaN):($3*scale):($4*scale) skip 1 with xerrorbars \
	     linetype int(word(lines, i)) linewidth 1.0 pointsize 0.8 pointtype int(word(marks, i)) notitle, \
	     for [k=1:words(curves)] data index curve(k)-1 using (NaN):(NaN) with linespoints \
	     linetype int(word(lines, curve(k))) dashtype int(word(dashes, curve(k))) pointtype int(word(marks, curve(k))) title columnheader(1), \
	     NaN with lines linetype 3 dashtype 3 linewidth 1.0 title "load later than that"
	unset key
	first = last + 1
}
unset multiplot
