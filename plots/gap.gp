# SPDX-License-Identifier: BSD-3-Clause
# From thousands to tens of millions: a logarithmic axis.
set logscale x 10
bar_from = 1000
value_format = "%.1s%c"
if (!exists("plots")) plots = system(sprintf("dirname '%s'", ARG0)); figure = ARG0; rows = ARG1; out = ARG2; experiment = ARG3
load plots . "/bars.gp"
