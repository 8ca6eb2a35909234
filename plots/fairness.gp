# SPDX-License-Identifier: BSD-3-Clause
# Jain's index, which ends at 1: a linear axis from 0.
if (!exists("plots")) plots = system(sprintf("dirname '%s'", ARG0)); figure = ARG0; rows = ARG1; out = ARG2; experiment = ARG3
load plots . "/style.gp"
set key bottom left
set xlabel "flows"
set ylabel value_label
set logscale x 2
set yrange [0:1.05]
set offsets graph 0.02, graph 0.02
plot for [i=1:words(lines)] data index i-1 using (beside($1, i)):2:3:4 with yerrorlines \
     linetype int(word(lines, i)) dashtype int(word(dashes, i)) pointtype int(word(marks, i)) title columnheader(1)
