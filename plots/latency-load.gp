# SPDX-License-Identifier: BSD-3-Clause
# Latency against the rate of arrivals.
point_label = "connections arriving per second"
aside = 0.05
unit = "us"
if (!exists("plots")) plots = system(sprintf("dirname '%s'", ARG0)); figure = ARG0; rows = ARG1; out = ARG2; experiment = ARG3
load plots . "/style.gp"
set logscale x 10
set format x "%.0s%c"
load plots . "/latencies.gp"
