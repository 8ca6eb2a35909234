# SPDX-License-Identifier: BSD-3-Clause
"""The harness behind ./repro: runs experiments, keeps rows, draws figures, judges claims."""
