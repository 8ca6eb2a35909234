# SPDX-License-Identifier: BSD-3-Clause
# Response times of turns, from when the trace wanted them.
point_label = "flows at a time"
time_label = "from the intended time"
unit = "ms"
from = 1.0
if (!exists("plots")) plots = system(sprintf("dirname '%s'", ARG0)); figure = ARG0; rows = ARG1; out = ARG2; experiment = ARG3
load plots . "/distribution.gp"
