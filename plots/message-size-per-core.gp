# SPDX-License-Identifier: BSD-3-Clause
point_label = "bytes per response"
load plots . "/curve.gp"
