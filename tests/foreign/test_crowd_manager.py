"""An account manager, as Debian's boinc-client knows it: it gets an account by the project's Web RPCs, and tells the client to attach."""

import hashlib
import re
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.etree import ElementTree

from boinc import password_hash, wait_for


def hex_block(data):
    """Lines of hexadecimal characters and a point, as BOINC has keys and signatures."""
    text = data.hex()
    return "\n".join(text[at:at + 64] for at in range(0, len(text), 64)) + "\n.\n"


def sign(private_text, text):
    """BOINC's signature of a text: PKCS #1 type 1 about the characters of its MD5."""
    digits = bytes.fromhex("".join(private_text.split("\n", 1)[1].replace(".", "").split()))
    modulus, exponent = (int.from_bytes(digits[at:at + 128], "big") for at in (0, 256))
    inside = hashlib.md5(text.encode()).hexdigest().encode()
    padded = b"\x00\x01" + b"\xff" * (128 - 3 - len(inside)) + b"\x00" + inside
    return hex_block(pow(int.from_bytes(padded, "big"), exponent, modulus).to_bytes(128, "big"))


class Manager:
    """An account manager at an address of its own."""

    def __init__(self, keys, account):
        manager, self.requests = self, []
        self.keys, self.account = keys, account

        class Handler(BaseHTTPRequestHandler):
            def answer(self, text):
                body = text.encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/xml")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.answer("<project_config>\n<name>Manager</name>\n<account_manager/>\n<min_passwd_length>4</min_passwd_length>\n</project_config>\n")

            def do_POST(self):
                manager.requests.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                self.answer(manager.reply())

            def log_message(self, *words):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/am/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def reply(self):
        url, key = self.account()
        private = (self.keys / "code_sign_private").read_text()
        return (f"<acct_mgr_reply>\n<name>Manager</name>\n<signing_key>\n{(self.keys / 'code_sign_public').read_text()}</signing_key>\n"
                f"<repeat_sec>3600</repeat_sec>\n<opaque>\n<hash>ab</hash>\n</opaque>\n<account>\n<url>{url}</url>\n"
                f"<url_signature>\n{sign(private, url)}</url_signature>\n<authenticator>{key}</authenticator>\n"
                f"<resource_share>50</resource_share>\n</account>\n</acct_mgr_reply>\n")

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def ask(project, page, **fields):
    """A Web RPC's reply."""
    return ElementTree.fromstring(project.get(f"{page}.php?{urllib.parse.urlencode(fields)}"))


def test_a_client_attaches_by_an_account_manager(pogson, world):
    project = world.project()
    project.serve()
    config = ask(project, "get_project_config")
    assert config.findtext("master_url") == project.url and config.find("account_creation_disabled") is None
    email, sent = "ann@example.org", password_hash("secret", "ann@example.org")
    made = ask(project, "create_account", email_addr=email, passwd_hash=sent, user_name="Ann", consent_flag="1", source="AM")
    key = made.findtext("authenticator")
    assert ask(project, "lookup_account", email_addr=email, passwd_hash=sent).findtext("authenticator") == key
    info = ask(project, "am_get_info", account_key=key)
    weak = info.findtext("weak_auth")
    assert (info.tag, info.findtext("name"), info.findtext("id")) == ("am_get_info_reply", "Ann", weak.split("_")[0])
    # The weak key tells less and changes nothing.
    assert ask(project, "am_get_info", account_key=weak).find("weak_auth") is None
    assert ask(project, "am_set_info", account_key=weak, name="Eve").findtext("error_num") == "-155"
    assert ask(project, "am_get_info", account_key=weak[:-1] + "x").findtext("error_num") == "-136"

    pogson("crowd", "keys", world.dir / "manager")
    manager = Manager(world.dir / "manager", lambda: (project.url, weak))
    try:
        client = world.client("ada").start(until_idle=False)
        wait_for(lambda: "Initialization completed" in client.log, 60)
        client.command("--acct_mgr", "attach", manager.url, "ann", "secret")
        wait_for(lambda: "Scheduler request completed" in client.log, 90)
        assert "bad signature" not in client.log.lower() and "Invalid or missing" not in client.log, client.log[-3000:]
        # What the manager keeps at the client comes back to it.
        client.command("--acct_mgr", "sync")
        wait_for(lambda: "<hash>ab</hash>" in manager.requests[-1], 60)
        host = re.search(r"<hostid>(\d+)</hostid>", (client.dir / "client_state.xml").read_text())[1]
        assert pogson.json("crowd", "host", "show", project.dir, host)["user"] == int(weak.split("_")[0])

        prefs = "<global_preferences>\n<max_ncpus_pct>50</max_ncpus_pct>\n<run_on_batteries/>\n</global_preferences>\n"
        assert ask(project, "am_set_host_info", account_key=key, hostid=host, venue="work").tag == "am_set_host_info_reply"
        assert ask(project, "am_set_info", account_key=key, name="Ann Lee", country="Chile", venue="home",
                   global_prefs=prefs).tag == "am_set_info_reply"

        def told():
            """the venue that the manager set"""
            client.command("--project", project.url, "update")
            return "<host_venue>work</host_venue>" in (client.dir / "client_state.xml").read_text()
        wait_for(told, 90, 4)
        assert "max_ncpus_pct" in (client.dir / "global_prefs.xml").read_text()
        info = ask(project, "am_get_info", account_key=key)
        assert (info.findtext("name"), info.findtext("country"), info.findtext("venue")) == ("Ann+Lee", "Chile", "home")
        assert info.find("global_prefs/global_preferences").findtext("run_on_batteries") == "1"
    finally:
        manager.stop()


def test_account_managers_cannot_do_what_users_may_not(pogson, world):
    project = world.project()
    project.serve()
    key, other = project.user("ann"), project.user("bob")
    team = pogson.json("crowd", "team", "add", project.dir, "--name", "Stars", "--founder", "bob@example.org")["id"]
    error = lambda page, **fields: ask(project, page, **fields).findtext("error_num")
    for fields, number in [
        ({"name": "<b>x</b>"}, "-188"), ({"email_addr": "no"}, "-205"), ({"email_addr": "bob@example.org"}, "-137"),
        ({"url": "javascript:alert(1)"}, "-1"), ({"venue": "moon"}, "-1"), ({"teamid": 99}, "-1"), ({"password_hash": "x"}, "-206"),
        ({"global_prefs": "<global_preferences><a>"}, "-112"), ({"country": "<x>"}, "-1"),
    ]:
        assert error("am_set_info", account_key=key, **fields) == number, fields
    assert error("am_set_info", account_key="", name="Eve") == "-136"
    assert error("am_set_host_info", account_key=other, hostid=1, venue="work") == "-136"
    assert ask(project, "am_set_info", account_key=key, teamid=team).tag == "am_set_info_reply"
    assert ask(project, "am_get_info", account_key=key).findtext("teamid") == str(team)
    new = password_hash("another", "ann@new.example")
    assert ask(project, "am_set_info", account_key=key, email_addr="ann@new.example", password_hash=new).tag == "am_set_info_reply"
    assert ask(project, "lookup_account", email_addr="ann@new.example", passwd_hash=new).findtext("authenticator") == key
    letters = [path.read_text() for path in (project.dir / "mail").glob("*.eml")]
    assert any("ann@example.org" in letter for letter in letters)
    # As often as passwords may be tried.
    numbers = [error("am_get_info", account_key="0" * 32) for _ in range(60)]
    assert "-183" in numbers
