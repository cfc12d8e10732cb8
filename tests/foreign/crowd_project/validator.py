#!/usr/bin/env python3
"""Says whether an output is a count, and whether two counts are the same."""
import json
import sys


def count(path):
    with open(path, "rb") as file:
        return int(file.read(100))


for line in sys.stdin:
    question = json.loads(line)
    if question["do"] == "check":
        try:
            good = 0 <= count(question["outputs"][0]) <= 1000
        except ValueError:
            good = False
        answer = {"ok": good} if good else {"ok": False, "reason": "the output is no count of 0 to 1000"}
    else:
        answer = {"agree": count(question["one"][0]) == count(question["other"][0])}
    print(json.dumps(answer), flush=True)
