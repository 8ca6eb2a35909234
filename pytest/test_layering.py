# SPDX-License-Identifier: BSD-3-Clause
"""Rules of the source tree that no compiler checks: layers, object contents, sizes, leftovers.

Each check is a function from a Tree (or a library) to a list of complaints. It runs over the repository,
and over a small tree made to break it, so that a check that no longer checks fails too.
"""
import os
import re
import subprocess
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parent.parent
LOWER = ["base", "wire", "tcp", "stack"]  # no state, no clock, no threads, no DPDK


class Tree:
    """The text files of a source tree: in a git checkout those git tracks or would track."""

    def __init__(self, root):
        self.root = Path(root)
        if (self.root / ".git").exists():
            out = subprocess.run(["git", "-C", str(root), "-c", "safe.directory=*", "ls-files", "-coz", "--exclude-standard"],
                                 check=True, capture_output=True, text=True).stdout
            names = [n for n in out.split("\0") if n]
        else:
            skip = re.compile(r"^(build[^/]*|results)/|(^|/)__pycache__/")
            names = [p.relative_to(self.root).as_posix() for p in self.root.rglob("*")]
            names = [n for n in names if not skip.search(n)]
        self.files = sorted(n for n in set(names) if (self.root / n).is_file())

    def matching(self, pattern):
        return [f for f in self.files if re.search(pattern, f)]

    def text(self, name):
        """The file's text, or None if it is binary."""
        data = (self.root / name).read_bytes()
        return None if b"\0" in data else data.decode("utf-8", errors="replace")


# ---- C text ----

COMMENT_OR_STRING = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<string>"(?:\\.|[^"\\\n])*")|'(?:\\.|[^'\\\n])*'""", re.S)


def strip_comments(text):
    """Comments become blank; lines keep their numbers, strings and characters stay."""
    def blank(m):
        return re.sub(r"[^\n]", " ", m.group()) if m.group("comment") else m.group()
    return COMMENT_OR_STRING.sub(blank, text)


def strip_to_code(text):
    """Without comments, contents of strings, character constants and preprocessor lines."""
    def shorten(m):
        return '""' if m.group("string") else "0"
    code = COMMENT_OR_STRING.sub(shorten, strip_comments(text))
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: "\n" * m.group().count("\n"), code, flags=re.M)


# ---- (a) include arrows ----

BELOW = {name: set(LOWER[:i + 1]) for i, name in enumerate(LOWER)}
BELOW["stack"] |= {"mtcp/nic.h", "mtcp/mtcp_stats.h"}
BELOW["runtime"] = BELOW["stack"] | {"runtime"}
BELOW["sim"] = BELOW["stack"] | {"sim"}
BELOW["api"] = BELOW["runtime"] | {"api", "mtcp"}
BELOW["mtcp"] = {"mtcp"}
BELOW["pmd_backends"] = {"pmd_backends", "base", "mtcp/nic.h"}
BELOW["experiments"] = {"experiments", "mtcp/mtcp_api.h", "mtcp/mtcp_epoll.h", "mtcp/mtcp_stats.h", "mtcp/nic.h"}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*[<"]([^">]+)[>"]', re.M)
DPDK_HEADER = re.compile(r"^(rte_|cmdline|ethdev_)")


def layer_of(path):
    parts = path.split("/")
    if parts[0] != "core":
        return parts[0]
    return "mtcp" if parts[1] == "include" else parts[1]


def resolve(tree, name, header):
    """The file of the tree that #include of `header` means, or None (a system header)."""
    places = [os.path.dirname(name), "core", "core/include", "core/include/mtcp", layer_of(name)]
    for place in places:
        path = os.path.normpath(os.path.join(place, header))
        if (tree.root / path).is_file():
            return path
    return None


def may_include(layer, target):
    if layer not in BELOW:
        return True
    return bool({layer_of(target), target.replace("core/include/", "", 1)} & BELOW[layer])


def check_includes(tree):
    bad = []
    for name in tree.matching(r"^(core|pmd_backends|experiments)/.*\.[ch]$"):
        for header in INCLUDE.findall(strip_comments(tree.text(name))):
            target = resolve(tree, name, header)
            if target is None:
                if DPDK_HEADER.search(header) and layer_of(name) != "pmd_backends":
                    bad.append(f"{name}: {header} belongs to pmd_backends")
            elif not may_include(layer_of(name), target):
                bad.append(f"{name}: {layer_of(name)} may not include {target}")
    return bad


# ---- (b) contents of the lower layers' objects ----

FORBIDDEN = re.compile(r"""^(
    rte_\w+ | pthread_\w+ | thrd_\w+ | mtx_\w+ | sem_\w+
    | time | clock | clock_\w+ | gettimeofday | nanosleep | usleep | sleep
    | (__)?v?(f|s|sn|d|as)?printf(_chk)? | f?puts | f?putc | putchar | perror | fwrite
    | s?rand | rand_r | s?random | [delmnj]rand48 | getrandom | getentropy
    | malloc | calloc | realloc | reallocarray | free | aligned_alloc | posix_memalign | strdup
    | write | writev | read | open | socket | send(to|msg)? | recv(from|msg)?
    )$""", re.X)
WRITABLE = re.compile(r"^\.(data|bss|tdata|tbss)(?!\.rel\.ro)(\.|$)|^COMMON$")
MAY_WRITE = {("libmtcp_base.a", "check.c.o"): {"write", "writev"}}


def check_sections(library):
    out = subprocess.run(["size", "-A", str(library)], check=True, capture_output=True, text=True).stdout
    bad, member = [], "?"
    for line in out.splitlines():
        words = line.split()
        if "(ex " in line:
            member = words[0]
        elif len(words) >= 2 and WRITABLE.search(words[0]) and int(words[1]) > 0:
            bad.append(f"{library.name}({member}): {words[1]} bytes of global state in {words[0]}")
    return bad


def check_symbols(library):
    out = subprocess.run(["nm", "-A", "-u", str(library)], check=True, capture_output=True, text=True).stdout
    bad = []
    for line in out.splitlines():
        if not line.strip():
            continue
        where, symbol = line.rsplit(None, 1)
        member = where.split(":")[-2]
        symbol = symbol.split("@")[0]
        if FORBIDDEN.search(symbol) and symbol not in MAY_WRITE.get((library.name, member), ()):
            bad.append(f"{library.name}({member}): uses {symbol}")
    return bad


def build_dir():
    """The build to look into; a build that is instrumented has state and symbols of its own."""
    build = Path(os.environ.get("MTCP_BUILD", REPO / "build"))
    if not (build / "CMakeCache.txt").is_file():
        pytest.skip(f"no build in {build}; build there or set MTCP_BUILD")
    cache = (build / "CMakeCache.txt").read_text()
    if re.search(r"^MTCP_(SANITIZE:\w+=.+|(FUZZ|COVERAGE):\w+=(ON|1|TRUE))$", cache, re.M | re.I):
        pytest.skip(f"{build} is instrumented; set MTCP_BUILD to a plain build")
    return build


# ---- (c) sizes ----

LIMITS = {"function_lines": 60, "params": 5, "nesting": 3}
TOKEN = re.compile(r'[A-Za-z_]\w*|\d[\w.]*|""|\S')
FUNCTION = re.compile(r"^\{$(.*?)^\}", re.M | re.S)


class Nesting:
    """Deepest statement of a function body, counted in control structures around it."""

    def __init__(self, body):
        self.tok = TOKEN.findall(body)
        self.at = 0
        self.deepest = 0
        while self.at < len(self.tok):
            self.statement(0)

    def peek(self):
        return self.tok[self.at] if self.at < len(self.tok) else ""

    def group(self):
        """Skips a bracketed group."""
        depth = 0
        while self.at < len(self.tok):
            depth += (self.peek() in "([{") - (self.peek() in ")]}")
            self.at += 1
            if depth == 0:
                return

    def rest(self):
        """Skips to behind the statement's semicolon; a closing brace belongs to the block around."""
        while self.peek() not in (";", "}", ""):
            if self.peek() in "([{":
                self.group()
            else:
                self.at += 1
        if self.peek() == ";":
            self.at += 1

    def block(self, depth):
        self.at += 1
        while self.peek() not in ("}", ""):
            self.statement(depth)
        self.at += 1

    def statement(self, depth):
        word, start = self.peek(), self.at
        self.deepest = max(self.deepest, depth)
        if word == "{":
            self.block(depth)
        elif self.skip_label():
            if self.peek() != "}":
                self.statement(depth)
        elif word == "if":
            self.at += 1
            self.group()
            self.statement(depth + 1)
            self.otherwise(depth)
        elif word == "do":
            self.at += 1
            self.statement(depth + 1)
            self.rest()
        elif word in ("for", "while", "switch") or self.is_loop_macro():
            self.at += 1
            self.group()
            self.statement(depth + 1)
        else:
            self.rest()
        if self.at == start:  # a stray bracket: go on rather than stand still
            self.at += 1

    def skip_label(self):
        """case X: default: name: (the conditional operator does not begin a statement)"""
        if self.peek() == "case":
            while self.peek() not in (":", ""):
                self.at += 1
        elif self.tok[self.at + 1:self.at + 2] == [":"]:
            self.at += 1
        else:
            return False
        self.at += 1
        return True

    def otherwise(self, depth):
        if self.peek() == "else":
            self.at += 1
            self.statement(depth if self.peek() == "if" else depth + 1)

    def is_loop_macro(self):
        """A word, a bracketed group, and then no operator or semicolon: list_for_each(n, head) ..."""
        start = self.at
        if not re.match(r"[a-z_]\w*$", self.peek()) or self.tok[start + 1:start + 2] != ["("]:
            return False
        if self.peek() in ("return", "sizeof", "alignas", "_Alignas", "typeof", "__attribute__"):
            return False
        self.at += 1
        self.group()
        follows, self.at = self.peek(), start
        return follows == "{" or bool(re.match(r"[A-Za-z_]", follows))


def count_params(signature):
    """Top-level commas of the first parameter list."""
    inner = signature[signature.index("(") + 1:]
    depth, n = 0, 1
    for i, c in enumerate(inner):
        depth += (c in "([{") - (c in ")]}")
        if depth < 0:
            return 0 if inner[:i].strip() in ("", "void") else n
        n += c == "," and depth == 0
    return n


def functions(text):
    """(name, lines, params, nesting) of each function; relies on braces in column 0 (.clang-format)."""
    code = strip_to_code(text)
    end = 0
    for m in FUNCTION.finditer(code):
        head = code[end:m.start()]
        signature = re.split(r"[;}]", head)[-1].lstrip()
        end = m.end()
        plain = re.sub(r"__attribute__\s*\(\(.*?\)\)|_Alignas\s*\(.*?\)", "", signature, flags=re.S)
        name = re.search(r"(\w+)\s*\(", plain)
        if name:
            n_lines = (signature + m.group()).count("\n") + 1
            yield name.group(1), n_lines, count_params(plain[name.start():]), Nesting(m.group(1)).deepest


def measure_sizes(tree):
    """{(place, check): (value, limit)} for all C files and functions."""
    sizes = {}
    for name in tree.matching(r"\.[ch]$"):
        text = tree.text(name)
        limit = 250 if name.endswith(".h") else 800 if "/tests/" in name else 600
        sizes[name, "lines"] = (text.count("\n"), limit)
        for function, *values in functions(text):
            for (check, most), value in zip(LIMITS.items(), values):
                sizes[f"{name}:{function}", check] = (value, most)
    return sizes


def read_exceptions(text):
    """{(place, check): limit} from lines `path[:function] check limit reason`."""
    exceptions = {}
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            place, check, limit, reason = line.split(None, 3)
            assert reason
            exceptions[place, check] = int(limit)
    return exceptions


def check_sizes(tree, exceptions):
    sizes = measure_sizes(tree)
    bad = []
    for key, (value, limit) in sizes.items():
        if value > exceptions.get(key, limit):
            bad.append(f"{key[0]}: {key[1]} {value}, at most {exceptions.get(key, limit)}")
    for key in exceptions:
        if key not in sizes or sizes[key][0] <= sizes[key][1]:
            bad.append(f"{key[0]}: the exception for {key[1]} is not needed")
    return bad


# ---- (d) to (h): leftovers, licence, names, atomics, sleeps ----

# Put together from pieces, so that this file passes its own check.
LEFTOVERS = {
    "a path of somebody's machine": re.compile(r"(?<![\w.)}~*])/(?:wo" + r"rk|ho" + r"me)/"),
    "an unfinished place": re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b"),
    "disabled code": re.compile(r"^[ \t]*#[ \t]*if[ \t]+0\b", re.M),
}
ATOMICS = re.compile(r"\b(_Atomic|atomic_\w+|__atomic_\w+|__sync_\w+|memory_order\w*)\b|stdatomic\.h")
SLEEPS = re.compile(r"\b(sleep|usleep|nanosleep|clock_nanosleep|thrd_sleep)\s*\(")


def check_leftovers(tree):
    bad = []
    for name in tree.files:
        text = tree.text(name) or ""
        for what, pattern in LEFTOVERS.items():
            for m in pattern.finditer(text):
                bad.append(f"{name}:{text.count(chr(10), 0, m.start()) + 1}: {what}")
    return bad


def check_licence(tree):
    return [f"{name}: no SPDX line" for name in tree.matching(r"\.(c|h|py|sh|gp)$")
            if not any("SPDX-License-Identifier: BSD-3-Clause" in line
                       for line in tree.text(name).splitlines()[:2])]


def check_names(tree):
    return [f"{name}: would make pytest/ a package that hides the module" for name in
            tree.matching(r"^pytest/(.*/)?__init__\.py$")]


def check_atomics(tree):
    return [f"{name}: atomics belong to base/spsc"
            for name in tree.matching(r"^core/(%s)/.*\.[ch]$" % "|".join(LOWER))
            if not re.search(r"^core/base/spsc\.[ch]$", name) and ATOMICS.search(strip_comments(tree.text(name)))]


def check_sleeps(tree):
    return [f"{name}: C tests run in virtual time" for name in tree.matching(r"^core/tests/.*\.[ch]$")
            if SLEEPS.search(strip_to_code(tree.text(name)))]


# ---- the repository ----

TREE_CHECKS = [check_includes, check_leftovers, check_licence, check_names, check_atomics, check_sleeps]


@pytest.mark.parametrize("check", TREE_CHECKS, ids=lambda c: c.__name__)
def test_repository(check):
    assert check(Tree(REPO)) == []


def test_repository_sizes():
    exceptions = read_exceptions((REPO / "pytest/size_exceptions.txt").read_text())
    assert check_sizes(Tree(REPO), exceptions) == []


@pytest.mark.parametrize("layer", LOWER)
def test_repository_objects(layer):
    library = build_dir() / "lib" / f"libmtcp_{layer}.a"
    assert library.is_file()
    assert check_sections(library) + check_symbols(library) == []


# ---- the checks themselves ----

def tree_of(tmp_path, files):
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Tree(tmp_path)


HEADERS = {f"core/{layer}/{layer}.h": "" for layer in [*LOWER, "runtime", "api", "sim"]}
HEADERS |= {f"core/include/mtcp/{h}.h": "" for h in ["nic", "mtcp_api", "mtcp_epoll", "mtcp_stats", "mtcp_conf"]}
HEADERS |= {"pmd_backends/dpdk/d.h": "", "experiments/apps/e.h": ""}

ALLOWED = [
    ("core/base/x.c", "base/base.h"), ("core/wire/x.c", "base/base.h"), ("core/tcp/x.c", "wire/wire.h"),
    ("core/stack/x.c", "tcp/tcp.h"), ("core/stack/x.c", "mtcp/nic.h"), ("core/stack/x.c", "mtcp/mtcp_stats.h"),
    ("core/runtime/x.c", "stack/stack.h"), ("core/runtime/x.c", "mtcp/nic.h"), ("core/api/x.c", "runtime/runtime.h"),
    ("core/api/x.c", "mtcp_api.h"), ("core/sim/x.c", "stack/stack.h"), ("core/tests/x.c", "sim/sim.h"),
    ("pmd_backends/dpdk/x.c", "d.h"), ("pmd_backends/dpdk/x.c", "rte_mbuf.h"), ("pmd_backends/x.c", "base/base.h"),
    ("experiments/apps/x.c", "mtcp_api.h"), ("experiments/apps/x.c", "e.h"), ("core/base/x.c", "string.h"),
    ("core/include/mtcp/x.h", "mtcp_stats.h"),
]
NOT_ALLOWED = [
    ("core/base/x.c", "wire/wire.h"), ("core/wire/x.h", "tcp/tcp.h"), ("core/tcp/x.c", "stack/stack.h"),
    ("core/tcp/x.c", "mtcp/nic.h"), ("core/stack/x.c", "runtime/runtime.h"), ("core/stack/x.c", "mtcp/mtcp_api.h"),
    ("core/stack/x.c", "sim/sim.h"), ("core/runtime/x.c", "api/api.h"), ("core/runtime/x.c", "mtcp/mtcp_api.h"),
    ("core/sim/x.c", "runtime/runtime.h"), ("core/api/x.c", "sim/sim.h"), ("core/wire/x.c", "../tcp/tcp.h"),
    ("pmd_backends/dpdk/x.c", "wire/wire.h"), ("pmd_backends/dpdk/x.c", "mtcp/mtcp_api.h"),
    ("experiments/apps/x.c", "base/base.h"), ("experiments/apps/x.c", "mtcp/mtcp_conf.h"),
    ("experiments/apps/x.c", "stack/stack.h"), ("core/stack/x.c", "rte_mbuf.h"), ("core/tests/x.c", "rte_eal.h"),
    ("experiments/apps/x.c", "rte_eal.h"), ("core/include/mtcp/x.h", "stack/stack.h"),
]


@pytest.mark.parametrize("name,header", ALLOWED)
def test_include_allowed(tmp_path, name, header):
    assert check_includes(tree_of(tmp_path, HEADERS | {name: f'#include "{header}"\n'})) == []


@pytest.mark.parametrize("line", ['#include "%s"', "#include <%s>", '  #  include  "%s"'])
@pytest.mark.parametrize("name,header", NOT_ALLOWED)
def test_include_not_allowed(tmp_path, name, header, line):
    assert len(check_includes(tree_of(tmp_path, HEADERS | {name: line % header + "\n"}))) == 1


def test_include_in_comment(tmp_path):
    assert check_includes(tree_of(tmp_path, HEADERS | {"core/base/x.c": '/*\n#include "tcp/tcp.h"\n*/\n'})) == []


def library_of(tmp_path, source, name="libmtcp_tcp.a", member="x.c.o"):
    (tmp_path / "x.c").write_text(source)
    compiler = os.environ.get("CC", "cc").split()
    subprocess.run([*compiler, "-O1", "-fPIC", "-fno-builtin", "-w", "-c", "x.c", "-o", member], cwd=tmp_path, check=True)
    subprocess.run(["ar", "rcs", name, member], cwd=tmp_path, check=True)
    return tmp_path / name


@pytest.mark.parametrize("source", ["int x;", "int x = 1;", "static int x; int f(void) { return ++x; }",
                                    "_Thread_local int x;", "int f(void) { static int n = 5; return n++; }",
                                    "char c; char *p = &c;"])
def test_global_state_is_found(tmp_path, source):
    assert check_sections(library_of(tmp_path, source)) != []


def test_const_tables_are_not_state(tmp_path):
    library = library_of(tmp_path, 'const int x[] = {1, 2}; const char *const names[] = {"a", "b"};\n'
                                   "int f(void); int (*const table[])(void) = {f};")
    assert check_sections(library) + check_symbols(library) == []


@pytest.mark.parametrize("symbol", ["rte_free", "clock_gettime", "pthread_create", "printf", "snprintf", "__printf_chk",
                                    "puts", "rand", "random", "malloc", "calloc", "free", "time", "write"])
def test_forbidden_symbol_is_found(tmp_path, symbol):
    library = library_of(tmp_path, f"int {symbol}(); int f(void) {{ return {symbol}(); }}")
    assert check_symbols(library) == [f"libmtcp_tcp.a(x.c.o): uses {symbol}"]


def test_check_may_write(tmp_path):
    source = "int write(); int f(void) { return write(); }"
    assert check_symbols(library_of(tmp_path, source, "libmtcp_base.a", "check.c.o")) == []
    assert check_symbols(library_of(tmp_path, source, "libmtcp_base.a", "pool.c.o")) != []
    assert check_symbols(library_of(tmp_path, "int memcpy(); int f(void) { return memcpy(); }")) == []


C_SAMPLE = """
#define MACRO(x) \\
	do { \\
	} while (0)
struct s {
	int x; /* not a function { */
};
static const int table[] = {
	1, 2,
};

__attribute__((noinline)) static int five(int a, void (*f)(int, int),
					  int c[2], struct s *d, int e)
{
	const char *brace = "}";

	if (a)
		return 1; // {
	else if (c)
		for (;;)
			while (a)
				f(a, '{');
	return MACRO(e);
}

int none(void)
{
	struct s v = {.x = 1};

	list_for_each(n, head) {
		switch (v.x) {
		case 1:
			if (v.x)
				do
					v = (struct s){1};
				while (v.x);
again:
			g();
		default:
			h();
		}
	}
	h();
}
"""


def test_functions_are_measured():
    assert list(functions(C_SAMPLE)) == [("five", 13, 5, 3), ("none", 19, 0, 4)]


def function_text(body, params="void"):
    return f"int f({params})\n{{\n{body}}}\n"


@pytest.mark.parametrize("name,text,what", [
    ("core/a.c", "\n" * 601, "core/a.c: lines 601"),
    ("core/a.h", "\n" * 251, "core/a.h: lines 251"),
    ("core/tests/a.c", "\n" * 801, "core/tests/a.c: lines 801"),
    ("core/a.c", function_text("\tx();\n" * 58), "core/a.c:f: function_lines 61"),
    ("core/a.c", function_text("", "int a, int b, int c, int d, int e, int g"), "core/a.c:f: params 6"),
    ("core/a.c", function_text("\tif (a)\n\t\tif (a)\n\t\t\tfor (;;)\n\t\t\t\tif (b)\n\t\t\t\t\tc();\n"),
     "core/a.c:f: nesting 4"),
])
def test_size_is_found(tmp_path, name, text, what):
    tree = tree_of(tmp_path, {name: text})
    bad = check_sizes(tree, {})
    assert len(bad) == 1 and bad[0].startswith(what)
    place, check, value = what.replace(": ", " ").split()
    assert check_sizes(tree, read_exceptions(f"# why\n{place} {check} {value} one table\n")) == []
    assert len(check_sizes(tree, {(place, check): int(value) - 1})) == 1


@pytest.mark.parametrize("name,text", [("core/a.c", "\n" * 600), ("core/a.h", "\n" * 250), ("core/tests/a.c", "\n" * 800),
                                       ("core/a.c", function_text("\tx();\n" * 57, "int a, int b, int c, int d, int e"))])
def test_size_at_limit(tmp_path, name, text):
    assert check_sizes(tree_of(tmp_path, {name: text}), {}) == []


def test_exception_not_needed(tmp_path):
    tree = tree_of(tmp_path, {"core/a.c": function_text("")})
    for key in [("core/a.c", "lines"), ("core/a.c:f", "params"), ("core/gone.c", "lines"), ("core/a.c:g", "nesting")]:
        assert len(check_sizes(tree, {key: 1000})) == 1


def test_exception_needs_reason():
    with pytest.raises(ValueError):
        read_exceptions("core/a.c lines 700\n")


@pytest.mark.parametrize("text", ["see /wo" + "rk/x", '"/ho' + 'me/me"', "TO" + "DO: more", "// FIX" + "ME", "#if " + "0\n#endif"])
def test_leftover_is_found(tmp_path, text):
    assert len(check_leftovers(tree_of(tmp_path, {"docs/a.md": f"one\n{text}\n"}))) == 1
    assert check_leftovers(tree_of(tmp_path, {"docs/a.md": "net/ho" + "me/x, mastodon, #if 01\n"})) == []


@pytest.mark.parametrize("name", ["a.c", "a.h", "a.py", "a.sh", "a.gp"])
def test_licence_is_missed(tmp_path, name):
    line = "SPDX-License-Identifier: BSD-3-Clause"
    assert check_licence(tree_of(tmp_path, {name: f"#!/bin/sh\n# {line}\n"})) == []
    assert len(check_licence(tree_of(tmp_path, {name: f"\n\n# {line}\n"}))) == 1
    assert len(check_licence(tree_of(tmp_path, {name: ""}))) == 1


def test_package_is_found(tmp_path):
    assert len(check_names(tree_of(tmp_path, {"pytest/__init__.py": ""}))) == 1
    assert len(check_names(tree_of(tmp_path, {"pytest/sub/__init__.py": "", "experiments/__init__.py": ""}))) == 2


@pytest.mark.parametrize("text", ["_Atomic int x;", "#include <stdatomic.h>", "__sync_synchronize();",
                                  "x = __atomic_load_n(&y, 0);", "atomic_store(&x, 1);"])
def test_atomic_is_found(tmp_path, text):
    assert len(check_atomics(tree_of(tmp_path, {"core/stack/a.c": text}))) == 1
    (tmp_path / "core/stack/a.c").write_text("/* " + text + " */")
    assert check_atomics(tree_of(tmp_path, {"core/base/spsc.c": text, "core/runtime/a.c": text})) == []


@pytest.mark.parametrize("text", ["sleep(1);", "usleep (10);", "nanosleep(&t, 0);"])
def test_sleep_is_found(tmp_path, text):
    assert len(check_sleeps(tree_of(tmp_path, {"core/tests/test_a.c": text}))) == 1
    (tmp_path / "core/tests/test_a.c").write_text(f'/* {text} */ my_{text} "{text}"')
    assert check_sleeps(Tree(tmp_path)) == []


def test_git_decides_what_is_a_file(tmp_path):
    tree_of(tmp_path, {".gitignore": "/out/\n", "out/a.c": "", "b.c": "", "build-x/c.c": ""})
    assert Tree(tmp_path).files == [".gitignore", "b.c", "out/a.c"]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert Tree(tmp_path).files == [".gitignore", "b.c", "build-x/c.c"]


def test_a_tree_of_another_user_is_read(monkeypatch):
    """As in a container, where root tests what somebody else has checked out: git then wants to be told that it is no danger."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert Tree(REPO).files
