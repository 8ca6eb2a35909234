# SPDX-License-Identifier: BSD-3-Clause
load plots . "/concurrency-curve.gp"
