// Every pair of calls that sends and receives.
#include "case.h"
#include <pthread.h>
#include <setjmp.h>
#include <sys/resource.h>

enum { LARGEST = 300000 };
static char bytes[LARGEST + 16];

static int file_of(const void *from, size_t length) {
    int fd = memfd_create("file", 0);
    if (write(fd, from, length) != (ssize_t)length) _exit(94);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static int pieces(struct iovec *v, char *from, size_t length) {
    size_t a = length / 3, b = length / 2;
    v[0] = (struct iovec){from, a};
    v[1] = (struct iovec){from + a, b - a};
    v[2] = (struct iovec){from + b, length - b};
    return 3;
}

typedef ssize_t some(int fd, char *at, size_t length);

static ssize_t by_write(int fd, char *at, size_t n) { return write(fd, at, n); }
static ssize_t by_writev(int fd, char *at, size_t n) { struct iovec v[3]; return writev(fd, v, pieces(v, at, n)); }
static ssize_t by_send(int fd, char *at, size_t n) { return send(fd, at, n, 0); }
static ssize_t by_send_nosignal(int fd, char *at, size_t n) { return send(fd, at, n, MSG_NOSIGNAL); }
static ssize_t by_send_more(int fd, char *at, size_t n) {
    if (n < 2) return send(fd, at, n, 0);
    ssize_t half = send(fd, at, n / 2, MSG_MORE);
    return half < 0 ? half : half + send(fd, at + half, n - half, 0);
}
static ssize_t by_send_dontwait(int fd, char *at, size_t n) { return send(fd, at, n, MSG_DONTWAIT); }
static ssize_t by_sendto(int fd, char *at, size_t n) { return sendto(fd, at, n, 0, NULL, 0); }
static ssize_t by_sendmsg(int fd, char *at, size_t n) {
    struct iovec v[3];
    struct msghdr m = {.msg_iov = v, .msg_iovlen = pieces(v, at, n)};
    return sendmsg(fd, &m, 0);
}
static ssize_t by_sendmmsg(int fd, char *at, size_t n) {
    struct iovec v[3];
    struct mmsghdr m[3];
    memset(m, 0, sizeof m);
    int count = pieces(v, at, n), first = 0;
    for (int i = 0; i < count; i++) m[i].msg_hdr.msg_iov = &v[i], m[i].msg_hdr.msg_iovlen = 1;
    while (first < count && !v[first].iov_len) first++;
    int sent = sendmmsg(fd, m + first, count - first, 0);
    if (sent < 0) return -1;
    ssize_t total = 0;
    for (int i = 0; i < sent; i++) {
        total += m[first + i].msg_len;
        if (m[first + i].msg_len != v[first + i].iov_len) break;
    }
    return total;
}
static ssize_t by_sendfile(int fd, char *at, size_t n) {
    int file = file_of(at, n);
    off_t offset = 0;
    ssize_t r = sendfile(fd, file, &offset, n);
    if (r >= 0 && offset != r) r = -2;
    close(file);
    return r;
}
static ssize_t by_sendfile_position(int fd, char *at, size_t n) {
    int file = file_of(at, n);
    ssize_t r = sendfile(fd, file, NULL, n);
    if (r >= 0 && lseek(file, 0, SEEK_CUR) != r) r = -2;
    close(file);
    return r;
}
static ssize_t by_splice_out(int fd, char *at, size_t n) {
    int p[2];
    if (pipe(p)) return -1;
    ssize_t into = write(p[1], at, n < 4096 ? n : 4096), total = 0;
    while (total < into) {
        ssize_t r = splice(p[0], NULL, fd, NULL, into - total, 0);
        if (r <= 0) { total = r; break; }
        total += r;
    }
    close(p[0]), close(p[1]);
    return total;
}
static ssize_t by_stdio(int fd, char *at, size_t n) {
    FILE *f = fdopen(dup(fd), "w");
    size_t r = fwrite(at, 1, n, f);
    return fclose(f) ? -1 : (ssize_t)r;
}

static ssize_t by_read(int fd, char *at, size_t n) { return read(fd, at, n); }
static ssize_t by_readv(int fd, char *at, size_t n) { struct iovec v[3]; return readv(fd, v, pieces(v, at, n)); }
static ssize_t by_recv(int fd, char *at, size_t n) { return recv(fd, at, n, 0); }
static ssize_t by_recv_waitall(int fd, char *at, size_t n) { return recv(fd, at, n, MSG_WAITALL); }
static ssize_t by_recv_dontwait(int fd, char *at, size_t n) {
    struct pollfd p = {fd, POLLIN, 0};
    if (poll(&p, 1, 20000) != 1) return -2;
    return recv(fd, at, n, MSG_DONTWAIT);
}
static ssize_t by_recvfrom(int fd, char *at, size_t n) {
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    ssize_t r = recvfrom(fd, at, n, 0, (void *)&from, &length);
    return length == 0 ? r : -3;
}
static ssize_t by_recvmsg(int fd, char *at, size_t n) {
    struct iovec v[3];
    char control[100];
    struct msghdr m = {.msg_iov = v, .msg_iovlen = pieces(v, at, n), .msg_control = control, .msg_controllen = sizeof control};
    ssize_t r = recvmsg(fd, &m, 0);
    return m.msg_controllen == 0 && (m.msg_flags & ~MSG_CMSG_CLOEXEC) == 0 ? r : -3;
}
static ssize_t by_recvmmsg(int fd, char *at, size_t n) {
    struct iovec v[3];
    struct mmsghdr m[3];
    memset(m, 0, sizeof m);
    int count = pieces(v, at, n), first = 0;
    while (first < count && !v[first].iov_len) first++;
    for (int i = 0; i < count; i++) m[i].msg_hdr.msg_iov = &v[i], m[i].msg_hdr.msg_iovlen = 1;
    int got = recvmmsg(fd, m + first, 1, MSG_WAITALL, NULL);
    return got == 1 ? (ssize_t)m[first].msg_len : -1;
}
static ssize_t by_peek(int fd, char *at, size_t n) {
    static char twice[LARGEST + 16];
    ssize_t peeked = recv(fd, twice, n, MSG_PEEK);
    if (peeked <= 0) return peeked;
    ssize_t r = recv(fd, at, peeked, 0);
    return r == peeked && !memcmp(at, twice, r) ? r : -4;
}
static ssize_t by_splice_in(int fd, char *at, size_t n) {
    int p[2];
    if (pipe(p)) return -1;
    ssize_t moved = splice(fd, NULL, p[1], NULL, n < 4096 ? n : 4096, 0);
    ssize_t r = moved > 0 ? read(p[0], at, moved) : moved;
    close(p[0]), close(p[1]);
    return r;
}

static const struct { const char *name; some *call; } senders[] = {
    {"write", by_write}, {"writev", by_writev}, {"send", by_send}, {"send NOSIGNAL", by_send_nosignal},
    {"send MORE", by_send_more}, {"send DONTWAIT", by_send_dontwait}, {"sendto", by_sendto}, {"sendmsg", by_sendmsg},
    {"sendmmsg", by_sendmmsg}, {"sendfile", by_sendfile}, {"sendfile at position", by_sendfile_position},
    {"splice", by_splice_out}, {"fwrite", by_stdio},
}, receivers[] = {
    {"read", by_read}, {"readv", by_readv}, {"recv", by_recv}, {"recv WAITALL", by_recv_waitall},
    {"recv DONTWAIT", by_recv_dontwait}, {"recvfrom", by_recvfrom}, {"recvmsg", by_recvmsg}, {"recvmmsg", by_recvmmsg},
    {"recv PEEK", by_peek}, {"splice", by_splice_in},
};
enum { SENDERS = sizeof senders / sizeof *senders, RECEIVERS = sizeof receivers / sizeof *receivers };
static const size_t sizes[] = {1, 2, 7, 64, 1000, 4096, 4097, 65536, LARGEST};
enum { SIZES = sizeof sizes / sizeof *sizes };

static int send_all(struct end *me, some *call, size_t n) {
    fill(&me->out, bytes, n);
    for (size_t done = 0; done < n;) {
        ssize_t r = call(me->fd, bytes + done, n - done);
        if (r < 0 && errno == EAGAIN) { struct pollfd p = {me->fd, POLLOUT, 0}; poll(&p, 1, 20000); continue; }
        if (r <= 0) { say(me, "sending: %zd after %zu, %s", r, done, strerrorname_np(errno)); return 0; }
        done += r;
    }
    return 1;
}

static int receive_all(struct end *me, some *call, size_t n) {
    for (size_t done = 0; done < n;) {
        ssize_t r = call(me->fd, bytes + done, n - done);
        if (r <= 0) { say(me, "receiving: %zd after %zu, %s", r, done, strerrorname_np(errno)); return 0; }
        done += r;
    }
    if (check(&me->in, bytes, n) != n) { say(me, "WRONG bytes before %llu", (unsigned long long)me->in.at); return 0; }
    return 1;
}

// Every sending call with every receiving one, in both directions.
CASE(every_pair) {
    for (int s = 0; s < SENDERS; s++)
        for (int r = 0; r < RECEIVERS; r++) {
            int right = 1;
            for (int i = 0; i < SIZES && right; i++)
                right = me->near ? send_all(me, senders[s].call, sizes[i]) && receive_all(me, receivers[r].call, sizes[i])
                                 : receive_all(me, receivers[r].call, sizes[i]) && send_all(me, senders[s].call, sizes[i]);
            say(me, "%s to %s: %s", senders[s].name, receivers[r].name, right ? "right" : "wrong");
            if (!right) return;
        }
}

// Both directions full at once: each end sends from one thread of control what the other's buffers cannot hold.
CASE(both_ways_at_once) {
    enum { TOTAL = 8 << 20 };
    static char in[70000], out[70000];
    size_t sent = 0, got = 0, held = 0, from = 0;
    nonblocking(me->fd, 1);
    for (unsigned i = 0; sent < TOTAL || got < TOTAL; i++) {
        struct pollfd p = {me->fd, (short)((got < TOTAL ? POLLIN : 0) | (sent < TOTAL ? POLLOUT : 0)), 0};
        if (poll(&p, 1, 20000) != 1) fail(me, "poll");
        if (p.revents & POLLOUT) {
            if (!held) { held = 1 + i * 7919 % (sizeof out - 1); if (held > TOTAL - sent) held = TOTAL - sent; from = 0; fill(&me->out, out, held); }
            ssize_t r = send(me->fd, out + from, held, MSG_NOSIGNAL);
            if (r < 0 && errno != EAGAIN) fail(me, "send");
            if (r > 0) from += r, held -= r, sent += r;
        }
        if (p.revents & POLLIN) {
            ssize_t r = recv(me->fd, in, 1 + i * 104729 % (sizeof in - 1), 0);
            if (r < 0 && errno != EAGAIN) fail(me, "recv");
            if (r == 0) fail(me, "end");
            if (r > 0) { if (check(&me->in, in, r) != (size_t)r) fail(me, "bytes"); got += r; }
        }
    }
    say(me, "sent and got all");
    step(me);
}

CASE(peeking_takes_nothing) {
    if (me->near) { put(me, 10); step(me); step(me); put(me, 90); step(me); return; }
    char a[200], b[200];
    step(me);
    queued(me, 10);
    for (int i = 0; i < 3; i++) {
        ssize_t r = result(me, "peek", recv(me->fd, a, sizeof a, MSG_PEEK));
        if (i && memcmp(a, b, r)) say(me, "WRONG peek");
        memcpy(b, a, sizeof a);
    }
    result(me, "peek of 3", recv(me->fd, a, 3, MSG_PEEK));
    step(me);
    result(me, "peek of all", recv(me->fd, a, 100, MSG_PEEK | MSG_WAITALL));
    if (check(&me->in, a, 100) != 100) say(me, "WRONG");
    me->in.at = 0;
    take(me, 100);
    result(me, "peek of nothing", recv(me->fd, a, sizeof a, MSG_PEEK | MSG_DONTWAIT));
    step(me);
}

CASE(flags_of_recv) {
    static char a[1000];
    if (me->near) { put(me, 500); step(me); step(me); put(me, 500); step(me); return; }
    step(me);
    queued(me, 500);
    result(me, "TRUNC throws away", recv(me->fd, NULL, 100, MSG_TRUNC));
    me->in.at += 100;
    take(me, 10);
    result(me, "TRUNC more than there is", recv(me->fd, NULL, 1000, MSG_TRUNC | MSG_DONTWAIT));
    me->in.at = 500;
    result(me, "DONTWAIT", recv(me->fd, a, 10, MSG_DONTWAIT));
    step(me);
    result(me, "WAITALL", recv(me->fd, a, 500, MSG_WAITALL));
    if (check(&me->in, a, 500) != 500) say(me, "WRONG");
    result(me, "nothing asked", recv(me->fd, a, 0, MSG_DONTWAIT));
    result(me, "OOB", recv(me->fd, a, 1, MSG_OOB));
    result(me, "ERRQUEUE", recv(me->fd, a, 1, MSG_ERRQUEUE | MSG_DONTWAIT));
    step(me);
}

CASE(nothing_is_sent_by_empty_calls) {
    char a[10] = "";
    struct iovec none[2] = {{a, 0}, {a, 0}};
    struct msghdr m = {.msg_iov = none, .msg_iovlen = 2}, bare = {0};
    if (me->near) {
        result(me, "write", write(me->fd, a, 0));
        result(me, "send", send(me->fd, a, 0, 0));
        result(me, "writev", writev(me->fd, none, 2));
        result(me, "writev of none", writev(me->fd, none, 0));
        result(me, "sendmsg", sendmsg(me->fd, &m, 0));
        result(me, "sendmsg of none", sendmsg(me->fd, &bare, 0));
        result(me, "sendmmsg of none", sendmmsg(me->fd, NULL, 0, 0));
        step(me);
        step(me);
        return;
    }
    step(me);
    result(me, "recv", recv(me->fd, a, 10, MSG_DONTWAIT));
    result(me, "read of nothing", read(me->fd, a, 0));
    result(me, "readv of none", readv(me->fd, none, 0));
    step(me);
}

CASE(bad_pointers_are_EFAULT) {
    char *hole = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(hole + 4096, 4096);
    struct iovec v = {hole + 4096, 10}, half[2] = {{bytes, 10}, {hole + 4096, 10}};
    struct msghdr m = {.msg_iov = half, .msg_iovlen = 2}, listless = {.msg_iov = (void *)(hole + 4096), .msg_iovlen = 1};
    char *volatile wild = (char *)0xdead000000000000;
    if (me->near) {
        result(me, "write from nowhere", write(me->fd, hole + 4096, 10));
        result(me, "write that ends nowhere", write(me->fd, hole + 4090, 10));
        result(me, "write from where nothing can be", write(me->fd, wild, 10));
        result(me, "send from nowhere", send(me->fd, (void *)8, 10, 0));
        result(me, "writev from nowhere", writev(me->fd, &v, 1));
        result(me, "writev that ends nowhere", writev(me->fd, half, 2));
        result(me, "writev of a list from nowhere", writev(me->fd, (void *)(hole + 4096), 2));
        result(me, "sendmsg that ends nowhere", sendmsg(me->fd, &m, 0));
        result(me, "sendmsg of a list from nowhere", sendmsg(me->fd, &listless, 0));
#ifdef __GLIBC__
        result(me, "sendmsg of nothing", sendmsg(me->fd, (void *)(hole + 4096), 0));
#endif
        volatile int too_many = 2000, too_few = -1;
        result(me, "writev of too many", writev(me->fd, &v, too_many));
        result(me, "writev of fewer than none", writev(me->fd, &v, too_few));
        put(me, 100);
        step(me);
        step(me);
        put(me, 300000);
        return;
    }
    step(me);
    queued(me, 100);
    result(me, "read into nowhere", read(me->fd, hole + 4096, 10));
    result(me, "read into nowhere after a few bytes", read(me->fd, hole + 4090, 10));
    result(me, "recv into nowhere", recv(me->fd, (void *)8, 10, 0));
    result(me, "peek into nowhere", recv(me->fd, hole + 4096, 10, MSG_PEEK));
    result(me, "recvmsg into nowhere", recvmsg(me->fd, &m, 0));
#ifdef __GLIBC__
    result(me, "recvmsg of nothing", recvmsg(me->fd, (void *)(hole + 4096), 0));
#endif
    result(me, "poll of nothing", poll((void *)(hole + 4096), 1, 0));
    take(me, 100);
    step(me);
    take(me, 300000);
}

static sigjmp_buf back;
static volatile int faults;
static void *volatile fault_at;
static void catches(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    faults++;
    fault_at = info->si_addr;
    siglongjmp(back, 1);
}

static void *bad_calls(void *of) {
    struct end *me = of;
    char *hole = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(hole + 4096, 4096);
    result(me, "write from nowhere", write(me->fd, hole + 4096, 10));
    result(me, "faults that the handler saw", faults);
    if (!sigsetjmp(back, 1)) hole[4097] = 1;
    say(me, "own fault: seen %d at the right place %d", faults, fault_at == hole + 4097);
    result(me, "write from nowhere", write(me->fd, hole + 4096, 10));
    result(me, "faults that the handler saw", faults);
    faults = 0;
    return NULL;
}

// The program's own handlers of such faults get those that are its own, and it sees its own handlers.
CASE(faults_are_the_programs_own) {
    struct sigaction now, mine = {.sa_sigaction = catches, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    for (int i = 0; i < 2; i++) {
        int signal = i ? SIGBUS : SIGSEGV;
        sigaction(signal, NULL, &now);
        say(me, "at first: default %d, flags %x, mask %d", now.sa_handler == SIG_DFL, now.sa_flags, sigismember(&now.sa_mask, SIGUSR1));
    }
    for (int how = 0; how < 4; how++) {
        pid_t child = fork();
        if (!child) {
            if (how == 0) *(volatile char *)64 = 1;
            if (how == 1) kill(getpid(), SIGSEGV);
            if (how == 2) signal(SIGSEGV, SIG_DFL), raise(SIGSEGV);
            if (how == 3) signal(SIGSEGV, SIG_IGN), raise(SIGSEGV);
            _exit(7);
        }
        int status = -1;
        waitpid(child, &status, 0);
        say(me, "child %d: signal %d, exit %d", how, WIFSIGNALED(status) ? WTERMSIG(status) : 0, WIFEXITED(status) ? WEXITSTATUS(status) : 0);
    }
    static char other[65536];
    stack_t stack = {.ss_sp = other, .ss_size = sizeof other};
    sigaltstack(&stack, NULL);
    sigaction(SIGSEGV, &mine, NULL);
    bad_calls(me);
    pthread_t thread;
    pthread_create(&thread, NULL, bad_calls, me);
    pthread_join(thread, NULL);
    sigaction(SIGSEGV, NULL, &now);
    say(me, "mine %d, flags %x", now.sa_sigaction == catches, now.sa_flags & (SA_SIGINFO | SA_ONSTACK | SA_RESTART | SA_RESETHAND));
    signal(SIGSEGV, SIG_DFL);
    result(me, "write from nowhere", write(me->fd, (void *)(stack.ss_size), 10));
    step(me);
    if (me->near) { put(me, 1000); take(me, 1000); }
    else { take(me, 1000); put(me, 1000); }
}

CASE(text_by_stdio) {
    if (me->near) {
        FILE *f = fdopen(dup(me->fd), "r+");
        for (int i = 0; i < 1000; i++) fprintf(f, "line %d\n", i);
        fflush(f);
        char line[100];
        for (int i = 0; i < 1000; i++)
            if (!fgets(line, sizeof line, f) || atoi(line + 7) != i) { say(me, "WRONG answer %d: %s", i, line); break; }
        say(me, "answers");
        result(me, "fclose", fclose(f));
        step(me);
        return;
    }
    FILE *in = fdopen(dup(me->fd), "r"), *out = fdopen(dup(me->fd), "w");
    setvbuf(out, NULL, _IOLBF, 200);
    char line[100];
    for (int i = 0; i < 1000; i++) {
        if (!fgets(line, sizeof line, in) || atoi(line + 5) != i) { say(me, "WRONG line %d", i); break; }
        fprintf(out, "answer %d\n", i);
    }
    fflush(out);
    step(me);
    fclose(in), fclose(out);
}

CASE(text_by_dprintf) {
    if (me->near) { result(me, "dprintf", dprintf(me->fd, "%d lines of %s\n", 7, "text")); step(me); return; }
    char line[100] = "";
    struct timeval t = {2, 0};
    setsockopt(me->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    result(me, "recv", recv(me->fd, line, 16, MSG_WAITALL));
    say(me, "%.15s", line);
    step(me);
}

// fclose closes the descriptor within the C library.
CASE(fclose_ends_the_connection) {
    char line[100];
    if (!me->near) {
        while (read(me->fd, line, 6) == 6) {}
        say(me, "end");
        result(me, "close", close(me->fd));
        step(me);
        return;
    }
    int copy = dup(me->fd);
    FILE *f = fdopen(me->fd, "r+"), *g = fdopen(copy, "w");
    say(me, "the stream's own descriptor %d", fileno(f) == me->fd);
    for (int i = 0; i < 100; i++) fprintf(i % 2 ? f : g, "%05d\n", i), fflush(i % 2 ? f : g);
    fputs("12345\n", f);
    result(me, "fclose", fclose(f));
    result(me, "descriptor afterwards", fcntl(me->fd, F_GETFD));
    int null = open("/dev/null", O_RDWR);
    say(me, "is used again %d", null == me->fd);
    result(me, "write", write(null, line, 10));
    result(me, "read", read(null, line, 10));
    fputs("67890\n", g);
    result(me, "fclose", fclose(g));
    step(me);
}

// A process that has no descriptor left talks on.
CASE(no_descriptors_are_left) {
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int listening = -1;
    if (me->near) {
        if (recv(me->sync, &address, sizeof address, MSG_WAITALL) != sizeof address) fail(me, "sync");
        length = address.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    } else {
        listening = listener(&address, &length);
        if (send(me->sync, &address, sizeof address, 0) != sizeof address) fail(me, "sync");
    }
    pid_t child = fork();
    if (!child) {
        struct rlimit few;
        getrlimit(RLIMIT_NOFILE, &few);
        few.rlim_cur = 64;
        setrlimit(RLIMIT_NOFILE, &few);
        int fd = me->near ? socket(address.ss_family, SOCK_STREAM, 0) : accept(listening, NULL, NULL);
        if (me->near && connect(fd, (void *)&address, length)) fail(me, "connect");
        int more = 0;
        while (dup(2) >= 0) more = 1;
        say(me, "%d until %s", more, strerrorname_np(errno));
        struct end other = *me;
        other.fd = fd;
        for (int i = 0; i < 3000; i++) {
            if (me->near) { put(&other, 100); take(&other, 100); }
            else { take(&other, 100); put(&other, 100); }
            struct pollfd p = {fd, POLLOUT, 0};
            if (i % 10 == 0 && poll(&p, 1, 1000) != 1) say(me, "WRONG poll");
        }
        result(me, "a descriptor more", dup(2));
        say(me, "all came");
        exit(0);
    }
    int status = -1;
    waitpid(child, &status, 0);
    say(me, "child ended with %d", status);
    step(me);
    struct rlimit few;
    getrlimit(RLIMIT_NOFILE, &few);
    few.rlim_cur = 64;
    setrlimit(RLIMIT_NOFILE, &few);
    int ep = epoll_create1(0);
    struct epoll_event e = {EPOLLIN, {.fd = me->fd}};
    epoll_ctl(ep, EPOLL_CTL_ADD, me->fd, &e);
    while (dup(2) >= 0) {}
    for (int i = 0; i < 300; i++) {
        struct pollfd p = {me->fd, POLLIN, 0};
        if (me->near) put(me, 1000);
        if (i % 3 == 0 && poll(&p, 1, 20000) != 1) result(me, "poll", -1);
        if (i % 3 == 1 && epoll_wait(ep, &e, 1, 20000) != 1) result(me, "epoll_wait", -1);
        take(me, 1000);
        if (!me->near) put(me, 1000);
    }
}

CASE(wrong_descriptors) {
    char a[10];
    int closed = dup(me->fd);
    close(closed);
    result(me, "read of closed", read(closed, a, 10));
    result(me, "send to closed", send(closed, a, 10, 0));
    result(me, "read of -1", read(-1, a, 10));
    result(me, "send to stdout", send(1, a, 1, 0));
    result(me, "ioctl of closed", ioctl(closed, FIONREAD, a));
    result(me, "splice socket to socket", splice(me->fd, NULL, me->fd, NULL, 10, SPLICE_F_NONBLOCK));
    off_t at = 0;
    result(me, "splice with offset", splice(me->fd, &at, 1, NULL, 10, 0));
    result(me, "lseek", lseek(me->fd, 0, SEEK_CUR));
    result(me, "pread", pread(me->fd, a, 1, 0));
    step(me);
}

// What a program may ask of a socket is the same.
CASE(options_and_names) {
    int value = -1;
    socklen_t length = sizeof value;
    step(me);
    result(me, "SO_ERROR", getsockopt(me->fd, SOL_SOCKET, SO_ERROR, &value, &length));
    say(me, "error %d of %u", value, length);
    getsockopt(me->fd, SOL_SOCKET, SO_TYPE, &value, &length);
    say(me, "type %d", value);
    struct sockaddr_storage a;
    length = sizeof a;
    result(me, "getpeername", getpeername(me->fd, (void *)&a, &length));
    say(me, "family %d length %u", a.ss_family, length);
    length = sizeof a;
    result(me, "getsockname", getsockname(me->fd, (void *)&a, &length));
    value = 7;
    result(me, "SO_RCVLOWAT", setsockopt(me->fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof value));
    length = sizeof value, value = 0;
    getsockopt(me->fd, SOL_SOCKET, SO_RCVLOWAT, &value, &length);
    say(me, "low water %d", value);
    struct timeval t = {1, 500000}, back = {0, 0};
    result(me, "SO_RCVTIMEO", setsockopt(me->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
    length = sizeof back;
    getsockopt(me->fd, SOL_SOCKET, SO_RCVTIMEO, &back, &length);
    say(me, "time-out %ld.%06ld", (long)back.tv_sec, (long)back.tv_usec);
    t.tv_usec = 2000000;
    result(me, "SO_RCVTIMEO out of range", setsockopt(me->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t));
    result(me, "listen", listen(me->fd, 1) < 0 ? -1 : 0);
    result(me, "connect again", connect(me->fd, (void *)&a, length));
    say(me, "flags %x", fcntl(me->fd, F_GETFL));
    step(me);
}
