"""The gate's page in a browser, and `gate top` on a terminal, before servers that say hits and misses, are drained and die."""

import contextlib
import fcntl
import os
import pty
import re
import select
import shutil
import socket
import struct
import subprocess
import termios

import pytest

from gate_world import SOON_S, World, in_threads, until

HOSTILE = "<script>document.title='owned'</script>"
HEALTH = 'health = { path = "/health", interval = "200ms", fall = 2, timeout = "10s" }\n'


@pytest.fixture
def world(pogson, tmp_path):
    one = World(pogson, tmp_path)
    yield one
    one.ends()


@pytest.fixture
def browser():
    webdriver = pytest.importorskip("selenium.webdriver")
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("there is no browser: chromium and chromium-driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--window-size=1280,1100"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    one = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield one
    one.quit()


def cells(browser, caption):
    """A table of the page: the first cell of each row, and the others by their columns' heads."""
    rows = browser.execute_script(
        """const t=[...document.querySelectorAll("table")].find(t=>t.caption.textContent.startsWith(arguments[0]));
        return t?[...t.rows].map(r=>[...r.cells].map(c=>c.textContent)):[]""",
        caption,
    )
    return {row[0]: dict(zip(rows[0][1:], row[1:])) for row in rows[1:]} if rows else {}


def whole(text):
    return int(text.replace(",", ""))


def complaints(browser):
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def shows(browser, caption, row, what):
    """The row of a table as soon as `what` holds for it."""
    def look():
        found = cells(browser, caption).get(row)
        return found if found and what(found) else None
    return until(look, lambda: f"{caption}, {row}: {cells(browser, caption)}")


def test_the_page_shows_in_a_browser_what_the_figures_say_and_follows_what_becomes_of_servers(world, browser):
    backs = {name: world.back() for name in ("tiles-1", "tiles-2", "tiles-3")}
    one = world.gate(backs, pool=HEALTH, more='[[class]]\nname = "staff"\nlevel = "high"\ntoken = "a word of the staff"\n')
    browser.get(one.admin + "/")
    until(lambda: "No request has come yet." in browser.page_source, "the empty page is not shown")

    def bound():
        return {name: row["bound to"] for name, row in cells(browser, "The contexts").items() if name.startswith("d/tile")}

    tiles = [f"d/tile/9/{tile}" for tile in range(6)]
    for tile in range(6):
        one.ask(f"/d/Norder9/Dir0/Npix{tile}.fits?hit", 2)
    until(lambda: sorted(bound()) == tiles and all(set(names.split(", ")) <= set(backs) for names in bound().values()), lambda: str(bound()))
    for turn in range(1, 3):
        for tile in range(6):
            one.ask(f"/d/Norder9/Dir0/Npix{tile}.fits?hit", 5)
            one.ask(f"/d/Norder9/Dir0/Npix{tile}.fits?miss", 2, X_Api_Key="a word of the staff")
        one.ask("/bad/%3Cimg%20src=x%3E?%3Cb%3E")
        until(lambda: one.figure("requests_total") == 12 + 43 * turn, "the gate counts otherwise")
        shows(browser, "Classes", "other", lambda row: whole(row["requests"]) == 12 + 31 * turn)
        assert whole(cells(browser, "Classes")["staff"]["requests"]) == 12 * turn
        shown = cells(browser, "Servers")
        for name, row in shown.items():
            label = f'server="{name}"'
            asked, hits, misses = (one.figure(f"{what}_total", label) for what in ("requests", "hits", "misses"))
            assert row["state"] == "up" and whole(row["requests"]) == asked
            assert row["hits"] == (f"{100 * hits / (hits + misses):.1f} %" if hits + misses else "–")
        assert sum(whole(row["5xx"]) for row in shown.values()) == turn
        # Whether a server is taken to have one still depends on how often it said that it has not.
        held = dict(one.state()["pools"][0]["bindings"])
        wanted = {name: ", ".join(held.get(name, [])) or "–" for name in tiles}
        until(lambda: bound() == wanted, lambda: f"{bound()}, wanted: {wanted}")

    # Load: what servers have under way.
    asking = in_threads(3, lambda _: one.ask("/held"))
    until(lambda: sum(whole(row["active"]) for row in cells(browser, "Servers").values()) == 3, "what is under way is not shown")
    world.go.touch()
    until(lambda: sum(whole(row["active"]) for row in cells(browser, "Servers").values()) == 0, "what is over is shown")
    [thread.join(SOON_S) for thread in asking]

    # One is drained, one dies, one comes back.
    one.orders("drain", "tiles-1")
    shows(browser, "Servers", "tiles-1", lambda row: row["state"] == "drained")
    before = whole(cells(browser, "Servers")["tiles-1"]["requests"])
    assert one.ask("/d/Norder9/Dir0/Npix1.fits", 10) == [200] * 10
    backs["tiles-2"].dies()
    shows(browser, "Servers", "tiles-2", lambda row: row["state"] == "unwell")
    assert whole(cells(browser, "Servers")["tiles-1"]["requests"]) == before
    backs["tiles-3"].dies()
    shows(browser, "Servers", "tiles-3", lambda row: row["state"] == "unwell")
    assert set(one.ask("/d/Norder9/Dir0/Npix2.fits", 3, X_Api_Key="a word of the staff")) == {503}
    refused = one.figure("refused_total", 'level="high"', 'reason="no-server"')
    assert refused == 3
    shows(browser, "Classes", "staff", lambda row: row["turned away"] == "3" and row["why"] == "no-server 3")
    one.orders("up", "tiles-1")
    backs["tiles-3"].begins()
    for name in ("tiles-1", "tiles-3"):
        shows(browser, "Servers", name, lambda row: row["state"] == "up")

    # Nothing went wrong, nothing came from elsewhere, and nothing else is let in.
    assert complaints(browser) == []
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(e=>e.name)")
    assert loaded and all(name.startswith(one.admin) for name in loaded), loaded
    browser.execute_script(
        "const s=document.createElement('script');s.textContent='window.owned=1';document.head.append(s);"
        "document.body.insertAdjacentHTML('beforeend','<img src=x onerror=\"window.owned=2\">');"
        "fetch(arguments[0]).then(()=>window.owned=3,()=>window.kept=1)",
        one.url + "/d/Norder9/Dir0/Npix3.fits",
    )
    until(lambda: browser.execute_script("return window.kept"), "what is elsewhere may be asked for")
    assert browser.execute_script("return window.owned") is None
    assert any("Content Security Policy" in said for said in complaints(browser))

    # The gate goes, and comes back.
    one.kill()
    until(lambda: "nobody is there" in browser.find_element("id", "alarm").text, "the page does not say that the gate is gone")
    one.begins()
    until(lambda: browser.find_element("id", "alarm").text == "", "the page does not see that the gate is back")
    shows(browser, "Servers", "tiles-1", lambda row: row["requests"] == "0")


def test_requests_that_two_servers_were_asked_for_are_on_the_page_and_in_top(world, browser):
    backs = {name: world.back() for name in ("tiles-1", "tiles-2")}
    one = world.gate(backs, pool='hedge = { after = "1ms", budget = 100 }\n')
    asking = in_threads(2, lambda number: one.ask(f"/held/{number}"))
    # Each is held by both servers until they are let go.
    until(lambda: sum(server["active"] for server in one.state()["pools"][0]["servers"]) == 4, "no second server is asked")
    world.go.touch()
    [thread.join(SOON_S) for thread in asking]
    until(lambda: one.figure("requests_total") == 2, "they are not counted")
    asked, won = one.figure("hedges_total"), one.figure("hedges_won_total")
    assert asked == 2 and won <= 2
    assert one.state()["pools"][0]["hedges"] == [asked, won]
    browser.get(one.admin + "/")
    text = f"hedged: {asked:.0f}, won by the second server: {won:.0f}"
    until(lambda: text in browser.find_element("id", "pools").text, "the page does not say so")
    assert f"hedged {asked:.0f}, won {won:.0f}" in world.pogson("gate", "top", "--url", one.admin).stdout


def test_names_are_no_commands_to_the_browser_and_the_page_fits_narrow_screens(world, browser):
    names = ["tiles-1", HOSTILE, "<img src=x onerror=alert(1)>", *(f"a-rather-long-name-of-a-machine-{at}.example.org" for at in range(300))]
    # All of 127.0.0.0/8 is this machine; nobody listens there, and nobody asks.
    one = world.gate({name: f"127.0.{at // 200}.{at % 200 + 1}:9" for at, name in enumerate(names)})
    browser.get(one.admin + "/")
    until(lambda: len(cells(browser, "Servers")) == len(names), "not all servers are shown")
    assert set(cells(browser, "Servers")) == set(names)
    assert browser.title.startswith("The gate")
    assert browser.execute_script("return document.querySelectorAll('main script, main img').length") == 0
    for width, colours in [(360, "light"), (1280, "dark")]:
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False})
        features = [{"name": "prefers-color-scheme", "value": colours}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, "the page itself is scrolled sideways"
        dark = browser.execute_script("return getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 28)"
        assert dark == (colours == "dark")
    unnamed = browser.execute_script("return [...document.querySelectorAll('table')].filter(t=>!t.caption||!t.querySelector('th[scope=row]')).length")
    assert unnamed <= 2, "only tables without a row have no head of a row"
    assert complaints(browser) == []


class Terminal:
    """A terminal of a given size, as another program draws it."""

    def __init__(self, columns, rows, *command):
        pyte = pytest.importorskip("pyte")
        self.screen = pyte.Screen(columns, rows)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.ours, self.theirs = pty.openpty()
        self.has_size(columns, rows)
        self.modes = termios.tcgetattr(self.theirs)
        self.process = subprocess.Popen(
            list(map(str, command)), stdin=self.theirs, stdout=self.theirs, stderr=self.theirs, start_new_session=True
        )

    def has_size(self, columns, rows):
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.screen.resize(rows, columns)

    def shows(self, what):
        """A pattern, as soon as the screen has it."""
        def look():
            while select.select([self.ours], [], [], 0.05)[0]:
                got = os.read(self.ours, 65536)
                self.raw += got
                self.stream.feed(got)
            return re.search(what, "\n".join(self.screen.display))

        return until(look, lambda: f"{what!r} is not shown:\n" + "\n".join(self.screen.display))

    def press(self, keys):
        os.write(self.ours, keys)


def test_top_is_watched_sorted_and_left_on_a_terminal(world):
    back = world.back()
    # One of them answers; nobody listens at the others.
    one = world.gate({"b-tiles": back, "a-tiles": "127.0.0.2:9", "evil\x9b2J\u202e": "127.0.0.3:9"})
    one.ask("/x", 5)
    top = Terminal(60, 24, world.pogson.path, "gate", "top", "--socket", one.socket, "--interval", "0.2")
    try:
        top.shows(r"b-tiles .*\n.*a-tiles .*\n.*evil\?2J\?")
        assert all(len(line.rstrip()) <= 60 for line in top.screen.display)
        top.press(b"n")
        top.shows(r"a-tiles .*\n.*b-tiles ")
        top.press(b"n")
        top.shows(r"b-tiles .*\n.*a-tiles ")
        top.press(b"n")
        top.shows(r"a-tiles .*\n.*b-tiles ")
        before = [int(found) for found in re.findall(r"in all (\d+) requests", "\n".join(top.screen.display))]
        one.ask("/x", 3)
        top.shows(f"in all {before[0] + 3} requests")
        top.press(b" ")
        top.shows("held still")
        one.ask("/x", 2)
        top.press(b" ")
        top.shows(f"in all {before[0] + 5} requests")
        # Smaller than what there is to show, and larger again.
        for columns, rows in [(20, 5), (9, 2), (3, 1), (100, 40)]:
            top.has_size(columns, rows)
            top.raw = b""
            until(lambda: top.shows("") and top.raw.count(b"\x1b[H") > 5, "it draws no more")
            # What it draws between two beginnings has no more lines than there are, and none that would be wrapped; the first may be
            # from before.
            for drawn in re.sub(rb"\x1b\[[KJ]", b"", top.raw).split(b"\x1b[H")[3:-1]:
                lines = drawn.decode().splitlines()
                assert len(lines) <= rows and all(len(line) <= columns for line in lines), (columns, rows, lines)
        top.shows(r"a-tiles .*\n.*b-tiles .*")
        # The gate goes and comes back.
        one.kill()
        top.shows("trying again")
        one.begins()
        top.shows("in all 0 requests")
        top.press(b"q")
        assert top.process.wait(SOON_S) == 0
        # What was there before is there again: the screen, the cursor, the keyboard.
        top.shows("")
        assert top.raw.endswith(b"\x1b[?25h\x1b[?1049l")
        assert termios.tcgetattr(top.theirs)[3] == top.modes[3]
    finally:
        top.process.kill()
        top.process.wait()


def test_top_ends_when_its_terminal_does(world):
    one = world.gate({"tiles-1": world.back()})
    top = Terminal(80, 24, world.pogson.path, "gate", "top", "--socket", one.socket, "--interval", "0.2")
    try:
        top.shows("tiles-1")
        os.close(top.theirs)
        os.close(top.ours)
        top.process.wait(SOON_S)
    finally:
        top.process.kill()
        top.process.wait()


def test_top_prints_once_where_nobody_watches_and_wants_the_word_of_a_gate(world):
    pogson = world.pogson
    (world.folder / "word").write_text("a word that is long enough\n")
    (world.folder / "wrong").write_text("another word, long enough\n")
    one = world.gate({"tiles-1": world.back()}, admin='token_file = "word"')
    one.ask("/x", 3)
    assert "tiles-1" in pogson("gate", "top", "--url", one.admin).stdout
    once = Terminal(100, 30, pogson.path, "gate", "top", "--url", one.admin, "--once")
    once.shows("tiles-1")
    assert once.process.wait(SOON_S) == 0 and b"\x1b[" not in once.raw
    # By a name that is not this machine's own, as from another machine.
    elsewhere = one.admin.replace("127.0.0.1", socket.gethostname())
    with contextlib.suppress(OSError):
        if socket.gethostbyname(socket.gethostname()).startswith("127."):
            state = pogson.json("gate", "top", "--url", elsewhere, "--token-file", world.folder / "word")
            assert state["requests"] == 3
            for more in [[], ["--token-file", world.folder / "wrong"]]:
                refused = pogson("gate", "top", "--url", elsewhere, *more, code=1)
                assert "401" in refused.stderr and "secret word" in refused.stderr
    one.kill()
    gone = pogson("gate", "top", "--url", one.admin, code=1)
    assert one.admin in gone.stderr
