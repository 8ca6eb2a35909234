# SPDX-License-Identifier: BSD-3-Clause
# How many times better ours is than each kernel line, and what the paper says of its own. By hand: the experiment may follow OUT.
if (!exists("plots")) plots = system(sprintf("dirname '%s'", ARG0)); figure = ARG0; rows = ARG1; out = ARG2; experiment = ARG3
value_format = "%.3g"
axis_format = "%g"
load plots . "/bars.gp"
