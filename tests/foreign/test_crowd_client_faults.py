"""What goes wrong between Debian's boinc-client, unmodified, and a project: each fault on its own project, what the client does, and what
the server makes of it. All run at once: a client waits most of the time."""

import concurrent.futures
import gzip
import re
import shutil
import sqlite3
import time

import pytest

from boinc import Client, wait_for
from fault_world import World
from faulty import says, upload_status

# Clients and servers that run at a time.
AT_ONCE = 12

DONE = "echo 42 > out\necho 0 > boinc_finish_called\n"

# An application that speaks through the file which it shares with the client: channel 0 brings what it is told, channel 5 takes
# times and progress.
SPEAKS = r"""
n=$(cat checkpoint 2>/dev/null || echo 0)
echo "begins at $n" >&2
while [ $n -lt 60 ]; do
    case $(dd if=boinc_mmap_file bs=1024 count=1 2>/dev/null | tr -d '\000') in
        *'<quit/>'*) echo "quits at $n" >&2; exit 0 ;;
        *'<abort/>'*) exit 194 ;;
    esac
    n=$((n + 1))
    echo $n > checkpoint
    printf '<current_cpu_time>%d</current_cpu_time>\n<checkpoint_cpu_time>%d</checkpoint_cpu_time>\n<fraction_done>0.%02d</fraction_done>\n\000' \
        $n $n $n | dd of=boinc_mmap_file bs=1 seek=5121 conv=notrunc 2>/dev/null
    printf '\001' | dd of=boinc_mmap_file bs=1 seek=5120 conv=notrunc 2>/dev/null
    sleep 0.3
done
""" + DONE


FAULTS = []


def fault(row):
    """One of the faults."""
    FAULTS.append(row)
    return row


@fault
def a_task_that_ends_without_having_finished_is_begun_again_a_hundred_times(world):
    world.app("exit 0\n")
    world.units("u")
    world.serve()
    client = world.ended("ada")
    again = client.log.count("exited with zero status but no 'finished' file")
    assert 90 <= again <= 110, again
    result = world.result("u_0")
    assert (result["outcome"], result["validity"], result["client_state"], result["credit"]) == ("ClientError", "Invalid", 3, 0), result
    assert result["exit_status"] != 0 and "too many exit(0)s" in result["stderr"], result


@fault
def a_task_that_finishes_at_its_third_beginning_is_paid(world):
    world.app("echo begun >> ../../runs\n[ $(wc -l < ../../runs) -ge 3 ] || exit 0\n" + DONE)
    world.units("u")
    world.serve()
    client = world.ended("ada")
    assert client.log.count("exited with zero status but no 'finished' file") == 2
    assert world.until("u_0", outcome="Success", validity="Valid")["credit"] == 7


@fault
def a_scheduler_that_answers_503_is_asked_again(world):
    world.app(DONE)
    world.units("u")
    world.proxy.fault("/cgi", says(503), times=2)
    world.serve()
    client = world.client("ada", until_idle=False)
    assert world.until("u_0", outcome="Success", validity="Valid")["credit"] == 7
    assert [one.answer.status for one in world.proxy.requests("/cgi")][:3] == [503, 503, 200]
    assert "Scheduler request failed" in client.log
    assert len(world.rows("select id from hosts")) == 1


@fault
def a_scheduler_that_answers_html_is_asked_again(world):
    world.app(DONE)
    world.units("u")
    world.proxy.fault("/cgi", says(200, "<html><body>It is being mended.</body></html>\n"))
    world.serve()
    client = world.client("ada", until_idle=False)
    assert world.until("u_0", outcome="Success", validity="Valid")["credit"] == 7
    assert "No start tag in scheduler reply" in client.log
    assert len(world.rows("select id from hosts")) == 1


@fault
def a_reply_with_work_that_is_lost_is_made_up_for(world):
    world.app(DONE)
    world.units("u", "--count", 2)

    def lost(request, forward):
        forward()
        return says(200, "<html>lost</html>")(request, forward)

    world.proxy.fault("/cgi", lost, when=lambda text: "<hostid>0</hostid>" not in text)
    world.serve()
    client = world.client("ada", until_idle=False)
    for name in ("u_1_0", "u_2_0"):
        assert world.until(name, outcome="Success", validity="Valid")["credit"] == 7
    assert "Resent lost task u_2_0" in client.log
    world.credited(ada=14)
    assert len(world.rows("select id from results")) == 2 and len(world.rows("select id from hosts")) == 1


@fault
def an_upload_that_is_refused_for_a_while_is_tried_again(world):
    world.app(DONE)
    world.units("u")
    world.proxy.fault("file_upload_handler", says(503))
    world.proxy.fault("file_upload_handler", upload_status(1))
    world.serve()
    client = world.ended("ada")
    assert world.until("u_0", outcome="Success", validity="Valid")["credit"] == 7
    assert client.log.count("Temporarily failed upload of u_0_0") == 2
    assert world.stored("u_0*") == b"42\n"


@fault
def an_upload_that_breaks_off_goes_on_where_it_was(world):
    world.app("seq 1 60000 > out\necho 0 > boinc_finish_called\n")
    world.units("u")

    def cut(request, forward):
        world.proxy.send_part(request, len(request.raw) // 2)
        return upload_status(1)(request, forward)

    world.proxy.fault("file_upload_handler", cut, when=lambda text: "<file_upload>" in text)
    world.serve()
    world.ended("ada")
    assert world.until("u_0", outcome="Success", validity="Valid")["credit"] == 7
    whole = "".join(f"{n}\n" for n in range(1, 60001)).encode()
    assert world.stored("u_0*") == whole
    said = world.proxy.requests("file_upload_handler")
    sizes = [int(re.search(r"<file_size>(\d+)", one.reply)[1]) for one in said if "<get_file_size>" in one.text]
    offsets = [int(re.search(r"<offset>(\d+)", one.text)[1]) for one in said if "<file_upload>" in one.text]
    assert sizes[0] == 0 and 0.3 * len(whole) < sizes[-1] < 0.6 * len(whole), sizes
    assert offsets == [0, sizes[-1]]


@fault
def an_upload_that_is_refused_for_good_is_no_success(world):
    world.app(DONE)
    world.units("u")
    world.proxy.fault("file_upload_handler", upload_status(-1))
    world.serve()
    world.ended("ada")
    # The client takes it for done.
    result = world.failed("u_0", "ValidateError", 5, 0)
    assert "did not come" in result["reason"]
    world.done_by_another("u")


@fault
def an_application_signed_by_another_key_does_not_run(world):
    world.app(DONE)
    world.units("u")
    other = world.dir / "other"
    world.crowd("init", other, "--url", "http://127.0.0.1:1/other/")
    world.crowd("app", "add", other, "toy")
    world.crowd("app", "version", other, "toy", world.dir / "app_100.sh", "--number", 100)
    with sqlite3.connect(other / "project.db") as base:
        ((forged,),) = base.execute("select signature from files")
    with sqlite3.connect(world.project.dir / "project.db") as base:
        assert base.execute("update files set signature = ? where signature <> ''", (forged,)).rowcount == 1
    world.serve()
    client = world.ended("ada")
    assert "ignature verification" in client.log
    world.failed("u_0", "ClientError", 1, -186)
    # A good version is what others get.
    world.app(DONE, number=101)
    world.crowd("app", "deprecate", world.project.dir, "toy", "--number", 100)
    world.done_by_another("u")


@fault
def an_input_with_another_md5_is_not_worked_on(world):
    data = world.dir / "data"
    data.write_text("what is to be counted\n")
    world.app("[ -e in ] && cat in > ../../seen\n" + DONE)
    world.units("u", "--input", f"in={data}", "--copy")

    def altered(request, forward):
        answer = forward()
        answer.body = answer.body.swapcase()
        return answer

    world.proxy.fault("/download/data", altered, times=1000)
    world.serve()
    client = world.ended("ada")
    assert "MD5 check failed" in client.log and not (client.dir / "seen").exists()
    world.failed("u_0", "ClientError", 1, -186)
    world.proxy.faults.clear()
    other = world.done_by_another("u")
    assert (other.dir / "seen").read_text() == data.read_text()


@fault
def an_application_that_fails_lowers_the_quota_which_recovers(world):
    world.app("if [ -e ../../bad ]; then echo 'it hurts <script>alert(1)</script> & \"so\"' >&2; exit 7; fi\n" + DONE)
    world.project.set("scheduler", daily_quota=4)
    world.units("u", "--count", 6)
    clock, day = world.dir / "clock", int(time.time())
    clock.write_text(f"{day}\n")
    world.serve("--clock-file", clock)
    client = Client(world.dir / "ada")
    world.clients.append(client)
    (client.dir / "bad").touch()
    world.keys["ada"] = world.project.user("ada")
    client.start(world.project.url, world.keys["ada"])
    assert client.wait(300) == 0, client.log[-4000:]
    failed = [name for (name,) in world.rows(
        "select units.name || '_' || (results.id % 64) from results join units on units.id = results.id / 64 where outcome = 3")]
    assert 2 <= len(failed) <= 4, failed
    result = world.failed(failed[0], "ClientError", 3, 7)
    assert "it hurts <script>" in result["stderr"]
    shown = world.page("ada", f"result/{failed[0]}")
    assert "it hurts &lt;script&gt;alert(1)&lt;/script&gt; &amp;" in shown and "<script>" not in shown
    assert "it hurts" not in world.project.get(f"result/{failed[0]}")
    quota = lambda: world.rows("select quota, failures from host_versions, hosts where hosts.id = host_versions.id >> 16 and hosts.id = 1")
    assert quota() == [(4 - len(failed), len(failed))]
    assert "limit of tasks for today" in client.log
    # Another day, and the computer was mended.
    clock.write_text(f"{day + 86_400}\n")
    (client.dir / "bad").unlink()
    client.start(until_idle=False)

    def recovered():
        """the quota"""
        # A client that once got nothing would wait for minutes.
        client.command("--project", world.project.url, "update")
        return quota() == [(4, 0)]

    try:
        wait_for(recovered, 150, 3.0)
    except AssertionError:
        raise AssertionError(f"{quota()}\n{client.log[-4000:]}") from None


@fault
def an_application_that_crashes_is_a_failure_with_its_signal(world):
    world.app("[ -e ../../good ] || kill -SEGV $$\n" + DONE)
    world.units("u")
    world.serve()
    world.ended("ada")
    world.failed("u_0", "ClientError", 3, 11)
    assert "signal 11" in world.page("ada", "result/u_0")
    client = Client(world.dir / "bob")
    world.clients.append(client)
    (client.dir / "good").touch()
    world.keys["bob"] = world.project.user("bob")
    client.start(world.project.url, world.keys["bob"])
    assert client.wait(300) == 0, client.log[-4000:]
    world.until("u_1", outcome="Success", validity="Valid")
    world.credited(bob=7)


def fails_without_output(world, script, *more):
    world.app(f"if mkdir ../../../first 2>/dev/null; then\n{script}\necho 0 > boinc_finish_called\nexit 0\nfi\n{DONE}")
    world.units("u", *more)
    world.serve()
    client = world.ended("ada")
    result = world.failed("u_0", "ClientError", 3, 0)
    assert result["reason"] == "its output is missing or too large"
    assert "its output is missing or too large" in world.page("ada", "result/u_0")
    assert not world.proxy.requests("file_upload_handler")
    world.done_by_another("u")
    return client


@fault
def an_output_that_is_missing_is_a_failure(world):
    fails_without_output(world, "rm -f out")


@fault
def an_output_that_is_too_large_is_a_failure(world):
    fails_without_output(world, "seq 1 1000 > out", "--most", 1000)


@fault
def a_bound_of_operations_that_is_too_small_ends_nothing(world):
    world.app("sleep 8\n" + DONE)
    world.units("u", "--flops-bound", "2e9")
    world.serve()
    client = world.ended("ada")
    assert re.search(r"Elapsed time limit \d+\.\d+ < 120\.0+; setting to 43200", client.log), client.log[-3000:]
    assert world.until("u_0", outcome="Success", validity="Valid")["elapsed_seconds"] >= 7


@fault
def a_task_that_is_cancelled_ends_and_nobody_is_blamed(world):
    world.app(SPEAKS.replace("sleep 0.3", "sleep 2"), api=True)
    world.units("u")
    world.project.set("scheduler", next_rpc_delay=5.0)
    world.serve()
    client = world.client("ada", until_idle=False)
    wait_for(client.slots, 120)
    world.crowd("cancel", world.project.dir, "u")
    result = world.until("u_0", state="Over")
    told = (result["outcome"], result["client_state"], result["exit_status"], result["credit"])
    assert told == ("ClientError", 6, 202, 0), result
    wait_for(lambda: not client.slots(), 60)
    assert "Ended by the project" in world.page("ada", "result/u_0")
    assert len(world.rows("select id from results")) == 1
    ((quota, failures, errors),) = world.rows("select quota, failures, errors from host_versions, hosts")
    assert (quota, failures, errors) == (100, 0, 0), "a computer that does as it is told has not failed"


@fault
def an_output_comes_compressed_where_that_was_asked_for(world):
    world.app("seq 1 60000 > out\necho 0 > boinc_finish_called\n")
    world.units("u", "--gzip", quorum=2)
    world.serve()
    for client in [world.client("ada"), world.client("bob")]:
        assert client.wait(300) == 0, client.log[-4000:]
    for name in ("u_0", "u_1"):
        world.until(name, outcome="Success", validity="Valid")
    whole = "".join(f"{n}\n" for n in range(1, 60001)).encode()
    sent = [one for one in world.proxy.requests("file_upload_handler") if "<file_upload>" in one.text]
    assert len(sent) == 2 and all(len(one.raw) < len(whole) / 2 for one in sent)
    kept = world.stored("u_0*")
    assert (gzip.decompress(kept) if kept[:2] == b"\x1f\x8b" else kept) == whole
    world.credited(ada=7, bob=7)


@fault
def a_sticky_file_is_fetched_once_and_listed_and_nothing_is_said_twice(world):
    model = world.dir / "model"
    model.write_text("a model\n" * 1000)
    world.app(DONE)
    world.units("u", "--count", 3, "--input", f"in={model}", "--copy", "--sticky")
    world.serve()
    # Who sets preferences finds them on the computer, which is told of them once.
    world.keys["ada"] = world.project.user("ada")
    world.page("ada", "account/preferences", work_buf_min_days="0.01")
    client = world.ended("ada")
    for n in (1, 2, 3):
        world.until(f"u_{n}_0", outcome="Success", validity="Valid")
    said = world.proxy.requests("/cgi")
    assert len(said) >= 3
    held = [re.search(r"<file_info>\s*<name>model</name>", one.text) is not None for one in said]
    assert not held[0] and held[-1] and held == sorted(held), held
    assert len(world.proxy.requests("/download/model")) == 1
    # The signing key goes to those who have none; a computer's number to whom it is new, who then counts from 0.
    assert ["<code_sign_key>" in one.reply for one in said] == [True] + [False] * (len(said) - 1)
    assert ["<hostid>" in one.reply for one in said] == [True] + [False] * (len(said) - 1)
    numbers = [int(re.search(r"<rpc_seqno>(\d+)", one.text)[1]) for one in said]
    assert numbers[:3] == [0, 0, 1], numbers
    assert len(world.rows("select id from hosts")) == 1
    assert ["<global_preferences>" in one.reply for one in said] == [True] + [False] * (len(said) - 1)
    assert "Missing code sign key signature" not in client.log and "unrecognized" not in client.log.lower()
    assert all(re.search(r"\n\.\s*</xml_signature>", one.text) for one in world.proxy.requests("file_upload_handler"))


@fault
def a_task_that_is_stopped_goes_on_at_its_checkpoint(world):
    world.app(SPEAKS, api=True)
    world.units("u")
    world.serve()
    client = world.client("ada", until_idle=False)

    def fraction():
        """the task's progress"""
        done = [line.split(":")[1] for line in client.command("--get_tasks").splitlines() if "fraction done:" in line]
        return max(map(float, done), default=0) >= 0.1

    wait_for(fraction, 120, 0.5)
    client.command("--quit")
    client.process.wait(30)
    wait_for(lambda: not client.slots(), 30)
    client.start()
    assert client.wait(200) == 0, client.log[-4000:]
    result = world.until("u_0", outcome="Success", validity="Valid")
    begun = [int(n) for n in re.findall(r"begins at (\d+)", result["stderr"])]
    (quit,) = map(int, re.findall(r"quits at (\d+)", result["stderr"]))
    assert begun == [0, quit] and quit >= 10, result["stderr"]
    assert result["cpu_seconds"] == pytest.approx(60, abs=2)


@fault
def two_clients_of_one_address_and_account_are_two_computers(world):
    world.app(DONE)
    world.project.set("scheduler", one_per_user=False)
    world.units("u", quorum=2)
    world.serve()
    world.keys["ada"] = world.project.user("ada")
    for client in [world.client("one", user="ada"), world.client("two", user="ada")]:
        assert client.wait(300) == 0, client.log[-4000:]
    hosts = {world.until(name, outcome="Success", validity="Valid")["host"] for name in ("u_0", "u_1")}
    assert len(hosts) == 2
    assert [row[1:] for row in world.rows("select id, user_id, address from hosts")] == [(1, "127.0.0.1")] * 2
    world.credited(ada=14)


@pytest.fixture(scope="module")
def running(request, pogson, tmp_path_factory):
    """The rows that were asked for, on their way."""
    if not shutil.which("boinc"):
        pytest.skip("boinc-client is not installed")
    folder = tmp_path_factory.mktemp("faults")
    asked = [item.callspec.params["row"] for item in request.session.items if item.path == request.path]

    def run(row):
        world = World(pogson, folder / str(FAULTS.index(row)))
        try:
            row(world)
        except BaseException:
            # What went wrong is told, and not what the check finds besides.
            for one in [*world.clients, world.project, world.proxy]:
                one.stop()
            raise
        world.close()

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        yield {row.__name__: pool.submit(run, row) for row in FAULTS if row in asked}


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: row.__name__)
def test_that(running, row):
    running[row.__name__].result()
