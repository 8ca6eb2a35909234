# SPDX-License-Identifier: BSD-3-Clause
point_label = "flows"
value_format = "%g"
load plots . "/curve.gp"
