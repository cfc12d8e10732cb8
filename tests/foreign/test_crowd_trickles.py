"""Messages both ways between a running task of Debian's boinc-client and a project's listener."""

import json
import sys

from boinc import wait_for

# Speaks over BOINC's shared memory as api/boinc_api.cpp does: a message is a file and a word in the seventh channel.
APP = """#!/usr/bin/env python3
import glob, mmap, re, time

def place(name):
    text = open(name).read()
    link = re.search("<soft_link>(.*)</soft_link>", text)
    return link[1] if link else name

with open("boinc_mmap_file", "r+b") as file:
    memory = mmap.mmap(file.fileno(), 0)
with open("trickle_up.xml", "w") as file:
    file.write("<variety>progress</variety>\\n<half> & 1 < 2\\n")
memory[6 * 1024 + 1:6 * 1024 + 24] = b"<have_new_trickle_up/>\\n"
memory[6 * 1024] = 1
heard = ""
for _ in range(600):
    files = sorted(glob.glob("trickle_down_*"))
    if files and (heard := open(files[0]).read()):
        break
    time.sleep(0.2)
try:
    out = place("out")
except FileNotFoundError:
    out = "out"
with open(out, "w") as file:
    file.write(heard)
with open("boinc_finish_called", "w") as file:
    file.write("0\\n")
"""

LISTENER = """import json, sys
for line in sys.stdin:
    told = json.loads(line)
    with open("heard.jsonl", "a") as file:
        file.write(line)
    print(json.dumps({"ok": True, "messages": ["<go>on & on</go>"], "facts": [{"key": "toy/heard", "text": told["result"]}]}), flush=True)
"""


def test_a_task_speaks_and_is_answered(pogson, world):
    project = world.project()
    (project.dir / "listener.py").write_text(LISTENER)
    with open(project.dir / "pogson.toml", "a") as file:
        file.write(f'\n[roles.toy.listener]\ncommand = [{json.dumps(sys.executable)}, "listener.py"]\nfacts = "toy/"\n')
    program = world.dir / "toy_100"
    program.write_text(APP)
    pogson("crowd", "app", "add", project.dir, "toy")
    pogson("crowd", "app", "version", project.dir, "toy", program, "--number", "100", "--api", "7.5.0")
    pogson("crowd", "wu", "create", project.dir, "--app", "toy", "--name", "w", "--flops", "1e9", "--quorum", "1", "--output", "out",
           "--credit", "1")
    project.serve()
    client = world.client("ada").start(project.url, project.user("ada"), until_idle=False)
    heard = project.dir / "heard.jsonl"
    wait_for(lambda: heard.exists() and heard.read_text().endswith("\n"), 120)
    told = json.loads(heard.read_text().splitlines()[0])
    assert (told["do"], told["unit"]["app"], told["variety"], told["text"]) == ("hear", "toy", "progress", "<half> & 1 < 2")
    result = told["result"]

    def answered():
        """the task's end"""
        client.command("--project", project.url, "update")
        return project.status()["valid"] == 1
    wait_for(answered, 120, 4)
    (output,) = [path for path in (project.dir / "outputs").rglob("*") if path.is_file()]
    assert output.read_text().strip() == "<go>on & on</go>"
    messages = pogson.json("crowd", "trickle", "list", project.dir)["messages"]
    assert [(one["down"], one["handled"], one["result"]) for one in messages] == [(False, True, result), (True, True, result)]
    # Told once, and acknowledged: the client sends it no more.
    assert len(heard.read_text().splitlines()) == 1
    assert "no computer has task" in pogson("crowd", "trickle", "send", project.dir, result, "too late", code=1).stderr
    pogson("crowd", "check", project.dir)
