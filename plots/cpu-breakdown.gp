# SPDX-License-Identifier: BSD-3-Clause
# A bar for each stack, concurrency and method: how the server core's time divides.
# Data: a header, then lines: label application tcpip packet_io kernel_other kernel unclassified idle, in percent.
if (!exists("plots")) plots = system(sprintf("dirname '%s'", ARG0)); figure = ARG0; rows = ARG1; out = ARG2; experiment = ARG3
load plots . "/style.gp"
bars = int(system(sprintf("wc -l <'%s'", data))) - 1
if (kind eq "svg") {
	set terminal svg size 860,(140 + 22 * bars) font "DejaVu Sans,13" background rgb "white"
} else {
	set terminal pngcairo size 1720,(280 + 44 * bars) font "DejaVu Sans,26" linewidth 2 background rgb "white"
}
set termoption noenhanced
set border 1
unset grid
set grid xtics linecolor rgb "#dddddd"
set rmargin 4
set xlabel "share of the server core's time, %"
set xrange [0:100]
set yrange [bars - 0.3:-0.7]
set ytics scale 0
set style fill solid 1.0 border rgb "white"
set key outside top center horizontal maxrows 2 Left reverse samplen 1 width 1
set tmargin 4
array shade[7] = ["#0072b2", "#009e73", "#e69f00", "#d55e00", "#b07050", "#222222", "#e4e4e4"]
array part[7] = ["application", "TCP/IP", "packet I/O", "other kernel", "kernel, undivided", "unclassified", "idle"]
left(i) = i == 1 ? 0 : sum [k=2:i] column(k)
plot for [i=1:7] data skip 1 using (left(i)):0:(left(i)):(left(i) + column(i + 1)):($0 - 0.38):($0 + 0.38):ytic(1) \
     with boxxyerror linecolor rgb shade[i] title part[i]
