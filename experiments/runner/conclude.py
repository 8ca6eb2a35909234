# SPDX-License-Identifier: BSD-3-Clause
"""What follows from a row's own numbers, whichever way it was measured."""
from __future__ import annotations

from runner import gather, pace, rows


def per_core(row: rows.Row, clock_hz: float) -> None:
    """Transactions by the server's busy time, and cycles by transaction, where a program has not told them.
    clock_hz: of a server's core, where the time-stamp counter was not measured."""
    if row.get("transactions_per_server_cpu_s") is None and row.get("server_cpu_s"):
        row["transactions_per_server_cpu_s"] = row.get("transactions", 0) / row["server_cpu_s"]
    if not row.get("cycles_per_transaction") and row.get("transactions_per_server_cpu_s"):
        row["cycles_per_transaction"] = (row.get("tsc_hz") or clock_hz) / row["transactions_per_server_cpu_s"] or None


def judge_load(row: rows.Row, spins: bool) -> None:
    """Was the load the limit? A server that polls looks busy from outside: its own account, where the row has it, tells. Of a kernel's server
    that spins nothing does: a load with a timing of its own is then judged by its lateness alone, of another it is not known."""
    idle = row.get("cpu_idle")
    if row.get("generator_limited") is None or (idle is None and not spins):
        return
    row["server_busy"] = None if idle is None else 1 - idle
    unknown = 0.0 if gather.open_loop(row) else None
    row["generator_limited"] = gather.limited([row], unknown if idle is None else 1 - idle)


def choose_breakdown(row: rows.Row) -> None:
    """The columns cpu_*: the method that is the same for all stacks, where there is one."""
    methods = [("perf", "caller"), ("cycles", "calls"), ("cycles", "phase"), ("proc-stat", "-")]
    own = [entry for entry in row["breakdown"] if entry["cpus"] == "server" and (entry["method"], entry["attribution"]) in methods]
    if own:
        best = min(own, key=lambda entry: methods.index((entry["method"], entry["attribution"])))
        rows.shares_to_columns(row, best["shares"])
        row["cpu_method"] = best["method"]


def unsteady(row: rows.Row) -> list[str]:
    """Remarks on a rate that was none."""
    notes = []
    if row.get("steady") is False:
        notes.append("the rate had not settled when the window began")
    drift = row.get("rate_drift")
    if drift is not None and abs(drift) > pace.DRIFT_LIMIT:
        notes.append(f"the window's second half was {drift:+.0%} on its first")
    return notes
