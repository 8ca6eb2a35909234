# SPDX-License-Identifier: BSD-3-Clause
# Latencies under an open-loop load, from the intended start.
point_label = "arrivals per second"
time_label = "from the intended start"
unit = "us"
from = 1.0
if (!exists("plots")) plots = system(sprintf("dirname '%s'", ARG0)); figure = ARG0; rows = ARG1; out = ARG2; experiment = ARG3
load plots . "/distribution.gp"
