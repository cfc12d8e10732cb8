"""What strangers may send to a project's server, one after the other: each is refused with BOINC's word for it, nothing is granted or lost,
and the server's records agree with each other afterwards."""

import gzip
import hashlib
import html
import re
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib

import pytest

from crowd_server import Server

NASTY = ["<b onload=alert(1)>'\"&amp;]]></b>", "'; drop table users; --", "a\x00b\x07c\x1b[31m", "../../../../etc/passwd", "%2e%2e%2f", "\u202egnp.exe",
         "A" * 70_000, "&#0;&#60;script&#62;", "<!--", "${jndi:ldap://x}", "\ud7ff\U0010ffff", "1e999", "NaN", "-9223372036854775809"]


def escaped(text):
    """As an element's text."""
    return html.escape(text, quote=False)


class Project:
    """A served project with two accounts, and what anybody may send to it."""

    def __init__(self, binary, folder):
        self.server = Server(binary, folder / "project", settings={
            "scheduler.request_delay": 0.0, "server.disk_reserve": 0, "scheduler.quarantine_after": 0, "scheduler.daily_quota": 10000})
        self.server.run("app", "add", self.server.folder, "toy")
        program = folder / "program"
        program.write_text("#!/bin/sh\n")
        self.server.run("app", "version", self.server.folder, "toy", program, "--number", 100)
        self.keys = [self.user(f"user{n}@example.org", f"user {n}") for n in range(3)]
        self.units("u", 20)
        self.server.start()

    def user(self, email, name):
        """A key."""
        return self.server.json("user", "add", self.server.folder, "--email", email, "--name", name)["authenticator"]

    def units(self, name, count, *more, flops="1e9"):
        """Work for quorums of two."""
        self.server.run("wu", "create", self.server.folder, "--app", "toy", "--name", name, "--count", count, "--output", "out",
                        "--most", 1000, "--flops", flops, "--credit", 5, *more)

    def post(self, path, body, **headers):
        """Status and text."""
        body = body if isinstance(body, bytes) else body.encode(errors="surrogatepass")
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(self.server.url + path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")

    def rpc(self, user, host=0, sequence=0, more="", info="", seconds=1, key=None, platform="x86_64-pc-linux-gnu"):
        """A scheduler's reply."""
        key = key or self.keys[user]
        status, text = self.post("cgi", (
            f"<scheduler_request>\n<authenticator>{key}</authenticator>\n<hostid>{host}</hostid>\n<rpc_seqno>{sequence}</rpc_seqno>\n"
            f"<core_client_major_version>7</core_client_major_version>\n<platform_name>{platform}</platform_name>\n"
            f"<work_req_seconds>{seconds}</work_req_seconds>\n<cpu_req_secs>{seconds}</cpu_req_secs>\n<allow_multiple_clients>1</allow_multiple_clients>\n"
            f"<host_info>\n<p_ncpus>4</p_ncpus>\n<p_fpops>1e9</p_fpops>\n{info}</host_info>\n{more}\n</scheduler_request>\n"))
        assert status == 200 and text.startswith("<scheduler_reply>") and text.rstrip().endswith("</scheduler_reply>"), (status, text[:500])
        return text

    def upload(self, name, certificate, data=b"answer\n", most=1000, md5=None, size=None, offset=0):
        """The handler's status."""
        md5 = hashlib.md5(data).hexdigest() if md5 is None else md5
        head = (f"<data_server_request>\n<file_upload>\n<file_info>\n<name>{name}</name>\n<xml_signature>\n{certificate}\n</xml_signature>\n"
                f"<max_nbytes>{most}</max_nbytes>\n</file_info>\n<nbytes>{len(data) if size is None else size}</nbytes>\n<md5_cksum>{md5}</md5_cksum>\n"
                f"<offset>{offset}</offset>\n<data>\n")
        status, text = self.post("upload/main/file_upload_handler", head.encode(errors="surrogatepass") + data)
        assert status == 200, (status, text)
        return int(re.search(r"<status>(-?\d+)</status>", text)[1])

    def work(self, user):
        """A new host with a task: host, name, certificate."""
        reply = self.rpc(user)
        task = re.search(r"<result>.*?<name>([^<]*)</name>", reply, re.S)
        assert task, reply
        certificate = re.search(r"<xml_signature>\n(.*?)</xml_signature>", reply, re.S)[1].strip()
        return int(re.search(r"<hostid>(\d+)", reply)[1]), task[1], certificate

    def credit(self):
        """All that was granted."""
        return float(self.server.rows("select sum(credit) from users")[0][0])

    def state(self, name):
        """State and outcome of a result."""
        unit, place = name.rsplit("_", 1)
        ((state, outcome),) = self.server.rows(
            f"select results.state, outcome from results join units on units.id = results.id / 64 where units.name = '{unit}' and results.id % 64 = {place}")
        return int(state), int(outcome)

    def sound(self):
        """The server is alive and its records agree."""
        assert self.server.process.poll() is None, self.server.tail()
        assert "panicked" not in self.server.log.read_text(errors="replace")
        self.server.run("check", self.server.folder, "--deep")


@pytest.fixture(scope="module")
def project(pogson, tmp_path_factory):
    """One for all of it."""
    project = Project(pogson.path, tmp_path_factory.mktemp("hostile"))
    yield project
    project.server.stop()


@pytest.fixture(autouse=True)
def still_sound(project):
    """After each."""
    yield
    project.sound()


def report(name, state=5, exit_status=0, more=""):
    return f"<result>\n<name>{name}</name>\n<state>{state}</state>\n<exit_status>{exit_status}</exit_status>\n{more}</result>"


def test_strangers_get_no_work_and_make_no_host(project):
    before = project.server.count("hosts")
    for key in ["", "0" * 32, "x", project.keys[0][:-1], project.keys[0] + "0", *map(escaped, NASTY)]:
        text = project.rpc(0, key=key or " ", more=report("u_1_0"))
        assert "Invalid or missing account key" in text and "<result>" not in text and "<hostid>" not in text
    assert project.server.count("hosts") == before


def test_anothers_host_and_results_cannot_be_used(project):
    host, name, certificate = project.work(0)
    reply = project.rpc(1, host=host, sequence=9, more=report(name, 3, 1), seconds=0)
    other = int(re.search(r"<hostid>(\d+)", reply)[1])
    assert other != host and "<result_ack>" in reply
    assert project.state(name) == (4, 0), "what another says of it does not count"
    # Its owner's other host cannot report it either.
    project.rpc(0, more=report(name, 3, 1), seconds=0)
    assert project.state(name) == (4, 0)
    # A certificate is good for its own file, size and host.
    assert project.upload(f"{name}_0".replace(name, "u_20_0"), certificate) == -1
    assert project.upload(f"{name}_0", certificate, most=100_000) == -1
    forged = certificate.replace(f"1 {host} ", f"1 {other} ", 1)
    assert forged != certificate and project.upload(f"{name}_0", forged) == -1
    assert project.credit() == 0


def test_reports_that_are_forged_early_or_said_again_bring_nothing(project):
    before = project.credit()
    host, name, certificate = project.work(0)
    unsent = project.server.rows("select units.name, results.id % 64 from results join units on units.id = results.id / 64 where results.state = 2 limit 1")[0]
    for other in ("nobody_0", "u_1", "u_1_63", "u_1_64", "u_1_-1", "u_1_99999999999999999999", "_0", "u__0", f"{unsent[0]}_{unsent[1]}", *NASTY):
        reply = project.rpc(0, host, 1, report(escaped(other)), seconds=0)
        assert "<result_ack>" in reply or "Request refused" in reply, other
    assert project.state(f"{unsent[0]}_{unsent[1]}") == (2, 0)
    # Done, it says, but its file did not come.
    project.rpc(0, host, 2, report(name), seconds=0)
    assert project.state(name) == (5, 6)
    # And neither file nor report are taken afterwards.
    assert project.upload(f"{name}_0", certificate) == -1
    project.rpc(0, host, 3, report(name), seconds=0)
    assert project.state(name) == (5, 6) and project.credit() == before


def test_an_honest_pair_is_paid_once_however_often_it_reports(project):
    project.units("pair", 1, "--priority", 100)
    before, done = project.credit(), []
    for user in (0, 1):
        host, name, certificate = project.work(user)
        assert name.startswith("pair_1_")
        assert project.upload(f"{name}_0", certificate) == 0
        done.append((user, host, name, certificate))
    for sequence in range(1, 6):
        for user, host, name, certificate in done:
            project.rpc(user, host, sequence, report(name) + report(name), seconds=0)
            # It is here, or not wanted any more.
            assert project.upload(f"{name}_0", certificate, data=b"another answer\n") in (0, -1)
    end = time.monotonic() + 30
    while project.credit() != before + 10e6:
        assert time.monotonic() < end, project.credit()
        time.sleep(0.1)
    (path,) = (project.server.folder / "outputs").rglob("pair_1*")
    assert path.read_bytes() == b"answer\n"


def test_uploads_without_right_or_reason_are_refused(project):
    host, name, certificate = project.work(2)
    file = f"{name}_0"
    number, digits = certificate.split("\n")[:2]
    expired = f"1 {host} 1\n{digits}\n."
    for wrong in ("", ".", "0", expired, f"{number}\n{'0' * 64}\n.", f"{number}\n{digits}", f"2{number[1:]}\n{digits}\n.", f"{number} 7\n{digits}\n.",
                  "\n".join([number, digits[:-1], "."]), *map(escaped, NASTY[:4])):
        assert project.upload(file, wrong) == -1, wrong
    for bad in ("../" + file, "/etc/passwd", f"{file}/../x", f"..%2f{file}", "\x00", "x" * 5000, "whole/x", "main.lock", file + "0"):
        assert project.upload(escaped(bad), certificate) == -1, bad
    # More than allowed, more or less than said, another MD5, a beginning in the middle.
    assert project.upload(file, certificate, data=b"x" * 1001) == -1
    assert project.upload(file, certificate, data=b"x" * 900, size=100) != 0
    assert project.upload(file, certificate, data=b"x" * 100, size=900) == 1
    assert project.upload(file, certificate, md5="0" * 32) == 1
    assert project.upload(file, certificate, md5="../x") != 0
    assert project.upload(file, certificate, size=1000, offset=500) == 1
    for size in ("-1", "1e300", "NaN", "inf", "", "0x10", "18446744073709551616"):
        assert project.upload(file, certificate, size=size) != 0, size
    assert project.upload(file, certificate) == 0
    assert not list(project.server.folder.parent.glob("x*"))


def test_bodies_that_are_no_requests_are_refused_and_cost_little(project):
    whole = "<scheduler_request><authenticator>x</authenticator></scheduler_request>"
    deep = "<scheduler_request>" + "<a>" * 100_000 + "</a>" * 100_000 + "</scheduler_request>"
    wide = "<scheduler_request>" + "<a/>" * 1_000_000 + "</scheduler_request>"
    many = "<scheduler_request>" + report("u_1_0") * 30_000 + "</scheduler_request>"
    lol = '<!DOCTYPE l [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><scheduler_request><authenticator>&b;</authenticator></scheduler_request>'
    external = '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><scheduler_request><authenticator>&a;</authenticator></scheduler_request>'
    bomb = gzip.compress(b"<scheduler_request>" + b" " * 200_000_000)
    begin = time.monotonic()
    for body in ["", "<", "<html></html>", whole[:-5], whole[:30], deep, wide, many, lol, external, b"\xff\xfe" * 1000, b"\x00" * 1000, bomb,
                 "<scheduler_request>" + "x" * (17 << 20)]:
        status, text = project.post("cgi", body)
        assert status in (200, 413) and "<result>" not in text and "root:" not in text, (status, text[:300])
        if status == 200:
            assert "Request refused" in text or "Invalid or missing account key" in text, text[:300]
    for encoding, body in (("gzip", bomb), ("deflate", zlib.compress(b" " * 100_000_000))):
        status, text = project.post("cgi", body, Content_Encoding=encoding)
        assert status in (200, 413, 415) and "<result>" not in text
    assert time.monotonic() - begin < 60
    memory = int(re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{project.server.process.pid}/status").read())[1]) * 1024
    assert memory < 1.5e9, memory


def test_markup_and_sql_in_every_field_stay_text(project):
    fields = ("domain_name", "ip_addr", "host_cpid", "p_vendor", "p_model", "p_features", "os_name", "os_version", "timezone", "m_nbytes", "p_ncpus",
              "p_fpops", "d_free", "product_name")
    hosts = []
    for value in NASTY:
        info = "".join(f"<{field}>{escaped(value)}</{field}>" for field in fields)
        more = "".join(f"<{field}>{escaped(value)}</{field}>" for field in ("cross_project_id", "duration_correction_factor"))
        more += f"<file_info><name>{escaped(value)}</name></file_info><other_results><other_result><name>{escaped(value)}</name></other_result></other_results>"
        more += f"<msg_from_host><result_name>{escaped(value)}</result_name><variety>{escaped(value)}</variety><text>{escaped(value)}</text></msg_from_host>"
        more += f"<coprocs><coproc_cuda><count>{escaped(value)}</count><name>{escaped(value)}</name></coproc_cuda><coproc><type>{escaped(value)}</type></coproc></coprocs>"
        more += f"<global_preferences><mod_time>1</mod_time><x>{escaped(value)}</x></global_preferences>"
        reply = project.rpc(1, info=info, more=more)
        told = re.search(r"<hostid>(\d+)", reply)
        if not told:
            assert "Request refused" in reply, reply[:500]
            continue
        hosts.append(int(told[1]))
        name = re.search(r"<result>.*?<name>([^<]*)</name>", reply, re.S)
        if name:
            words = f"<stderr_out>{escaped(value)}</stderr_out><final_cpu_time>{escaped(value[:200])}</final_cpu_time><final_elapsed_time>{escaped(value[:200])}</final_elapsed_time>"
            project.rpc(1, hosts[-1], 1, report(name[1], 3, 7, words), seconds=0)
    assert len(hosts) >= 8
    jar = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    jar.open(project.server.url + "login", urllib.parse.urlencode({"key": project.keys[1]}).encode())
    user = project.server.rows("select id from users order by id")[1][0]
    pages = [f"host/{host}" for host in hosts] + [f"host/{host}/tasks" for host in hosts] + [f"user/{user}", f"user/{user}/tasks", "account/computers", "top/hosts"]
    pages += [f"result/{row[0]}_{row[1]}" for row in project.server.rows(
        "select units.name, results.id % 64 from results join units on units.id = results.id / 64 where exit_status = 7 limit 10")]
    for page in pages:
        text = jar.open(project.server.url + page).read().decode()
        assert "<b onload" not in text and "<script" not in text and "\x00" not in text and "\x1b" not in text, page
    # What others are told stays well-formed.
    assert "<b onload" not in project.rpc(2)
    assert project.server.count("users") == 3


def test_names_of_accounts_are_clean_and_queries_are_data(project):
    for at, value in enumerate(NASTY):
        query = urllib.parse.urlencode({"email_addr": f"n{at}@example.org", "passwd_hash": "0" * 32, "user_name": value}, errors="replace")
        text = urllib.request.urlopen(project.server.url + "create_account.php?" + query[:100_000]).read().decode() if len(query) < 60_000 else "<error>"
        assert "<authenticator>" in text or "<error" in text, text
        query = urllib.parse.urlencode({"email_addr": value[:3000], "passwd_hash": value[:3000]}, errors="replace")
        text = urllib.request.urlopen(project.server.url + "lookup_account.php?" + query).read().decode()
        assert "<error" in text and "<authenticator>" not in text, (value, text)
    for name, in project.server.rows("select name from users"):
        assert not re.search(r"[<>\x00-\x1f\u202e]", name), name
    for page in ("user/1%27--", "host/0x1", "wu/..%2f..%2fetc%2fpasswd", "result/%00", "download/..%2f..%2fsecret", "download/%2e%2e/secret", "stats/..%2fsecret",
                 "user/99999999999999999999", "host/-1/tasks?before=-9223372036854775808", "top/users?by=%27;drop", "galaxies/..%2f..%2fsecret"):
        status, text = get(project, page)
        assert status in (200, 303, 400, 404), (page, status)
        assert (project.server.folder / "secret").read_bytes()[:16] not in text.encode(errors="replace"), page


def get(project, page):
    try:
        with urllib.request.urlopen(project.server.url + page, timeout=30) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


def test_numbers_out_of_all_bounds_do_no_harm(project):
    before = project.credit()
    for value in ("-1", "0", "1e308", "-1e308", "inf", "nan", "9223372036854775807", "-9223372036854775808", "99999999999999999999", "1.5", "0x7f", ""):
        project.rpc(2, host=value, sequence=value, seconds=value, info=f"<p_fpops>{value}</p_fpops><m_nbytes>{value}</m_nbytes><d_free>{value}</d_free>",
                    more=f"<time_stats><on_frac>{value}</on_frac><active_frac>{value}</active_frac><now>{value}</now></time_stats>"
                         f"<coprocs><coproc_cuda><count>{value}</count><req_secs>{value}</req_secs><peak_flops>{value}</peak_flops></coproc_cuda></coprocs>")
    project.units("after", 1, "--priority", 300)
    host, name, certificate = project.work(2)
    assert project.upload(f"{name}_0", certificate) == 0
    project.rpc(2, host, 1, report(name, more="<final_cpu_time>1e308</final_cpu_time><final_elapsed_time>-5</final_elapsed_time>"), seconds=0)
    ((cpu, elapsed),) = project.server.rows("select max(cpu), min(elapsed) from results")
    assert float(cpu) < 1e9 and float(elapsed) >= 0
    assert project.credit() == before


def test_one_request_cannot_take_all_work(project):
    project.units("many", 300)
    reply = project.rpc(0, seconds="1e18", info="<p_ncpus>100000</p_ncpus>")
    assert 1 <= reply.count("<wu_name>") <= 64


def test_slow_clients_do_not_hold_up_others(project):
    place = urllib.parse.urlparse(project.server.url)
    head = f"POST {place.path}cgi HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n<scheduler_request>".encode()
    lines = []
    for at in range(300):
        line = socket.create_connection((place.hostname, place.port), timeout=10)
        line.sendall(head[: 10 + at % (len(head) - 10)])
        lines.append(line)
    times = []
    def honest():
        for _ in range(20):
            begin = time.monotonic()
            project.rpc(1, seconds=0)
            times.append(time.monotonic() - begin)
    threads = [threading.Thread(target=honest) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    for line in lines:
        line.close()
    assert len(times) == 60 and sorted(times)[30] < 1.0, sorted(times)[-5:]


def test_cheats_below_the_quorum_get_nothing_from_one_account(project):
    project.units("alone", 1, "--priority", 200)
    got = []
    for _ in range(4):
        reply = project.rpc(0, info=f"<host_cpid>{time.monotonic_ns()}</host_cpid>")
        got += re.findall(r"<wu_name>(alone_1)</wu_name>", reply)
    assert got == ["alone_1"], "one result of a unit for each user, by however many hosts"
