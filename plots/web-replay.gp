# SPDX-License-Identifier: BSD-3-Clause
# Latency of a turn from its intended time.
point_label = "flows at a time"
aside = 0.05
unit = "ms"
if (!exists("plots")) plots = system(sprintf("dirname '%s'", ARG0)); figure = ARG0; rows = ARG1; out = ARG2; experiment = ARG3
load plots . "/style.gp"
set logscale x 2
set xtics ("8K" 8192, "24K" 24576, "48K" 49152, "96K" 98304, "270K" 276480)
set xrange [7000:330000]
load plots . "/latencies.gp"
