# SPDX-License-Identifier: BSD-3-Clause
"""docs/conformance.md against the tree: what a row names exists."""
import re

ROW = re.compile(r"^\| (RFC|paper|Linux) ")


def _rows(root):
    lines = (root / "docs" / "conformance.md").read_text().splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if ROW.match(line)]


def _tests(root):
    """Names of all test functions, and of the programs they stand in."""
    names = set()
    for path in (root / "core" / "tests").rglob("*.[ch]"):
        text = path.read_text()
        names.add(path.stem)
        names |= set(re.findall(r"^CASE\w*\((\w+)", text, re.M)) | set(re.findall(r"^static void (\w+)\(void \*\*", text, re.M))
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


