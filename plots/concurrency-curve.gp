# SPDX-License-Identifier: BSD-3-Clause
# A value at 8K to 48K concurrent connections: as curve.gp.
load plots . "/style.gp"
set xlabel "concurrent connections"
set ylabel value_label
set logscale y 10
set format y "%.0s%c"
set xtics ("8K" 8192, "16K" 16384, "24K" 24576, "32K" 32768, "40K" 40960, "48K" 49152)
set xrange [6000:51500]
set yrange [*:*]
plot for [i=1:words(lines)] data index i-1 using (beside($1, i)):2:3:4 with yerrorlines \
     linetype int(word(lines, i)) pointtype int(word(marks, i)) title columnheader(1)
