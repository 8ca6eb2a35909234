# SPDX-License-Identifier: BSD-3-Clause
point_label = "concurrent connections"
if (!exists("plots")) plots = system(sprintf("dirname '%s'", ARG0)); figure = ARG0; rows = ARG1; out = ARG2; experiment = ARG3
load plots . "/curve.gp"
