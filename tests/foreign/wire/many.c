// Two processes with many connections between them, each of which carries enough to leave TCP, and what that takes.
//
// usage: many CONNECTIONS SECONDS     prints "PROCESS connections N held D kilobytes K" for each process: its descriptors beside
// the sockets, and memory that it has more than before, its part of what is shared. Then it rests, and ends.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LARGE = 34000, SMALL = 64, SMALLS = 4 };
static char bytes[LARGE], got[LARGE];

static void fail(const char *what, int at) {
    printf("wrong: %s of connection %d: %s\n", what, at, strerror(errno));
    fflush(stdout);
    _exit(1);
}

static void all(ssize_t (*call)(int, void *, size_t), int fd, char *at, size_t n) {
    while (n) {
        ssize_t r = call(fd, at, n);
        if (r <= 0) fail("a call", fd);
        at += r, n -= r;
    }
}
static ssize_t sends(int fd, void *at, size_t n) { return write(fd, at, n); }
static ssize_t receives(int fd, void *at, size_t n) { return read(fd, at, n); }

static void pattern(int connection, int round, size_t n) {
    for (size_t i = 0; i < n; i++) bytes[i] = (char)(i * 31 + connection * 7 + round * 13 + (i >> 8));
}
static void exchange(int fd, int connection, int round, int near, size_t n) {
    pattern(connection, round, n);
    if (near) all(sends, fd, bytes, n);
    all(receives, fd, got, n);
    if (memcmp(bytes, got, n)) fail("the bytes", connection);
    if (!near) all(sends, fd, bytes, n);
}

static int held(void) {
    DIR *folder = opendir("/proc/self/fd");
    int n = -1;
    for (struct dirent *one; (one = readdir(folder));) n += one->d_name[0] != '.';
    closedir(folder);
    return n;
}
static long kilobytes(void) {
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[200];
    long n = 0;
    while (fgets(line, sizeof line, file)) sscanf(line, "Pss: %ld", &n);
    fclose(file);
    return n;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    int count = atoi(argv[1]), rest = atoi(argv[2]), listening = socket(AF_INET, SOCK_STREAM, 0), status, failed = 0;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(listening, (void *)&address, length) || listen(listening, 4096) || getsockname(listening, (void *)&address, &length)) return 93;
    int pipes[2];
    if (pipe(pipes)) return 93;
    for (int near = 0; near < 2; near++) {
        if (fork()) continue;
        close(pipes[near]);
        int *fds = calloc(count, sizeof *fds), before = held();
        long memory = kilobytes();
        for (int i = 0; i < count; i++) {
            fds[i] = near ? socket(AF_INET, SOCK_STREAM, 0) : accept(listening, NULL, NULL);
            if (fds[i] < 0 || (near && connect(fds[i], (void *)&address, length))) fail("connecting", i);
            exchange(fds[i], i, 0, near, LARGE);
            for (int round = 1; round <= SMALLS; round++) exchange(fds[i], i, round, near, SMALL);
        }
        // More on all of them, when all are open; who found the daemon busy asks again meanwhile.
        for (int round = 9; round < 25; round++)
            for (int i = 0; i < count; i++) exchange(fds[i], i, round, near, SMALL);
        printf("%s connections %d held %d kilobytes %ld\n", near ? "near" : "far", count, held() - before - count, kilobytes() - memory);
        fflush(stdout);
        sleep(rest);
        // Neither closes before the other has measured.
        if (near) close(pipes[1]);
        else if (read(pipes[0], got, 1)) fail("the other", 0);
        _exit(0);
    }
    close(pipes[0]), close(pipes[1]), close(listening);
    while (wait(&status) > 0) failed |= status;
    return failed != 0;
}
