# SPDX-License-Identifier: BSD-3-Clause
# Shared look. A figure's file is told: data (file), out (file), kind (svg or png), plots (this folder), value_label; for curves also
# lines and dashes: the linetype of each block's stack, and which of that stack's blocks it is.
# By hand: gnuplot -c plots/NAME.gp ROWS.csv [OUT.svg|OUT.png]; plots/byhand then makes the data and tells the rest.
if (!exists("data")) eval system(sprintf("'%s/byhand' '%s' '%s' '%s' '%s'", plots, figure, rows, out, experiment))
set encoding utf8
set output out
if (kind eq "svg") {
	set terminal svg size 860,480 font "DejaVu Sans,13" background rgb "white"
} else {
	set terminal pngcairo size 1720,960 font "DejaVu Sans,26" linewidth 2 background rgb "white"
}

set termoption noenhanced  # names have underscores

# One colour and mark for a stack in every figure: ours strong, the kernel's in greys and brown. Safe for colour-blind readers.
set linetype 1 linecolor rgb "#0072b2" linewidth 2.2 pointtype 7 pointsize 0.8   # mtcp
set linetype 2 linecolor rgb "#56b4e9" linewidth 2.2 pointtype 5 pointsize 0.8   # mtcp-paired
set linetype 3 linecolor rgb "#7f7f7f" linewidth 2.2 pointtype 9 pointsize 0.9   # kernel
set linetype 4 linecolor rgb "#d55e00" linewidth 2.2 pointtype 11 pointsize 0.9  # kernel-reuseport
set linetype 5 linecolor rgb "#222222" linewidth 2.2 pointtype 13 pointsize 0.9  # kernel-tuned
set linetype 6 linecolor rgb "#009e73" linewidth 2.2 pointtype 4 pointsize 0.9   # kernel-uring
set linetype 9 linecolor rgb "#cc79a7" linewidth 2.2 pointtype 12 pointsize 1.0 dashtype 2  # the paper's own numbers

set border 3 linecolor rgb "#444444"
set tics nomirror textcolor rgb "#222222"
set grid ytics linecolor rgb "#dddddd" linewidth 1
set key outside top center horizontal maxrows 1 samplen 2 width -1 spacing 1.2
small = kind eq "svg" ? ",11" : ",22"
