# SPDX-License-Identifier: BSD-3-Clause
load plots . "/bars.gp"
