# SPDX-License-Identifier: BSD-3-Clause
from runner.cli import main

raise SystemExit(main())
