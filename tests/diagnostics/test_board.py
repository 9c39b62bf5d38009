"""How the machine is, from files as a kernel writes them."""

from pathlib import Path

from device.diagnostics.board import BoardReader, own_address

_ROUTE = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0
"""


def root(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        path = tmp_path / "proc" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_a_board(tmp_path: Path) -> None:
    made = root(
        tmp_path,
        meminfo="MemTotal:        4000000 kB\nMemFree:          100000 kB\nMemAvailable:    1000000 kB\n",
        uptime="7300.25 20000.00\n",
        net__route=_ROUTE,
    )
    board = BoardReader(tmp_path / "not" / "yet", made).read()
    assert (board.memory_free_percent, board.uptime_s, board.interface) == (25.0, 7300.25, "wlan0")
    assert board.disk_free_bytes is not None and board.disk_free_bytes > 0
    assert board.temperature_c is None


def test_no_way_into_the_network(tmp_path: Path) -> None:
    board = BoardReader(tmp_path, root(tmp_path, net__route=_ROUTE.rpartition("wlan0")[0])).read()
    assert (board.interface, board.address) == ("", None)


def test_a_machine_that_says_nothing(tmp_path: Path) -> None:
    board = BoardReader(tmp_path, tmp_path).read()
    assert (board.memory_free_percent, board.uptime_s, board.interface) == (None, None, None)


def test_files_that_make_no_sense(tmp_path: Path) -> None:
    made = root(tmp_path, meminfo="MemTotal: x kB\nMemAvailable:\n", uptime="\n", net__route="a\nb\nc d e f\n")
    board = BoardReader(tmp_path, made).read()
    assert (board.memory_free_percent, board.uptime_s, board.interface) == (None, None, "")


def test_this_machine() -> None:
    board = BoardReader(Path.cwd()).read()
    assert board.uptime_s is None or board.uptime_s > 0
    address = own_address()
    assert address is None or address.count(".") == 3
    assert BoardReader(Path.cwd()).version
