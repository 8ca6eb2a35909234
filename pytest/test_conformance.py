# SPDX-License-Identifier: BSD-3-Clause
"""docs/conformance.md and the known faults against the tree: what they name exists."""
import re

from runner import faults

DEFINED = r"^(?:CASE\w*\(|static void )(\w+)(?:\)|\(void \*\*)"


def _rows(root):
    """Of all tables but their heads, whatever a row begins with."""
    lines = (root / "docs" / "conformance.md").read_text().splitlines()
    found = [line for line, after in zip(lines, [*lines[1:], ""]) if line.startswith("| ") and not after.startswith("|---")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in found]


def _tests(root):
    """Names of all test functions, and of the programs they stand in."""
    names = set()
    for path in (root / "core" / "tests").rglob("*.[ch]"):
        text = path.read_text()
        names.add(path.stem)
        names |= set(re.findall(DEFINED, text, re.M))
    for path in (root / "pytest").glob("test_*.py"):
        names |= set(re.findall(r"^def (test_\w+)", path.read_text(), re.M))
    return names


def test_rows_name_what_exists(root):
    tests, wrong = _tests(root), []
    rows = _rows(root)
    assert rows
    for row in rows:
        if len(row) != 6:
            wrong.append(f"{row[0]}: {len(row)} cells, 6 are due")
            continue
        for name in re.findall(r"`([^`]+)`", row[3]):
            if not (root / name).is_file():
                wrong.append(f"{row[0]}: no file {name}")
        for name in re.findall(r"`([^`]+)`", row[4]):
            if name not in tests:
                wrong.append(f"{row[0]}: no test {name}")
    assert not wrong, "\n".join(wrong)


def test_rows_of_any_name_are_looked_at(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "conformance.md").write_text("| clause | test |\n|---|---|\n| RFC 1 | `a` |\n| | `b` |\n| IEEE 802 | `c` |\n\nno row | here\n")
    assert [row[-1] for row in _rows(tmp_path)] == ["`a`", "`b`", "`c`"]


def test_every_fault_is_put_back(root):
    """Numbers are those of the list that ./repro test --faults works through; what a patch names exists."""
    found, wrong = faults.load(root), []
    functions = {path.stem: set(re.findall(DEFINED, path.read_text(), re.M)) for path in (root / "core" / "tests").glob("test_*.c")}
    named = {int(name[6:8]) for names in functions.values() for name in names if name.startswith("fault_")}
    assert named == {fault.number for fault in found} == set(range(1, 19))
    for fault in found:
        if fault.test not in functions.get(fault.program, ()):
            wrong.append(f"{fault.path.name}: {fault.program} has no {fault.test}")
        if not fault.test.startswith(f"fault_{fault.number:02d}_"):
            wrong.append(f"{fault.path.name}: {fault.test} is named after another fault")
        wrong += [f"{fault.path.name}: no file {name}" for name in fault.files if not (root / name).is_file()]
    assert not wrong, "\n".join(wrong)


def test_scripts_are_many(root):
    """Each CASE is a script of segments, played with the fast path on and off."""
    cases = [name for path in (root / "core" / "tests").glob("test_tcp_*.c") for name in re.findall(r"^CASE\((\w+)", path.read_text(), re.M)]
    assert len(cases) >= 400
