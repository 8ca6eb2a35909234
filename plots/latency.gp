# SPDX-License-Identifier: BSD-3-Clause
# Latency of a connection's transaction.
point_label = "concurrent connections"
unit = "ms"
if (!exists("plots")) plots = system(sprintf("dirname '%s'", ARG0)); figure = ARG0; rows = ARG1; out = ARG2; experiment = ARG3
load plots . "/style.gp"
set xtics ("8K" 8192, "16K" 16384, "24K" 24576, "32K" 32768, "40K" 40960, "48K" 49152)
set xrange [6000:51500]
load plots . "/latencies.gp"
