# SPDX-License-Identifier: BSD-3-Clause
# Shared look. A figure's file is told: data (file), out (file), kind (svg or png), plots (this folder), value_label; for curves also
# lines, dashes and marks: the linetype of each block's stack, which of that stack's blocks it is, and its point type; for several panels
# panels and panel_names: how many blocks, one after the other, are each one's; curves: of each curve the first block.
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
set linetype 1 linecolor rgb "#0072b2" linewidth 1.7 pointtype 7 pointsize 1.2   # mtcp
set linetype 2 linecolor rgb "#56b4e9" linewidth 1.7 pointtype 5 pointsize 1.2   # mtcp-paired
set linetype 3 linecolor rgb "#7f7f7f" linewidth 1.7 pointtype 9 pointsize 1.3   # kernel
set linetype 4 linecolor rgb "#d55e00" linewidth 1.7 pointtype 11 pointsize 1.3  # kernel-reuseport
set linetype 5 linecolor rgb "#222222" linewidth 1.7 pointtype 13 pointsize 1.3  # kernel-tuned
set linetype 6 linecolor rgb "#009e73" linewidth 1.7 pointtype 4 pointsize 1.3   # kernel-uring
set linetype 7 linecolor rgb "#e69f00" linewidth 1.7 pointtype 6 pointsize 1.3   # packet-io
set linetype 9 linecolor rgb "#cc79a7" linewidth 1.7 pointtype 12 pointsize 1.3 dashtype 2  # the paper's own numbers

set errorbars 0.5
set border 3 linecolor rgb "#444444"
set tics nomirror textcolor rgb "#222222"
set grid ytics linecolor rgb "#dddddd" linewidth 1
set key outside top center horizontal maxrows 1 samplen 2 width -1 spacing 1.2
# Curves that meet stand beside each other: each a little to the side. Callers set aside where the axis is long.
if (!exists("aside")) aside = 0.01
beside(x, i) = x * (1 + aside) ** (i - (words(lines) + 1) / 2.0)
small = kind eq "svg" ? ",11" : ",22"
