"""Drives Debian's boinc-client: data directories, the client's life, and a Pogson project to attach to."""

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

import pytest

CC_CONFIG = """<cc_config>
<log_flags><task>1</task><file_xfer>1</file_xfer><sched_ops>1</sched_ops><sched_op_debug>1</sched_op_debug>
<task_debug>1</task_debug><file_xfer_debug>1</file_xfer_debug><unparsed_xml>1</unparsed_xml></log_flags>
<options>
<no_gpus>1</no_gpus><no_info_fetch>1</no_info_fetch><dont_contact_ref_site>1</dont_contact_ref_site>
<skip_cpu_benchmarks>1</skip_cpu_benchmarks><allow_multiple_clients>1</allow_multiple_clients>
<report_results_immediately>1</report_results_immediately><fetch_on_update>1</fetch_on_update><ncpus>{ncpus}</ncpus>
<start_delay>0</start_delay><suppress_net_info>1</suppress_net_info><no_priority_change>1</no_priority_change>
<dont_use_vbox>1</dont_use_vbox>
</options></cc_config>
"""

PREFERENCES = """<global_preferences>
<run_on_batteries>1</run_on_batteries><run_if_user_active>1</run_if_user_active><suspend_cpu_usage>0</suspend_cpu_usage>
<max_ncpus_pct>100</max_ncpus_pct><cpu_usage_limit>100</cpu_usage_limit><leave_apps_in_memory>1</leave_apps_in_memory>
<work_buf_min_days>0.001</work_buf_min_days><work_buf_additional_days>0</work_buf_additional_days>
<cpu_scheduling_period_minutes>1</cpu_scheduling_period_minutes><disk_interval>2</disk_interval>
<disk_max_used_gb>5</disk_max_used_gb><disk_max_used_pct>90</disk_max_used_pct><disk_min_free_gb>0.1</disk_min_free_gb>
<ram_max_used_busy_pct>90</ram_max_used_busy_pct><ram_max_used_idle_pct>90</ram_max_used_idle_pct>
</global_preferences>
"""


def free_port():
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, seconds=120, pause=0.3):
    """The first true value of a function; fails when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := what():
            return value
        time.sleep(pause)
    raise AssertionError(f"waited {seconds} s in vain for {what.__doc__ or what}")


class Client:
    """An installation of boinc-client in a folder of its own."""

    def __init__(self, folder, ncpus=1):
        self.dir = Path(folder)
        self.dir.mkdir(parents=True)
        (self.dir / "cc_config.xml").write_text(CC_CONFIG.format(ncpus=ncpus))
        (self.dir / "global_prefs_override.xml").write_text(PREFERENCES)
        (self.dir / "gui_rpc_auth.cfg").write_text("secret")
        self.port = free_port()
        self.process = None
        self.environment = {}

    def start(self, url=None, key=None, *more, until_idle=True):
        """Starts the client, attached to a project."""
        program = shutil.which("boinc") or pytest.skip("boinc-client is not installed")
        words = [program, "--dir", str(self.dir), "--gui_rpc_port", str(self.port), "--allow_multiple_clients", "--no_gpus",
                 "--skip_cpu_benchmarks", "--no_info_fetch", "--sched_retry_delay_min", "1", "--sched_retry_delay_max", "3",
                 "--pers_retry_delay_min", "1", "--pers_retry_delay_max", "3"]
        if until_idle:
            words.append("--exit_when_idle")
        if url:
            words += ["--attach_project", url, key]
        log = open(self.dir / "log", "ab")
        self.process = subprocess.Popen([*words, *more], stdout=log, stderr=subprocess.STDOUT, cwd=self.dir,
                                        env={**os.environ, **self.environment})
        return self

    @property
    def log(self):
        """What the client wrote."""
        return (self.dir / "log").read_text(errors="replace")

    def wait(self, seconds=240):
        """Waits until the client has nothing more to do and ends."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.stop()
            raise AssertionError(f"the client did not end in {seconds} s:\n{self.log[-6000:]}") from None

    def command(self, *words):
        """Runs boinccmd on this client."""
        run = subprocess.run(["boinccmd", "--host", f"127.0.0.1:{self.port}", "--passwd", "secret", *words],
                             capture_output=True, text=True, cwd=self.dir, timeout=60)
        return run.stdout

    def slots(self):
        """Processes that run in this client's slots."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    if Path(os.readlink(entry / "cwd")).is_relative_to(self.dir / "slots"):
                        found.append(int(entry.name))
                except OSError:
                    continue
        return found

    def stop(self, how=signal.SIGTERM):
        """Ends the client and whatever it left running."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(90)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for pid in self.slots():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


class Project:
    """A project in a folder, and the process that serves it."""

    def __init__(self, pogson, folder, *more, scheme="http"):
        self.pogson = pogson
        self.dir = Path(folder)
        self.port = free_port()
        self.url = f"{scheme}://127.0.0.1:{self.port}/pogs/"
        self.server = None
        pogson("crowd", "init", self.dir, "--url", self.url, *more)

    def set(self, section, **values):
        """Sets what pogson.toml says."""
        path = self.dir / "pogson.toml"
        lines, inside, left = [], False, dict(values)
        write = lambda value: str(value).lower() if isinstance(value, bool) else (
            f'"{value}"' if isinstance(value, str) else str(value))
        for line in path.read_text().splitlines():
            if inside and line.startswith("["):
                lines += [f"{key} = {write(value)}" for key, value in left.items()]
                left, inside = {}, False
            inside = inside or line == f"[{section}]"
            key = line.split("=")[0].strip()
            if inside and key in left:
                line = f"{key} = {write(left.pop(key))}"
            lines.append(line)
        lines += [f"{key} = {write(value)}" for key, value in left.items()]
        path.write_text("\n".join(lines) + "\n")

    def serve(self, *more, env=None):
        """Serves the project."""
        log = open(self.dir.with_suffix(".log"), "ab")
        self.server = subprocess.Popen([self.pogson.path, "crowd", "serve", str(self.dir), *more], stdout=log, stderr=log,
                                       env={**os.environ, **(env or {})})
        def up():
            """the server"""
            if self.server.poll() is not None:
                raise AssertionError(f"the server ended: {self.log[-4000:]}")
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        wait_for(up, 60, 0.1)
        return self

    @property
    def log(self):
        """What the server wrote."""
        return self.dir.with_suffix(".log").read_text(errors="replace")

    def stop(self, how=signal.SIGTERM):
        """Ends the server."""
        if self.server and self.server.poll() is None:
            self.server.send_signal(how)
            self.server.wait(60)
        self.server = None

    def user(self, name):
        """A new account's key."""
        return self.pogson.json("crowd", "user", "add", self.dir, "--email", f"{name}@example.org", "--name", name)["authenticator"]

    def status(self):
        """How it stands."""
        return self.pogson.json("crowd", "status", self.dir)

    def get(self, page, headers=None):
        """A page's text."""
        request = urllib.request.Request(self.url + page, headers=headers or {})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.read().decode()


def password_hash(password, email):
    """What clients make of a password."""
    return hashlib.md5((password + email.lower()).encode()).hexdigest()
