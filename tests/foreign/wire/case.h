// A connection between two processes, warmed up, on which a case does the same at both ends whether or not the wire carries it.
//
// usage: PROGRAM CASE      prints both ends' transcripts: what each call returned, its errno, checksums of the bytes.
// Lines that begin with # tell how the bytes went and are not part of the transcript.
// Environment: WIRE_EXPECT=1 warms up until the connection has left its socket; WIRE_FAMILY=6 uses ::1, vsock:N context N of AF_VSOCK.
// WIRE_PAST=1 sends a byte before that by an instruction of its own, which no library sees; WIRE_COLD=1 leaves the warming up out.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

#ifndef __GLIBC__
#define strerrorname_np strerror
#define close_range(first, last, flags) syscall(SYS_close_range, first, last, flags)
#define closefrom(first) close_range(first, ~0u, 0)
#define CLOSE_RANGE_CLOEXEC 4
#endif
#ifndef SOL_TCP
#define SOL_TCP 6
#endif

// Where a stream of known bytes stands.
struct stream { uint64_t key, at; };

// One end of the connection. `near` connected, the other accepted; each is a process of its own.
struct end {
    int fd, near, sync, log;
    struct stream out, in;
    pid_t other;
};

static uint64_t word_of(uint64_t key, uint64_t index) {
    uint64_t x = (index + key * 0x1000003) * 0x9E3779B97F4A7C15ull;
    x ^= x >> 29;
    x *= 0xBF58476D1CE4E5B9ull;
    return x ^ x >> 32;
}

// Puts the stream's next bytes into a buffer.
__attribute__((unused)) static void fill(struct stream *s, void *buffer, size_t length) {
    unsigned char *to = buffer;
    for (size_t i = 0; i < length; i++, s->at++) to[i] = (unsigned char)(word_of(s->key, s->at >> 3) >> (s->at & 7) * 8);
}

// Compares bytes with the stream's next. Returns how many are right.
__attribute__((unused)) static size_t check(struct stream *s, const void *buffer, size_t length) {
    const unsigned char *from = buffer;
    for (size_t i = 0; i < length; i++, s->at++)
        if (from[i] != (unsigned char)(word_of(s->key, s->at >> 3) >> (s->at & 7) * 8)) return i;
    return length;
}

static void say(struct end *me, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct end *me, const char *format, ...) {
    char line[600];
    int saved = errno;
    va_list list;
    va_start(list, format);
    int n = vsnprintf(line, sizeof line - 1, format, list);
    va_end(list);
    if (n > (int)sizeof line - 2) n = sizeof line - 2;
    line[n] = '\n';
    if (write(me->log, line, n + 1) != n + 1) _exit(90);
    errno = saved;
}

// A call's result, with the errno of a failure.
__attribute__((unused)) static long result(struct end *me, const char *what, long value) {
    if (value < 0) say(me, "%s = %s", what, strerrorname_np(errno));
    else say(me, "%s = %ld", what, value);
    return value;
}

static void fail(struct end *me, const char *why) {
    say(me, "FAILED: %s (%s)", why, strerrorname_np(errno));
    _exit(91);
}

// Both ends have come here.
__attribute__((unused)) static void step(struct end *me) {
    char c = 's';
    ssize_t n;
    while ((n = send(me->sync, &c, 1, MSG_NOSIGNAL)) < 0 && errno == EINTR) {}
    while ((n = recv(me->sync, &c, 1, 0)) < 0 && errno == EINTR) {}
    if (n != 1) fail(me, "the other end is gone");
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

__attribute__((unused)) static void nap(double seconds) {
    struct timespec t = {(time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9)};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &t, &t) == EINTR) {}
}

__attribute__((unused)) static int of_vsock(void) {
    const char *family = getenv("WIRE_FAMILY");
    return family && !strncmp(family, "vsock:", 6);
}

// Waits until so many bytes lie there to be read.
__attribute__((unused)) static void queued(struct end *me, int expected) {
    int n = -1;
    static char bytes[1 << 16];
    for (double until = now() + 20; now() < until; nap(0.001)) {
        // Older kernels do not count a vsock's.
        if (of_vsock()) n = (int)recv(me->fd, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
        else if (ioctl(me->fd, FIONREAD, &n) < 0) { result(me, "FIONREAD", -1); return; }
        if (n >= expected) break;
    }
    say(me, "queued %d", n);
}

// Writes exactly so many bytes of the stream.
__attribute__((unused)) static void put(struct end *me, size_t length) {
    static char bytes[1 << 16];
    while (length) {
        size_t n = length < sizeof bytes ? length : sizeof bytes, done = 0;
        fill(&me->out, bytes, n);
        while (done < n) {
            ssize_t r = write(me->fd, bytes + done, n - done);
            if (r < 0 && errno == EINTR) continue;
            if (r < 0 && errno == EAGAIN) { struct pollfd p = {me->fd, POLLOUT, 0}; poll(&p, 1, 1000); continue; }
            if (r <= 0) fail(me, "put");
            done += r;
        }
        length -= n;
    }
}

// Reads exactly so many bytes and compares them.
__attribute__((unused)) static void take(struct end *me, size_t length) {
    static char bytes[1 << 16];
    while (length) {
        ssize_t r = read(me->fd, bytes, length < sizeof bytes ? length : sizeof bytes);
        if (r < 0 && errno == EINTR) continue;
        if (r < 0 && errno == EAGAIN) { struct pollfd p = {me->fd, POLLIN, 0}; poll(&p, 1, 1000); continue; }
        if (r == 0) errno = 0;
        if (r <= 0) fail(me, "take");
        uint64_t at = me->in.at;
        size_t right = check(&me->in, bytes, r);
        if (right != (size_t)r) {
            say(me, "WRONG byte at %llu of the stream", (unsigned long long)(at + right));
            _exit(92);
        }
        length -= r;
    }
}

// Reads to the end of the stream, compares, says how much it was and how it ended.
__attribute__((unused)) static void drain(struct end *me) {
    static char bytes[1 << 16];
    uint64_t from = me->in.at;
    for (;;) {
        ssize_t r = read(me->fd, bytes, sizeof bytes);
        if (r < 0 && errno == EINTR) continue;
        if (r <= 0) {
            say(me, "drained %llu bytes, then %s", (unsigned long long)(me->in.at - from), r ? strerrorname_np(errno) : "end");
            return;
        }
        if (check(&me->in, bytes, r) != (size_t)r) { say(me, "WRONG bytes before %llu", (unsigned long long)me->in.at); _exit(92); }
    }
}

__attribute__((unused)) static void nonblocking(int fd, int on) {
    int flags = fcntl(fd, F_GETFL);
    fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK);
}

// Bytes that went by TCP, both ways.
static uint64_t by_tcp(int fd) {
    struct tcp_info info;
    socklen_t length = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, SOL_TCP, TCP_INFO, &info, &length) < 0) return 0;
    return info.tcpi_bytes_sent + info.tcpi_bytes_received;
}

// A system call past the C library: minus an errno, or what it gives.
static long by_kernel(long number, long a, const void *b, long c, long d) {
#ifdef __x86_64__
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = 0, r9 __asm__("r9") = 0;
    __asm__ volatile("syscall" : "+a"(number) : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return number;
#elif defined __aarch64__
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = 0,
        x5 __asm__("x5") = 0;
    register const void *x1 __asm__("x1") = b;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
    return x0;
#else
#error "no system call for this machine"
#endif
}

// Whether bytes that have come lie beside the socket.
static int beside_socket(struct end *me) {
    struct pollfd p = {me->fd, POLLIN, 0};
    char c;
    return poll(&p, 1, 20000) == 1 && by_kernel(SYS_recvfrom, me->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == -EAGAIN;
}

// Messages to and fro, enough of them that the connection proves busy; the streams begin anew after it.
__attribute__((unused)) static void warm_up(struct end *me) {
    const int expect = getenv("WIRE_EXPECT") != NULL;
    int left_tcp = 0;
    char c = 'p';
    if (getenv("WIRE_COLD")) return;
    if (getenv("WIRE_PAST")) {
        if (me->near && by_kernel(SYS_sendto, me->fd, &c, 1, 0) != 1) fail(me, "past");
        if (!me->near && read(me->fd, &c, 1) != 1) fail(me, "past");
    }
    for (int round = 0; ; round++) {
        uint64_t before = by_tcp(me->fd);
        for (int i = 0; i < 100; i++) {
            if (me->near) put(me, 64);
            if (of_vsock() && i == 99) left_tcp = beside_socket(me);
            take(me, 64);
            if (!me->near) put(me, 64);
        }
        if (of_vsock()) {
            // The kernel counts nothing: each end tells of what came.
            c = left_tcp;
            if (me->near ? recv(me->sync, &c, 1, 0) != 1 : send(me->sync, &c, 1, 0) != 1) fail(me, "sync");
            left_tcp &= c;
        } else left_tcp = by_tcp(me->fd) == before;
        char more = expect ? (left_tcp ? 0 : round < 500) : round < 4;
        if (me->near) {
            if (send(me->sync, &more, 1, 0) != 1) fail(me, "sync");
        } else if (recv(me->sync, &more, 1, 0) != 1) fail(me, "sync");
        if (!more) break;
        if (round > 3) nap(0.01);
    }
    if (me->near) say(me, "#upgraded %d", left_tcp);
    me->out.at = me->in.at = 0;
}

typedef void body(struct end *me);
__attribute__((unused)) static struct { const char *name; body *run; } cases[64];
__attribute__((unused)) static int case_count;
#define CASE(case_name) \
    static void case_name(struct end *me); \
    __attribute__((constructor)) static void add_##case_name(void) { \
        cases[case_count].name = #case_name; \
        cases[case_count++].run = case_name; \
    } \
    static void case_name(struct end *me)

__attribute__((unused)) static void print_log(const char *name, int log) {
    static char text[1 << 20];
    ssize_t n = pread(log, text, sizeof text - 1, 0);
    if (n < 0) n = 0;
    text[n] = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        if (*line == '#') printf("#%s %s\n", name, line + 1);
        else printf("%s: %s\n", name, line);
}

__attribute__((unused)) static int log_file(int at) {
    char name[] = "/tmp/wire-case-XXXXXX";
    int fd = mkostemp(name, O_APPEND);
    unlink(name);
    if (fd < 0 || dup2(fd, at) != at) exit(93);
    close(fd);
    return at;
}

// A listening socket on the loopback, and its address.
__attribute__((unused)) static int listener(struct sockaddr_storage *address, socklen_t *length) {
    memset(address, 0, sizeof *address);
    if (of_vsock()) {
        struct sockaddr_vm *context = (void *)address;
        context->svm_family = AF_VSOCK;
        context->svm_cid = VMADDR_CID_ANY;
        context->svm_port = VMADDR_PORT_ANY;
        *length = sizeof *context;
    } else if (getenv("WIRE_FAMILY")) {
        struct sockaddr_in6 *six = (void *)address;
        six->sin6_family = AF_INET6;
        six->sin6_addr = in6addr_loopback;
        *length = sizeof *six;
    } else {
        struct sockaddr_in *four = (void *)address;
        four->sin_family = AF_INET;
        four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        *length = sizeof *four;
    }
    int fd = socket(address->ss_family, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (void *)address, *length) || listen(fd, 64)) { perror("listen"); exit(93); }
    getsockname(fd, (void *)address, length);
    if (of_vsock()) ((struct sockaddr_vm *)address)->svm_cid = strtoul(strchr(getenv("WIRE_FAMILY"), ':') + 1, NULL, 10);
    return fd;
}

#ifndef WIRE_OWN_MAIN
// Both ends are children of the one that prints, so that either may die. High numbers of descriptors leave the low ones to cases.
int main(int argc, char **argv) {
    body *run = NULL;
    for (int i = 0; i < case_count; i++)
        if (argc > 1 && !strcmp(argv[1], cases[i].name)) run = cases[i].run;
    if (!run) { fprintf(stderr, "usage: %s CASE\n", argv[0]); return 2; }
    int sync[2], logs[2] = {log_file(900), log_file(901)};
    struct sockaddr_storage address;
    socklen_t length;
    int listening = listener(&address, &length);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sync)) return 93;
    dup2(sync[0], 902), dup2(sync[1], 903), close(sync[0]), close(sync[1]);
    volatile pid_t *pids = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int near = 0; near < 2; near++) {
        pid_t child = fork();
        if (child < 0) return 93;
        if (child) { pids[near] = child; continue; }
        pids[near] = getpid();
        close(near ? 903 : 902);
        struct end me = {-1, near, near ? 902 : 903, logs[near], {near ? 1 : 2, 0}, {near ? 2 : 1, 0}, 0};
        if (near) {
            close(listening);
            me.fd = socket(address.ss_family, SOCK_STREAM, 0);
            if (connect(me.fd, (void *)&address, length)) fail(&me, "connect");
        } else {
            me.fd = accept(listening, NULL, NULL);
            close(listening);
        }
        step(&me);
        me.other = pids[!near];
        warm_up(&me);
        run(&me);
        say(&me, "done");
        exit(0);
    }
    close(listening), close(902), close(903);
    int status[2];
    for (int i = 0; i < 2; i++) waitpid(pids[i], &status[i], 0);
    for (int near = 1; near >= 0; near--) {
        const char *name = near ? "near" : "far";
        print_log(name, logs[near]);
        if (WIFSIGNALED(status[near])) printf("%s ended by signal %d\n", name, WTERMSIG(status[near]));
        else printf("%s ended with %d\n", name, WEXITSTATUS(status[near]));
    }
    return 0;
}
#endif
