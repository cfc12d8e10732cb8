// Two ends do at random whatever programs do with a connection, and compare every byte.
//
// usage: torture SEED OPERATIONS PAIRS     prints a line for each pair of processes, "wrong ..." at the first wrong byte.
//
// Connections follow each other. Each end of each has a manner of its own: calls at random with time-outs, forks and a signal
// handler that works on the same connection 10,000 times a second; an edge-triggered loop; two threads that block; poll.
#define WIRE_OWN_MAIN
#include "case.h"
#include <pthread.h>
#include <sys/select.h>

enum { LARGEST = 200000 };

// What a side has done; shared with its children, which go on where it stood.
struct side {
    struct end me;
    uint64_t send_total, receive_total, random, operations;
    volatile sig_atomic_t sending, receiving, disturbed;
    int ended;
};
static struct side *side;
static char out[LARGEST], in[LARGEST], twice[LARGEST];

static uint64_t roll(uint64_t *state) {
    *state += 0x9E3779B97F4A7C15ull;
    uint64_t x = *state;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ x >> 27) * 0x94D049BB133111EBull;
    return x ^ x >> 31;
}
static uint64_t below(uint64_t limit) { return roll(&side->random) % limit; }
// Small sizes as often as large ones.
static size_t some_size(uint64_t *random) {
    size_t limit = (size_t)1 << roll(random) % 18;
    size_t n = 1 + roll(random) % limit;
    return n < LARGEST ? n : LARGEST;
}

static void wrong(const char *what) {
    printf("wrong: %s (%s), %s end, sent %llu of %llu, received %llu of %llu\n", what, strerrorname_np(errno),
           side->me.near ? "near" : "far", (unsigned long long)side->me.out.at, (unsigned long long)side->send_total,
           (unsigned long long)side->me.in.at, (unsigned long long)side->receive_total);
    fflush(stdout);
    _exit(1);
}

static void operation(void) { __atomic_add_fetch(&side->operations, 1, __ATOMIC_RELAXED); }

// Bytes that a call sent, or its failure.
static void was_sent(struct stream before, ssize_t r, size_t asked) {
    side->me.out = before;
    if (r < 0 && errno != EAGAIN && errno != EINTR) wrong("sending");
    if (r > (ssize_t)asked) wrong("more sent than asked");
    if (r > 0) side->me.out.at += r;
}

static void was_received(const char *bytes, ssize_t r, size_t asked) {
    if (r < 0 && errno != EAGAIN && errno != EINTR) wrong("receiving");
    if (r > (ssize_t)asked) wrong("more received than asked");
    if (r == 0) {
        if (side->me.in.at != side->receive_total) wrong("the end came early");
        side->ended = 1;
    }
    if (r > 0 && check(&side->me.in, bytes, r) != (size_t)r) wrong("bytes");
    if (side->me.in.at > side->receive_total) wrong("more came than was sent");
}

static void send_some(size_t n, int how, int flags) {
    uint64_t left = side->send_total - side->me.out.at;
    if (n > left) n = left;
    if (!n) return;
    side->sending = 1;
    struct stream before = side->me.out;
    int fd = side->me.fd;
    ssize_t r;
    fill(&side->me.out, out, n);
    operation();
    struct iovec v[3] = {{out, n / 3}, {out + n / 3, n / 3}, {out + 2 * (n / 3), n - 2 * (n / 3)}};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 3};
    if (how == 0) r = write(fd, out, n);
    else if (how == 1) r = writev(fd, v, 3);
    else if (how == 2) r = send(fd, out, n, flags | MSG_MORE);
    else if (how == 3) r = sendmsg(fd, &m, flags);
    else if (how == 4) {
        int file = memfd_create("file", MFD_CLOEXEC);
        if (write(file, out, n) != (ssize_t)n) wrong("memfd");
        off_t at = 0;
        r = sendfile(fd, file, &at, n);
        int saved = errno;
        close(file);
        errno = saved;
    } else r = send(fd, out, n, flags);
    was_sent(before, r, n);
    side->sending = 0;
}

static void receive_some(size_t n, int how, int flags) {
    if (side->ended) return;
    side->receiving = 1;
    int fd = side->me.fd;
    ssize_t r;
    operation();
    struct iovec v[3] = {{in, n / 3}, {in + n / 3, n / 3}, {in + 2 * (n / 3), n - 2 * (n / 3)}};
    struct msghdr m = {.msg_iov = v, .msg_iovlen = 3};
    if (how == 0) r = read(fd, in, n);
    else if (how == 1) r = readv(fd, v, 3);
    else if (how == 2) r = recvmsg(fd, &m, flags);
    else if (how == 3) {
        ssize_t peeked = recv(fd, twice, n, MSG_PEEK | MSG_DONTWAIT);
        r = recv(fd, in, n, MSG_DONTWAIT);
        if (peeked > 0 && (r < peeked || memcmp(in, twice, peeked))) wrong("what was peeked is not what came");
    } else if (how == 4) r = recv(fd, in, n, flags | MSG_WAITALL);
    else r = recv(fd, in, n, flags);
    was_received(in, r, n);
    side->receiving = 0;
}

// Works in the direction that the interrupted call does not use.
static void disturb(int signal) {
    (void)signal;
    int saved = errno;
    static char small[512];
    side->disturbed++;
    if (!side->sending && side->me.out.at < side->send_total) {
        uint64_t left = side->send_total - side->me.out.at;
        size_t n = 1 + side->disturbed % 300;
        if (n > left) n = left;
        struct stream before = side->me.out;
        fill(&side->me.out, small, n);
        was_sent(before, send(side->me.fd, small, n, MSG_DONTWAIT), n);
        operation();
    } else if (!side->receiving && !side->ended) {
        size_t n = 1 + side->disturbed % 300;
        was_received(small, recv(side->me.fd, small, n, MSG_DONTWAIT), n);
        operation();
    }
    errno = saved;
}

static int finished(void) { return side->me.out.at == side->send_total && side->ended; }

static void shut_when_sent(int *shut) {
    if (*shut || side->me.out.at != side->send_total) return;
    *shut = 1;
    if (shutdown(side->me.fd, SHUT_WR)) wrong("shutdown");
}

static void time_out(int which, int microseconds) {
    struct timeval t = {0, microseconds};
    setsockopt(side->me.fd, SOL_SOCKET, which, &t, sizeof t);
}

static void random_wait(void) {
    struct pollfd p = {side->me.fd, (short)(below(2) ? POLLIN : POLLIN | POLLOUT), 0};
    int ms = (int)below(3);
    operation();
    switch (below(3)) {
    case 0: poll(&p, 1, ms); break;
    case 1: {
        fd_set set;
        FD_ZERO(&set);
        FD_SET(side->me.fd, &set);
        struct timeval t = {0, ms * 1000};
        select(side->me.fd + 1, &set, NULL, NULL, &t);
        break;
    }
    default: {
        struct timespec t = {0, ms * 1000000};
        ppoll(&p, 1, &t, NULL);
    }
    }
}

static void random_calls(int steps) {
    for (int i = 0; i < steps && !finished(); i++) {
        int flags = below(2) ? MSG_DONTWAIT : 0;
        uint64_t what = below(100);
        if (what < 40) send_some(some_size(&side->random), (int)below(7), flags | MSG_NOSIGNAL);
        else if (what < 85) receive_some(some_size(&side->random), (int)below(7), flags);
        else if (what < 92) random_wait();
        else if (what < 94) {
            int n = 0;
            if (ioctl(side->me.fd, FIONREAD, &n) || n < 0) wrong("FIONREAD");
            operation();
        } else if (what < 96) nonblocking(side->me.fd, (int)below(2));
        else if (what < 97) {
            int copy = dup(side->me.fd), before = side->me.fd;
            if (copy < 0) wrong("dup");
            side->me.fd = copy;
            close(before);
        } else if (what < 98) { int low = 1 + (int)below(3000); setsockopt(side->me.fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low); }
        else time_out(below(2) ? SO_RCVTIMEO : SO_SNDTIMEO, 1000 + (int)below(4000));
        if (side->me.out.at == side->send_total && !side->ended) receive_some(LARGEST, 5, 0);
    }
}

static void by_random_calls(int forks) {
    struct itimerval t = {{0, 100}, {0, 100}}, none = {{0, 0}, {0, 0}};
    int shut = 0;
    struct sigaction a = {.sa_handler = disturb, .sa_flags = below(2) ? SA_RESTART : 0};
    sigaction(SIGALRM, &a, NULL);
    time_out(SO_RCVTIMEO, 2000), time_out(SO_SNDTIMEO, 2000);
    while (!finished()) {
        if (!forks) setitimer(ITIMER_REAL, &t, NULL);
        random_calls(200);
        setitimer(ITIMER_REAL, &none, NULL);
        if (forks && !finished()) {
            // The child goes on with what lies in shared memory; the numbers of descriptors are the same in it.
            int fd = side->me.fd, status;
            pid_t child = fork();
            if (child < 0) wrong("fork");
            if (!child) { random_calls(100); _exit(0); }
            if (waitpid(child, &status, 0) != child || status) wrong("child");
            side->me.fd = fd;
        }
        shut_when_sent(&shut);
    }
    shut_when_sent(&shut);
}

static void by_edges(void) {
    int ep = epoll_create1(EPOLL_CLOEXEC), shut = 0, readable = 1, writable = 1;
    struct epoll_event e = {EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {.u64 = 42}};
    nonblocking(side->me.fd, 1);
    if (epoll_ctl(ep, EPOLL_CTL_ADD, side->me.fd, &e)) wrong("epoll_ctl");
    while (!finished()) {
        while (writable && side->me.out.at < side->send_total) {
            uint64_t before = side->me.out.at;
            send_some(some_size(&side->random), (int)below(7), MSG_NOSIGNAL);
            if (before == side->me.out.at && errno == EAGAIN) writable = 0;
        }
        shut_when_sent(&shut);
        while (readable && !side->ended) {
            uint64_t before = side->me.in.at;
            receive_some(some_size(&side->random), below(2) ? 0 : 5, 0);
            if (before == side->me.in.at && !side->ended && errno == EAGAIN) readable = 0;
        }
        if (finished()) break;
        operation();
        int n = epoll_wait(ep, &e, 1, 30000);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) { errno = ETIMEDOUT; wrong("no edge came"); }
        if (n != 1 || e.data.u64 != 42) wrong("epoll_wait");
        if (e.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) readable = 1;
        if (e.events & EPOLLOUT) writable = 1;
    }
    shut_when_sent(&shut);
    close(ep);
}

static void *sends_all(void *unused) {
    (void)unused;
    uint64_t random = side->send_total;
    while (side->me.out.at < side->send_total) send_some(some_size(&random), (int)(roll(&random) % 7), MSG_NOSIGNAL);
    if (shutdown(side->me.fd, SHUT_WR)) wrong("shutdown");
    return NULL;
}

static void by_threads(void) {
    pthread_t t;
    pthread_create(&t, NULL, sends_all, NULL);
    while (!side->ended) receive_some(some_size(&side->random), (int)below(3), 0);
    pthread_join(t, NULL);
}

static void by_poll(void) {
    int shut = 0;
    nonblocking(side->me.fd, 1);
    while (!finished()) {
        short wanted = (side->ended ? 0 : POLLIN) | (side->me.out.at < side->send_total ? POLLOUT : 0);
        struct pollfd p = {side->me.fd, wanted, 0};
        operation();
        int n = poll(&p, 1, 30000);
        if (n == 0) { errno = ETIMEDOUT; wrong("poll saw nothing"); }
        if (p.revents & POLLOUT) send_some(some_size(&side->random), (int)below(7), MSG_NOSIGNAL);
        if (p.revents & (POLLIN | POLLHUP)) receive_some(some_size(&side->random), (int)below(7), 0);
        shut_when_sent(&shut);
    }
    shut_when_sent(&shut);
}

// One end of one connection.
static void connection(uint64_t seed) {
    uint64_t both = seed, totals[2];
    for (int i = 0; i < 2; i++) totals[i] = roll(&both) % ((uint64_t)1 << (10 + roll(&both) % 13));
    int near = side->me.near;
    side->send_total = totals[near], side->receive_total = totals[!near];
    side->me.out = (struct stream){seed + near, 0}, side->me.in = (struct stream){seed + !near, 0};
    side->random = seed * 2 + near, side->ended = 0;
    uint64_t manner = roll(&side->random) % 8;
    int fd = side->me.fd;
    if (manner < 3) by_random_calls(0);
    else if (manner < 4) by_random_calls(1);
    else if (manner < 6) by_edges();
    else if (manner < 7) by_threads();
    else by_poll();
    (void)fd;
    close(side->me.fd);
}

static int pair(uint64_t seed, uint64_t operations, int number) {
    struct sockaddr_storage address;
    socklen_t length;
    int listening = listener(&address, &length), sync[2];
    uint64_t *done = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sync)) return 93;
    pid_t children[2];
    for (int near = 0; near < 2; near++) {
        if ((children[near] = fork())) continue;
        side = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        side->me.near = near, side->me.sync = sync[near], side->me.log = 2;
        close(sync[!near]);
        for (uint64_t i = 0;; i++) {
            char more = __atomic_load_n(&done[0], __ATOMIC_RELAXED) + __atomic_load_n(&done[1], __ATOMIC_RELAXED) < operations;
            if (near ? send(side->me.sync, &more, 1, 0) != 1 : recv(side->me.sync, &more, 1, 0) != 1) wrong("the other end is gone");
            if (!more) break;
            side->me.fd = near ? socket(address.ss_family, SOCK_STREAM, 0) : accept(listening, NULL, NULL);
            if (near && connect(side->me.fd, (void *)&address, length)) wrong("connect");
            connection(seed * 1000003 + i * 7919);
            __atomic_store_n(&done[near], side->operations, __ATOMIC_RELAXED);
            if (near) done[2] = i + 1;
            done[3 + near] += side->send_total;
            step(&side->me);
        }
        exit(0);
    }
    close(listening), close(sync[0]), close(sync[1]);
    int failed = 0, status;
    for (int i = 0; i < 2; i++) {
        waitpid(children[i], &status, 0);
        if (WIFSIGNALED(status)) printf("wrong: pair %d, an end ended by signal %d\n", number, WTERMSIG(status));
        failed |= status != 0;
    }
    printf("pair %d seed %llu: %llu operations, %llu connections, %llu bytes%s\n", number, (unsigned long long)seed,
           (unsigned long long)(done[0] + done[1]), (unsigned long long)done[2], (unsigned long long)(done[3] + done[4]), failed ? ", FAILED" : "");
    return failed;
}

int main(int argc, char **argv) {
    if (argc != 4) { fprintf(stderr, "usage: %s SEED OPERATIONS PAIRS\n", argv[0]); return 2; }
    uint64_t seed = strtoull(argv[1], NULL, 10), operations = strtoull(argv[2], NULL, 10);
    int pairs = atoi(argv[3]), failed = 0, status;
    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < pairs; i++) {
        if (!fork()) { int r = pair(seed * 100 + i, operations / pairs, i); fflush(stdout); _exit(r); }
    }
    while (wait(&status) > 0) failed |= status != 0;
    return failed;
}
