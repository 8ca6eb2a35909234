# SPDX-License-Identifier: BSD-3-Clause
point_label = "bytes per response"
value_format = "%g"
load plots . "/curve.gp"
