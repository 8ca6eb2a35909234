# SPDX-License-Identifier: BSD-3-Clause
value_format = "%.2f"
axis_format = "%g"
load plots . "/bars.gp"
