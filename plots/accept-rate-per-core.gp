# SPDX-License-Identifier: BSD-3-Clause
point_label = "concurrent connections"
load plots . "/curve.gp"
