# SPDX-License-Identifier: BSD-3-Clause
value_label = "transactions per busy server-core second"
load plots . "/curve.gp"
