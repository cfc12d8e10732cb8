"""The examples in the book's pages on the gate and the portal: configurations are right, and commands do what is said of them."""

import json
import re
import shlex
import signal
import subprocess
import tomllib
import urllib.request
from pathlib import Path

import pytest

from conftest import ROOT, program
from gate_world import SOON_S, World, free_port, listens, until

PAGES = sorted([*(ROOT / "docs").glob("gate*.md"), *(ROOT / "docs").glob("portal*.md")])


def blocks(page, *languages):
    """Blocks of a page in some languages; "" is none."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.M | re.S)
    return [text for language, text in found if language in languages]


def commands(page):
    """Command lines of a page, as the shell takes them."""
    text = "".join(blocks(page, "", "sh")).replace("\\\n", " ")
    return [line.strip() for line in text.splitlines() if re.match(r"(pogson|curl|kill|mv|head) ", line)]


CONFIGURATIONS = [(page.name, text) for page in PAGES for text in blocks(page, "toml")]


@pytest.fixture
def world(pogson, tmp_path):
    one = World(pogson, tmp_path)
    yield one
    one.ends()


def completed(text):
    """A configuration with what it takes for granted."""
    config = tomllib.loads(text)
    if "listen" not in config:
        text += '\n[[listen]]\naddress = "127.0.0.1:8080"\n'
    pools = {pool.get("name", "main") for pool in config.get("pool", [])}
    wanted = {route["pool"] for route in config.get("route", []) if "pool" in route} or {"main"}
    for at, name in enumerate(sorted(wanted - pools if pools or config.get("route") else wanted)):
        text += f'\n[[pool]]\nname = "{name}"\n[[pool.server]]\naddress = "http://127.0.0.1:{9001 + at}"\n'
    return text


def files(config):
    """Files that a configuration names."""
    if isinstance(config, dict):
        for key, value in config.items():
            if key in ("key_file", "token_file", "file") and isinstance(value, str):
                yield value
            yield from files(value)
    elif isinstance(config, list):
        for value in config:
            yield from files(value)


@pytest.mark.parametrize("page,text", CONFIGURATIONS, ids=[f"{page}-{at}" for at, (page, _) in enumerate(CONFIGURATIONS)])
def test_each_configuration_of_the_book_is_right(pogson, tmp_path, page, text):
    text = completed(text)
    for name in files(tomllib.loads(text)):
        (tmp_path / name).write_text("a word that is long enough\n")
    (tmp_path / "gate.toml").write_text(text)
    checked = pogson.json("gate", "check", tmp_path / "gate.toml")
    assert checked["ok"] and checked["warnings"] == []


def test_the_book_has_these_pages():
    assert {"gate.md", "gate-configuration.md", "gate-reports.md", "gate-simulation.md", "portal.md"} <= {page.name for page in PAGES}
    assert len(CONFIGURATIONS) >= 5


def test_what_check_says_is_as_the_book_shows_it(pogson, tmp_path):
    page = ROOT / "docs/gate-configuration.md"
    shown = next(text for text in blocks(page, "text") if text.startswith("gate.toml:"))
    line, column, key = re.match(r"gate\.toml:(\d+):(\d+): \"(\w+)\"", shown).groups()
    config = completed(blocks(page, "toml")[0]).splitlines()
    config.insert(int(line) - 1, f"{key} = 2.0")
    (tmp_path / "gate.toml").write_text("\n".join(config))
    said = pogson("gate", "check", "gate.toml", code=3, cwd=tmp_path).stderr.replace("pogson: ", "").rstrip().splitlines()
    wanted = shown.rstrip().splitlines()
    # The list of what else there is is shortened in the book.
    assert said[0].startswith(wanted[0].split(", ...")[0]) and said[1:] == wanted[1:]
    faults = pogson.json("gate", "check", "gate.toml", code=3, cwd=tmp_path)["faults"]
    assert [(fault["line"], fault["column"]) for fault in faults] == [(int(line), int(column))]
    missing = pogson("gate", "check", "nowhere.toml", code=3, cwd=tmp_path)
    assert "nowhere.toml" in missing.stderr
    pogson("gate", "check", code=2)


def test_each_simulation_of_the_book_runs(pogson, tmp_path):
    lines = [line for page in PAGES for line in commands(page) if line.startswith(("pogson gate simulate", "pogson gate replay"))]
    assert len(lines) >= 5
    for line in lines:
        words = shlex.split(line)[1:]
        if words[1] == "simulate" and "--figures" not in words:
            words += ["--requests", "3000"]
        if "--figures" in words:
            # It takes minutes; that it is a command is looked at elsewhere.
            continue
        run = pogson(*words, cwd=tmp_path)
        assert run.stdout, line
        if "--json" in words:
            json.loads(run.stdout)


def test_the_gate_is_begun_changed_seen_and_ended_as_the_book_says(world):
    """Each line of docs/gate.md that is the gate's own, with free ports in place of the book's."""
    page = ROOT / "docs/gate.md"
    text = page.read_text()
    assert "pogson gate serve --config gate.toml" in commands(page)
    backs = [world.back(), world.back()]
    config = blocks(page, "toml")[0]
    ports = {8080: free_port(), 8081: free_port(), 9001: backs[0].port, 9002: backs[1].port}

    def with_ports(text):
        for port, other in ports.items():
            text = text.replace(f":{port}", f":{other}")
        return text

    seeing = blocks(page, "toml")[1]
    assert "[admin]" in seeing and "token_file" in seeing
    (world.folder / "admin.token").write_text("a word that is long enough\n")
    whole = config.replace(re.search(r"\[admin\]\n.*?\n\n", config, re.S)[0], "") + seeing
    (world.folder / "gate.toml").write_text(with_ports(whole))

    def begins(*more):
        with open(world.folder / "said", "a") as said:
            words = shlex.split("gate serve --config gate.toml")
            return subprocess.Popen([world.pogson.path, *words, *more], cwd=world.folder, stderr=said)

    def pogson(line):
        return world.pogson(*shlex.split(line)[1:], cwd=world.folder).stdout

    gate = begins()
    try:
        url = f"http://127.0.0.1:{ports[8080]}"
        until(lambda: gate.poll() is not None or listens(ports[8080]), "it does not listen")

        def asks():
            return urllib.request.urlopen(url + "/a", timeout=SOON_S).read()

        assert asks() == b"ok"
        # Seeing.
        for line in ["pogson gate top --socket gate.sock", f"pogson gate top --url http://127.0.0.1:{ports[8081]} --sort load --once"]:
            assert "tiles-1" in pogson(line)
        for path in ("/", "/state", "/metrics"):
            assert urllib.request.urlopen(f"http://127.0.0.1:{ports[8081]}{path}", timeout=SOON_S).status == 200
        # Changing.
        assert "`pogson gate server --socket gate.sock add`" in text
        server = "pogson gate server --socket gate.sock"
        for order, state in [
            ("drain tiles-1", "drained"), ("up tiles-1", "up"), ("down tiles-1", "down"), ("up tiles-1", "up"),
            ("weight tiles-1 0", "weightless"), ("weight tiles-1 2", "up"),
        ]:
            pogson(f"{server} {order}")
            assert re.search(rf"tiles-1 +{state} ", pogson(f"{server} list")), order
        pogson(f"{server} remove tiles-1")
        assert "tiles-1" not in pogson(f"{server} list")
        pogson(f"{server} add tiles-1 http://127.0.0.1:{backs[0].port}")
        assert "tiles-1" in pogson(f"{server} list")
        world.pogson(*shlex.split(f"{server} drain nobody")[1:], code=1, cwd=world.folder)
        # The log's line is as the page shows one.
        until(lambda: (world.folder / "access.log").read_text(), "there is no log")
        shown = next(text for text in blocks(page, "") if text.startswith("192.0.2.7"))
        line = (world.folder / "access.log").read_text().splitlines()[0]
        pattern = r'\S+ - - \[[^]]+\] "[^"]*" \d+ \d+ "[^"]*" "[^"]*" \S+ \S+ \S+ \S+ ([a-z-]+) [\d.]+ [\d.-]+ [\d.]+ \d+ \w+'
        assert re.fullmatch(pattern, shown.strip()) and re.fullmatch(pattern, line)
        reasons = set(re.findall(r"`([a-z-]+)`", text.split("### The access log")[1].split("The status 499")[0]))
        assert {re.fullmatch(pattern, one)[1] for one in (shown.strip(), line)} <= reasons
        # Signals: a log that was moved, another configuration, another program, the end.
        (world.folder / "access.log").rename(world.folder / "access.log.1")
        gate.send_signal(signal.SIGUSR1)
        until((world.folder / "access.log").exists, "the log is not opened anew")
        gate.send_signal(signal.SIGHUP)
        until(lambda: "is served as it is now" in (world.folder / "said").read_text(), "it does not reload")
        assert "--take-over" in text
        old, gate = gate, begins("--take-over")
        assert old.wait(SOON_S) == 0
        assert asks() == b"ok"
        gate.send_signal(signal.SIGTERM)
        assert gate.wait(SOON_S) == 0
    finally:
        for process in (gate,):
            if process.poll() is None:
                process.kill()
                process.wait()


def test_the_line_for_logrotate_is_one_that_it_takes(tmp_path):
    page = ROOT / "docs/gate.md"
    text = next(text for text in blocks(page, "") if "postrotate" in text)
    (tmp_path / "pogson").write_text(text.replace("/var/log/pogson", str(tmp_path)))
    (tmp_path / "pogson").chmod(0o644)
    tool = program("logrotate", "/usr/sbin/logrotate")
    run = subprocess.run([tool, "-d", "-s", tmp_path / "state", tmp_path / "pogson"], capture_output=True, text=True)
    assert run.returncode == 0 and "error" not in run.stderr.lower(), run.stderr


def test_tokens_are_made_as_the_book_says(pogson, tmp_path):
    text = (ROOT / "docs/gate-configuration.md").read_text()
    line = re.search(r"`(pogson gate token [^`]+)`", text)[1]
    (tmp_path / "priority.key").write_text("a key that is long enough\n")
    made = pogson(*shlex.split(line)[1:], cwd=tmp_path).stdout.strip()
    assert re.fullmatch(r"p1\.high\.\d+\.ada\.[0-9a-f]{64}", made)
    for wrong, code in [("--level highest", 2), ("--member a.b", 2), ("--for 0s", 2), ("--key nowhere", 3)]:
        words = shlex.split(line)[1:]
        flag, value = wrong.split()
        words[words.index(flag) + 1] = value
        pogson(*words, code=code, cwd=tmp_path)


def test_the_agent_reads_what_the_books_format_writes(pogson, tmp_path):
    page = ROOT / "docs/gate-reports.md"
    line = next(line for line in commands(page) if line.startswith("pogson gate agent"))
    words = shlex.split(line)[1:]
    log_format = re.search(r"log_format gate '([^']+)'", blocks(page, "nginx")[0])[1]
    assert words[words.index("--format") + 1] == log_format
    (tmp_path / "gate.log").write_text('192.0.2.1 "GET /a HTTP/1.1" 200 0.020 HIT 1\n192.0.2.1 "GET /b HTTP/1.1" 502 0.040 MISS 2\n')
    read = pogson.json("gate", "agent", "--log", tmp_path / "gate.log", "--format", log_format, "--once")
    figures = read.get("named_metrics", read)
    assert figures["log_lines"] == 2 and figures["log_lines_unread"] == 0


def test_the_portals_commands_serve_what_the_book_says(pogson, tmp_path):
    page = ROOT / "docs/portal.md"
    lines = commands(page)
    serve = next(line for line in lines if line.startswith("pogson portal serve"))
    asked = [line for line in lines if line.startswith("curl")]
    assert len(asked) >= 2
    pogson("simulate", "-o", tmp_path / "survey", "--size", "0.2", "--seed", "1", "--center", "275.2 -16.17")
    (tmp_path / "mosaics").mkdir()
    pogson("mosaic", tmp_path / "survey/raw", "-o", tmp_path / "mosaics/m17.fits")
    port = free_port()
    process = subprocess.Popen(
        [pogson.path, *shlex.split(serve.replace(":8080", f":{port}"))[1:]], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: process.poll() is not None or listens(port), "it does not listen")
        for line in asked:
            words = shlex.split(line.replace(":8080", f":{port}"))
            subprocess.run([program("curl"), "-fsS", "--max-time", "60", *words[1:]], cwd=tmp_path, check=True)
        assert (tmp_path / "part.fits").read_bytes().startswith(b"SIMPLE")
        assert (tmp_path / "part.png").read_bytes().startswith(b"\x89PNG")
        # Each address of the page's table.
        rows = re.findall(r"^\| `(/[^|]*)` \|", page.read_text(), re.M)
        assert len(rows) >= 6
        for path in ("/", "/hipslist", "/m17/", "/m17/properties", "/m17/Moc.fits", "/m17/Norder3/Allsky.png", "/health", "/status"):
            assert urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=SOON_S).status == 200, path
        process.send_signal(signal.SIGTERM)
        assert process.wait(SOON_S) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
