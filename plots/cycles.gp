# SPDX-License-Identifier: BSD-3-Clause
# Cycles of the server core for one transaction: a bar for each stack and concurrency, with 95% intervals.
# Data: lines: label cycles low high linetype.
if (!exists("plots")) plots = system(sprintf("dirname '%s'", ARG0)); figure = ARG0; rows = ARG1; out = ARG2; experiment = ARG3
load plots . "/style.gp"
set ylabel "cycles per transaction"
set logscale y 10
set format y "%.0s%c"
set yrange [1000:*]
set offsets 0.6, 0.6, 0, 0
set boxwidth 0.6
set style fill solid 0.9 noborder
set xtics scale 0 rotate by -20 font small
set rmargin 14
unset key
set pointintervalbox 0
plot data using 0:2:5:xtic(1) with boxes linecolor variable, \
     data using 0:2:3:4 with yerrorbars linecolor rgb "#ffffff" pointtype -1 pointsize 0 linewidth 3, \
     data using 0:2:3:4 with yerrorbars linecolor rgb "#222222" pointtype -1 pointsize 0 linewidth 1.2, \
     data using 0:4:(gprintf("%.1s%c", $2)) with labels offset 0,0.8 font small
