"""A server and a client in two processes; the server hands its connection to other programs and processes.

usage: hands_over.py WAY [FILE]    subprocess, spawn, shell: cat gets it as stdin and stdout; exec: the same by fork, dup2 and exec,
                                   with an empty environment; send_handle: a process of multiprocessing gets it.
It says "warm" when it is about to, and waits for FILE then. Prints how many bytes came back right.
"""

import multiprocessing.reduction
import os
import socket
import subprocess
import sys
import time

ROUNDS, ROUND = 400, 1000


def exchange(sock, first, rounds, echo):
    """Sends known bytes and expects them back, or sends back what comes."""
    for number in range(first, first + rounds):
        sent = bytes((number + at) % 251 for at in range(ROUND))
        if not echo:
            sock.sendall(sent)
        got = b""
        while len(got) < ROUND:
            more = sock.recv(ROUND - len(got))
            assert more, f"ended in round {number}"
            got += more
        assert got == sent, f"wrong bytes in round {number}"
        if echo:
            sock.sendall(got)


def client(address, warm):
    with socket.create_connection(address) as sock:
        exchange(sock, 0, warm, False)
        time.sleep(0.1)
        exchange(sock, warm, ROUNDS, False)
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    print(f"right, {(warm + ROUNDS) * ROUND} bytes", flush=True)


def child(pipe):
    handle = multiprocessing.reduction.recv_handle(pipe)
    with socket.socket(fileno=handle) as sock:
        exchange(sock, WARM, ROUNDS, True)


WARM = 400


def main(way, file=None):
    listening = socket.create_server(("127.0.0.1", 0))
    address = listening.getsockname()
    here, there = multiprocessing.Pipe()
    receiver = multiprocessing.get_context("spawn").Process(target=child, args=(there,)) if way == "send_handle" else None
    if receiver:
        receiver.start()
    pid = os.fork()
    if pid == 0:
        listening.close()
        client(address, WARM)
        os._exit(0)
    sock, _ = listening.accept()
    exchange(sock, 0, WARM, True)
    print("warm", flush=True)
    while file and not os.path.exists(file):
        time.sleep(0.01)
    if way == "subprocess":
        assert subprocess.run(["cat"], stdin=sock, stdout=sock, check=True).returncode == 0
    elif way == "spawn":
        actions = [(os.POSIX_SPAWN_DUP2, sock.fileno(), 0), (os.POSIX_SPAWN_DUP2, sock.fileno(), 1)]
        assert os.waitpid(os.posix_spawnp("cat", ["cat"], os.environ, file_actions=actions), 0)[1] == 0
    elif way == "shell":
        sock.set_inheritable(True)
        assert subprocess.run(["sh", "-c", f"cat <&{sock.fileno()} >&{sock.fileno()}"], pass_fds=[sock.fileno()]).returncode == 0
    elif way == "exec":
        if (cat := os.fork()) == 0:
            os.dup2(sock.fileno(), 0)
            os.dup2(sock.fileno(), 1)
            # Without the library: an environment of its own.
            os.execve("/bin/cat", ["cat"], {})
        sock.close()
        assert os.waitpid(cat, 0)[1] == 0
    else:
        multiprocessing.reduction.send_handle(here, sock.fileno(), receiver.pid)
        sock.close()
        receiver.join()
        assert receiver.exitcode == 0
    sock.close()
    assert os.waitpid(pid, 0)[1] == 0


if __name__ == "__main__":
    main(*sys.argv[1:])
