# SPDX-License-Identifier: BSD-3-Clause
"""What all tests of processes share."""
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
os.environ["MTCP_GUARD"] = "off"  # tests share the machine with whatever runs: no run is repeated for that
sys.path.insert(0, str(ROOT / "experiments"))

from runner import netns  # noqa: E402
from runner.errors import CannotRun  # noqa: E402
from runner.procs import ChildFailed  # noqa: E402

# Files that ./repro test runs beside each other, the longest first: nothing in them depends on how fast anything is. All
# others measure, wait for what is soon, or want both cores: one after the other, with nothing beside them.
BESIDE = ("test_repro", "test_sim_golden", "test_cluster", "test_writeset", "test_figures", "test_report", "test_inventory", "test_pack",
          "test_compare", "test_repro_parts", "test_layering", "test_bench", "test_builds", "test_artifact", "test_verdicts", "test_cost",
          "test_sim_program", "test_tables", "test_symbols", "test_conformance", "test_congestion_doc")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.stem in BESIDE:
            item.add_marker("beside")
    items.sort(key=lambda item: BESIDE.index(item.path.stem) if item.path.stem in BESIDE else len(BESIDE))


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def build_dir() -> Path:
    """Where the programs were built (MTCP_BUILD); skips when nothing was."""
    folder = Path(os.environ.get("MTCP_BUILD") or ROOT / "build")
    if not (folder / "CMakeCache.txt").is_file():
        pytest.skip(f"nothing is built in {folder}")
    return folder


@pytest.fixture(scope="session")
def program(build_dir):
    """program("mtcp-server"): its path; skips when it was not built."""

    def find(name: str) -> Path:
        path = build_dir / "bin" / name
        if not path.is_file():
            pytest.skip(f"{name} was not built")
        return path

    return find


@pytest.fixture(scope="session")
def namespaces() -> str:
    """The kind of namespace pair that this machine allows; skips when it allows none."""
    try:
        kind, refused = netns.best_kind()
    except CannotRun as error:
        pytest.skip(str(error))
    if kind == "lo":
        pytest.skip(f"no network namespaces here: {'; '.join(refused)}")
    return kind


class NetnsPair:
    """A server's and a client's namespace joined by veth (srv0, cli0). Both are gone when the test ends.

    server, client: argv prefixes: subprocess.run([*pair.server, "ip", "addr"]).
    """

    def __init__(self, pair: netns.NetPair):
        self.pair = pair
        self.server_iface, self.client_iface = netns.IFACE, netns.PEER
        self.server_address, self.client_addresses = netns.SERVER_ADDRESS, netns.CLIENT_ADDRESSES

    @property
    def server(self) -> list[str]:
        return self.pair.inside(netns.SERVER, [])

    @property
    def client(self) -> list[str]:
        return self.pair.inside(netns.CLIENT, [])

    def address(self, side: str, *addresses: str) -> None:
        """Gives addresses to an end: side is "server" or "client"."""
        self.pair.give_addresses(side, addresses, self.server_iface if side == netns.SERVER else self.client_iface)

    def run(self, side: str, *argv: str) -> str:
        return self.pair.run(side, *argv)

    def plain_frames(self) -> None:
        """No offloads on the client's end, as a stack on the server's end needs it."""
        from runner import tuning

        tuning.plain_frames(self.pair, netns.CLIENT, netns.PEER)


@pytest.fixture
def netns_pair(namespaces):
    """Two fresh namespaces of this test's own; no addresses yet."""
    try:
        pair = netns.NetPair(namespaces)
    except ChildFailed as error:
        pytest.skip(f"no network namespaces here: {error}")
    with pair:
        yield NetnsPair(pair)


@pytest.fixture
def fakes(tmp_path) -> Path:
    """A folder for MTCP_BIN with stand-ins for our programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("mtcp-pair", "mtcp-server", "mtcp-load", "mtcp-packets", "mtcp-descriptors"):
        shutil.copy(ROOT / "pytest" / "fake_programs.py", folder / name)
    return folder


@pytest.fixture
def repro(tmp_path, fakes):
    """repro("run", "--quick", FAKE_SECONDS="1"): ./repro with the stand-ins; the finished process, text output."""

    def start(*words: str, timeout: float = 120, **variables: str) -> subprocess.CompletedProcess:
        known = {"MTCP_BIN": str(fakes), "MTCP_PACKAGES": "assume", "MTCP_BUILD": str(tmp_path / "build"), "MTCP_CHROMIUM": ""}
        return subprocess.run([str(ROOT / "repro"), *words], cwd=tmp_path, env=os.environ | known | variables,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout)

    return start
