# SPDX-License-Identifier: BSD-3-Clause
point_label = "self-loop pairs, a core each"
load plots . "/curve.gp"
