# SPDX-License-Identifier: BSD-3-Clause
point_label = "messages per connection"
load plots . "/curve.gp"
