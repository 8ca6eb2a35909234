# SPDX-License-Identifier: BSD-3-Clause
value_label = "transactions per second"
load plots . "/curve.gp"
