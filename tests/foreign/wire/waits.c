// Waiting for bytes and for room: select, poll, epoll of every kind, time-outs, low-water marks.
#include "case.h"
#include <pthread.h>
#include <sys/select.h>
#include <linux/sockios.h>

static void said(struct end *me, const char *what, short events) {
    say(me, "%s:%s%s%s%s%s%s", what, events & POLLIN ? " IN" : "", events & POLLOUT ? " OUT" : "",
        events & POLLRDHUP ? " RDHUP" : "", events & POLLHUP ? " HUP" : "", events & POLLERR ? " ERR" : "",
        events & POLLNVAL ? " NVAL" : "");
}

static void look(struct end *me, const char *what, int timeout_ms) {
    struct pollfd p = {me->fd, POLLIN | POLLOUT | POLLRDHUP, 0};
    int n = poll(&p, 1, timeout_ms);
    if (n < 0) result(me, what, n);
    else said(me, what, p.revents);
}

static int wait_in(struct end *me, int timeout_ms) {
    struct pollfd p = {me->fd, POLLIN, 0};
    return (int)result(me, "poll", poll(&p, 1, timeout_ms));
}

// Writes until nothing more fits, for a while.
static size_t stuff(struct end *me) {
    static char bytes[4096];
    size_t total = 0;
    nonblocking(me->fd, 1);
    for (int idle = 0; idle < 10;) {
        struct stream before = me->out;
        fill(&me->out, bytes, sizeof bytes);
        ssize_t r = send(me->fd, bytes, sizeof bytes, 0);
        me->out = before;
        if (r > 0) { me->out.at += r; total += r; idle = 0; }
        else if (errno == EAGAIN) { idle++; nap(0.02); }
        else fail(me, "send");
    }
    return total;
}

CASE(poll_sees_what_there_is) {
    if (me->near) {
        look(me, "quiet", 0);
        step(me), step(me);
        put(me, 100);
        step(me), step(me);
        nap(0.03);
        put(me, 100);
        step(me);
        return;
    }
    step(me);
    look(me, "quiet", 0);
    result(me, "time-out", poll(&(struct pollfd){me->fd, POLLIN, 0}, 1, 20));
    step(me), step(me);
    queued(me, 100);
    look(me, "bytes", 0);
    take(me, 60);
    look(me, "rest", 0);
    take(me, 40);
    look(me, "taken", 0);
    step(me);
    wait_in(me, -1);
    look(me, "more", 0);
    take(me, 100);
    look(me, "taken again", 0);
    step(me);
}

CASE(poll_waits_many_times) {
    for (int i = 0; i < 300; i++) {
        if (me->near) { if (i % 30 == 0) nap(0.003); put(me, 1 + i); take(me, 1); }
        else {
            struct pollfd p = {me->fd, POLLIN, 0};
            if (poll(&p, 1, 20000) != 1 || p.revents != POLLIN) fail(me, "poll");
            take(me, 1 + i), put(me, 1);
        }
    }
}

CASE(select_and_pselect_wait) {
    for (int i = 0; i < 200; i++) {
        if (me->near) { if (i % 30 == 0) nap(0.003); put(me, 1 + i); take(me, 1); continue; }
        fd_set in, out, bad;
        FD_ZERO(&in); FD_ZERO(&out); FD_ZERO(&bad);
        FD_SET(me->fd, &in); FD_SET(me->fd, &bad);
        int n;
        if (i & 1) {
            struct timeval t = {20, 0};
            n = select(me->fd + 1, &in, &out, &bad, &t);
        } else {
            struct timespec t = {20, 0};
            sigset_t none;
            sigemptyset(&none);
            n = pselect(me->fd + 1, &in, NULL, &bad, &t, &none);
        }
        if (n != 1 || !FD_ISSET(me->fd, &in) || FD_ISSET(me->fd, &bad)) fail(me, "select");
        take(me, 1 + i), put(me, 1);
    }
    step(me);
    fd_set in, out;
    FD_ZERO(&in); FD_ZERO(&out); FD_SET(me->fd, &in); FD_SET(me->fd, &out);
    struct timeval zero = {0, 0};
    result(me, "select", select(me->fd + 1, &in, &out, NULL, &zero));
    say(me, "in %d out %d", !!FD_ISSET(me->fd, &in), !!FD_ISSET(me->fd, &out));
    FD_SET(me->fd, &in);
    struct timeval little = {0, 30000};
    result(me, "select of nothing", select(me->fd + 1, &in, NULL, NULL, &little));
    say(me, "in %d left %ld", !!FD_ISSET(me->fd, &in), (long)little.tv_usec);
    step(me);
}

CASE(poll_among_other_descriptors) {
    if (me->near) { step(me); nap(0.02); put(me, 5); step(me), step(me); return; }
    int p[2];
    if (pipe(p)) return;
    struct pollfd many[4] = {{p[0], POLLIN, 0}, {-1, POLLIN, 0}, {me->fd, POLLIN, 0}, {p[1], POLLOUT, 0}};
    result(me, "pipe can be written", poll(many, 4, -1));
    said(me, "pipe", many[3].revents), said(me, "socket", many[2].revents);
    many[3].events = 0;
    step(me);
    result(me, "socket can be read", poll(many, 4, -1));
    said(me, "pipe", many[0].revents), said(me, "socket", many[2].revents), said(me, "negative", many[1].revents);
    if (write(p[1], "x", 1) != 1) return;
    result(me, "both", poll(many, 4, -1));
    take(me, 5);
    result(me, "pipe only", poll(many, 4, -1));
    close(p[0]), close(p[1]);
    result(me, "closed", poll(many, 1, 0));
    said(me, "closed", many[0].revents);
    step(me), step(me);
}

CASE(room_comes_back) {
    if (me->near) {
        look(me, "empty", 0);
        size_t total = stuff(me);
        look(me, "full", 0);
        result(me, "send", send(me->fd, "x", 1, 0));
        if (send(me->sync, &total, sizeof total, 0) != sizeof total) fail(me, "sync");
        result(me, "room", poll(&(struct pollfd){me->fd, POLLOUT, 0}, 1, 20000));
        step(me);
        look(me, "empty again", 0);
        nonblocking(me->fd, 0);
        put(me, 3 << 20);
        step(me);
        return;
    }
    size_t total;
    if (recv(me->sync, &total, sizeof total, 0) != sizeof total) fail(me, "sync");
    take(me, total);
    step(me);
    nap(0.02);
    take(me, 3 << 20);
    step(me);
}

static double used(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

CASE(who_hears_no_more_sleeps_until_there_is_room) {
    if (me->near) {
        result(me, "shutdown", shutdown(me->fd, SHUT_RD));
        size_t total = stuff(me);
        double cpu = used(CLOCK_PROCESS_CPUTIME_ID), wall = used(CLOCK_MONOTONIC);
        result(me, "no room", poll(&(struct pollfd){me->fd, POLLOUT, 0}, 1, 300));
        cpu = used(CLOCK_PROCESS_CPUTIME_ID) - cpu, wall = used(CLOCK_MONOTONIC) - wall;
        say(me, "%s", cpu < wall / 3 ? "slept" : "was busy");
        if (send(me->sync, &total, sizeof total, 0) != sizeof total) fail(me, "sync");
        result(me, "room", poll(&(struct pollfd){me->fd, POLLOUT, 0}, 1, 20000));
        step(me);
        return;
    }
    size_t total;
    if (recv(me->sync, &total, sizeof total, 0) != sizeof total) fail(me, "sync");
    take(me, total);
    step(me);
}

static int add(struct end *me, int ep, uint32_t events, int op) {
    struct epoll_event e = {events, {.u64 = 0x123456789abcdef0}};
    return epoll_ctl(ep, op, me->fd, &e);
}

static void events(struct end *me, const char *what, int ep, int timeout_ms) {
    struct epoll_event e[4];
    int n = epoll_wait(ep, e, 4, timeout_ms);
    if (n < 1) { result(me, what, n); return; }
    if (e[0].data.u64 != 0x123456789abcdef0) say(me, "WRONG data of the event");
    if (n != 1) say(me, "%d events", n);
    said(me, what, (short)e[0].events);
}

CASE(epoll_level) {
    if (me->near) { step(me); put(me, 100); step(me), step(me); nap(0.02); put(me, 50); step(me); return; }
    int ep = epoll_create1(EPOLL_CLOEXEC);
    result(me, "add", add(me, ep, EPOLLIN, EPOLL_CTL_ADD));
    result(me, "add twice", add(me, ep, EPOLLIN, EPOLL_CTL_ADD));
    events(me, "quiet", ep, 0);
    events(me, "quiet for a while", ep, 20);
    step(me), step(me);
    queued(me, 100);
    events(me, "bytes", ep, -1);
    events(me, "bytes still", ep, -1);
    take(me, 60);
    events(me, "rest", ep, 0);
    take(me, 40);
    events(me, "taken", ep, 0);
    step(me);
    events(me, "more", ep, -1);
    take(me, 50);
    events(me, "taken again", ep, 0);
    result(me, "modify", add(me, ep, EPOLLOUT, EPOLL_CTL_MOD));
    events(me, "room", ep, 0);
    result(me, "modify to nothing", add(me, ep, 0, EPOLL_CTL_MOD));
    events(me, "nothing wanted", ep, 0);
    result(me, "remove", add(me, ep, 0, EPOLL_CTL_DEL));
    result(me, "remove twice", add(me, ep, 0, EPOLL_CTL_DEL));
    result(me, "modify what is not there", add(me, ep, EPOLLIN, EPOLL_CTL_MOD));
    step(me);
}

CASE(epoll_room_for_one_tells_of_all) {
    if (me->near) { step(me); put(me, 100); step(me), step(me); return; }
    int ep = epoll_create1(0), others[2];
    if (pipe(others) || write(others[1], "x", 1) != 1) fail(me, "pipe");
    struct epoll_event other = {EPOLLIN, {.u64 = 1}}, one;
    result(me, "add", add(me, ep, EPOLLIN, EPOLL_CTL_ADD));
    result(me, "add a pipe", epoll_ctl(ep, EPOLL_CTL_ADD, others[0], &other));
    step(me), step(me);
    queued(me, 100);
    int seen[2] = {0, 0};
    for (int i = 0; i < 8; i++) {
        if (epoll_wait(ep, &one, 1, 1000) != 1) fail(me, "epoll_wait");
        seen[one.data.u64 == 1]++;
    }
    say(me, "the connection %s, the pipe %s", seen[0] > 1 ? "again and again" : "rarely", seen[1] > 1 ? "again and again" : "rarely");
    take(me, 100);
    step(me);
}

CASE(epoll_edge) {
    if (me->near) {
        for (int i = 0; i < 3; i++) { step(me); put(me, 100); step(me); }
        step(me);
        return;
    }
    int ep = epoll_create1(0);
    result(me, "add", add(me, ep, EPOLLIN | EPOLLET, EPOLL_CTL_ADD));
    events(me, "quiet", ep, 0);
    step(me), step(me);
    queued(me, 100);
    events(me, "first", ep, -1);
    events(me, "no second", ep, 0);
    take(me, 60);
    events(me, "none for the rest", ep, 0);
    step(me), step(me);
    queued(me, 140);
    events(me, "new arrival", ep, -1);
    events(me, "no second", ep, 0);
    result(me, "modify", add(me, ep, EPOLLIN | EPOLLET, EPOLL_CTL_MOD));
    events(me, "armed anew", ep, 0);
    take(me, 140);
    result(me, "modify", add(me, ep, EPOLLIN | EPOLLET, EPOLL_CTL_MOD));
    events(me, "nothing there", ep, 0);
    step(me), step(me);
    events(me, "last", ep, -1);
    take(me, 100);
    step(me);
}

CASE(epoll_edge_both_ways) {
    int ep = epoll_create1(0);
    add(me, ep, EPOLLIN | EPOLLOUT | EPOLLET | EPOLLRDHUP, EPOLL_CTL_ADD);
    events(me, "first", ep, 0);
    events(me, "no second", ep, 0);
    step(me);
    nonblocking(me->fd, 1);
    enum { TOTAL = 4 << 20 };
    static char in[30000], out[50000];
    size_t sent = 0, got = 0, held = 0, from = 0;
    int readable = 1, writable = 1;
    while (sent < TOTAL || got < TOTAL) {
        while (writable && sent < TOTAL) {
            if (!held) { held = TOTAL - sent < sizeof out ? TOTAL - sent : sizeof out; from = 0; fill(&me->out, out, held); }
            ssize_t r = write(me->fd, out + from, held);
            if (r < 0) { if (errno != EAGAIN) fail(me, "write"); writable = 0; }
            else from += r, held -= r, sent += r;
        }
        while (readable && got < TOTAL) {
            ssize_t r = read(me->fd, in, sizeof in);
            if (r < 0) { if (errno != EAGAIN) fail(me, "read"); readable = 0; }
            else if (r == 0) fail(me, "end");
            else { if (check(&me->in, in, r) != (size_t)r) fail(me, "bytes"); got += r; }
        }
        if (sent >= TOTAL && got >= TOTAL) break;
        struct epoll_event e;
        int n = epoll_wait(ep, &e, 1, 20000);
        if (n != 1) { errno = ETIMEDOUT; fail(me, "no edge came"); }
        if (e.events & EPOLLIN) readable = 1;
        if (e.events & EPOLLOUT) writable = 1;
    }
    say(me, "all went");
    step(me);
}

// A new connection, of which one end only ever sends: it leaves TCP in the midst of it, and waits for room by edges.
CASE(who_only_sends_waits_for_room_by_edges) {
    enum { TOTAL = 24 << 20 };
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (!me->near) {
        int listening = listener(&address, &length);
        if (send(me->sync, &address, sizeof address, 0) != sizeof address) fail(me, "sync");
        me->fd = accept(listening, NULL, NULL);
        for (int i = 0; i < 48; i++) { nap(0.002); take(me, TOTAL / 48); }
        drain(me);
        return;
    }
    if (recv(me->sync, &address, sizeof address, MSG_WAITALL) != sizeof address) fail(me, "sync");
    me->fd = socket(address.ss_family, SOCK_STREAM, 0);
    if (connect(me->fd, (void *)&address, address.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)))
        fail(me, "connect");
    nonblocking(me->fd, 1);
    int ep = epoll_create1(0);
    add(me, ep, EPOLLOUT | EPOLLET, EPOLL_CTL_ADD);
    static char out[300000];
    for (size_t sent = 0; sent < TOTAL;) {
        struct stream before = me->out;
        size_t n = TOTAL - sent < sizeof out ? TOTAL - sent : sizeof out;
        fill(&me->out, out, n);
        ssize_t r = write(me->fd, out, n);
        me->out = before;
        if (r > 0) me->out.at += r, sent += r;
        else if (errno != EAGAIN) fail(me, "write");
        struct epoll_event e;
        if (r < (ssize_t)n && sent < TOTAL && epoll_wait(ep, &e, 1, 20000) != 1) { errno = ETIMEDOUT; fail(me, "no edge came"); }
    }
    close(me->fd);
}

CASE(epoll_oneshot) {
    if (me->near) { for (int i = 0; i < 2; i++) { step(me); put(me, 100); step(me); } step(me); return; }
    int ep = epoll_create1(0);
    add(me, ep, EPOLLIN | EPOLLONESHOT, EPOLL_CTL_ADD);
    step(me), step(me);
    queued(me, 100);
    events(me, "once", ep, -1);
    events(me, "not twice", ep, 0);
    step(me), step(me);
    queued(me, 200);
    events(me, "nor after more", ep, 0);
    add(me, ep, EPOLLIN | EPOLLONESHOT, EPOLL_CTL_MOD);
    events(me, "armed anew", ep, 0);
    events(me, "not twice", ep, 0);
    take(me, 200);
    add(me, ep, EPOLLIN | EPOLLONESHOT, EPOLL_CTL_MOD);
    events(me, "nothing there", ep, 0);
    step(me);
}

CASE(epoll_within_epoll) {
    if (me->near) { step(me); nap(0.02); put(me, 100); step(me); nap(0.02); put(me, 10); step(me); return; }
    int inner = epoll_create1(0), outer = epoll_create1(0);
    add(me, inner, EPOLLIN, EPOLL_CTL_ADD);
    struct epoll_event e = {EPOLLIN, {.u64 = 7}};
    result(me, "nest", epoll_ctl(outer, EPOLL_CTL_ADD, inner, &e));
    result(me, "quiet", epoll_wait(outer, &e, 1, 0));
    step(me);
    result(me, "outer", epoll_wait(outer, &e, 1, 20000));
    say(me, "data %llu", (unsigned long long)e.data.u64);
    events(me, "inner", inner, 0);
    take(me, 100);
    result(me, "outer after", epoll_wait(outer, &e, 1, 0));
    struct pollfd p = {inner, POLLIN, 0};
    result(me, "poll of an epoll", poll(&p, 1, 0));
    step(me);
    result(me, "poll of an epoll", poll(&p, 1, 20000));
    take(me, 10);
    step(me);
}

CASE(epoll_within_epoll_many_times) {
    enum { ROUNDS = 2000 };
    if (me->near) {
        for (int i = 0; i < ROUNDS; i++) { if (i % 100 == 7) nap(0.002); put(me, 100); take(me, 1); }
        step(me);
        return;
    }
    int inner = epoll_create1(0), outer = epoll_create1(0), other[2];
    if (pipe(other)) fail(me, "pipe");
    struct epoll_event e = {EPOLLIN, {.u64 = 7}};
    epoll_ctl(outer, EPOLL_CTL_ADD, inner, &e);
    e.data.u64 = 8;
    epoll_ctl(inner, EPOLL_CTL_ADD, other[0], &e);
    add(me, inner, EPOLLIN, EPOLL_CTL_ADD);
    int late = 0, wrong = 0;
    for (int i = 0; i < ROUNDS; i++) {
        if (i == ROUNDS / 2) add(me, inner, EPOLLIN | EPOLLET, EPOLL_CTL_MOD);
        struct pollfd p = {inner, POLLIN, 0};
        if (i % 3 == 2) late += poll(&p, 1, 20000) != 1;
        else late += epoll_wait(outer, &e, 1, 20000) != 1, wrong += e.data.u64 != 7;
        late += epoll_wait(inner, &e, 1, 20000) != 1;
        take(me, 100), put(me, 1);
    }
    say(me, "late %d wrong %d", late, wrong);
    if (write(other[1], "x", 1) != 1) fail(me, "write");
    result(me, "outer for a pipe within", epoll_wait(outer, &e, 1, 20000));
    result(me, "inner for a pipe", epoll_wait(inner, &e, 1, 0));
    say(me, "data %llu", (unsigned long long)e.data.u64);
    if (read(other[0], &e, 1) != 1) fail(me, "read");
    result(me, "outer afterwards", epoll_wait(outer, &e, 1, 0));
    e.events = 0, e.data.u64 = 9;
    result(me, "change", epoll_ctl(outer, EPOLL_CTL_MOD, inner, &e));
    result(me, "add again", epoll_ctl(outer, EPOLL_CTL_ADD, inner, &e));
    result(me, "take out", epoll_ctl(outer, EPOLL_CTL_DEL, inner, NULL));
    result(me, "take out again", epoll_ctl(outer, EPOLL_CTL_DEL, inner, NULL));
    result(me, "put in", epoll_ctl(outer, EPOLL_CTL_ADD, inner, &e));
    close(inner);
    result(me, "outer when the inner is closed", epoll_wait(outer, &e, 1, 0));
    step(me);
}

static struct { struct end *me; int ep, handled; pthread_mutex_t lock; } pool = {.lock = PTHREAD_MUTEX_INITIALIZER};
enum { MESSAGES = 2000, MESSAGE = 100 };

static void *worker(void *unused) {
    (void)unused;
    for (;;) {
        struct epoll_event e;
        int n = epoll_wait(pool.ep, &e, 1, 50);
        if (__atomic_load_n(&pool.handled, __ATOMIC_SEQ_CST) >= MESSAGES) return NULL;
        if (n != 1) continue;
        // ONESHOT lets one thread in at a time; a second one here is the mistake that this looks for.
        if (pthread_mutex_trylock(&pool.lock)) { say(pool.me, "WRONG: two threads were given the same event"); _exit(95); }
        take(pool.me, MESSAGE);
        int handled = __atomic_add_fetch(&pool.handled, 1, __ATOMIC_SEQ_CST);
        put(pool.me, 1);
        pthread_mutex_unlock(&pool.lock);
        if (handled < MESSAGES) add(pool.me, pool.ep, EPOLLIN | EPOLLONESHOT, EPOLL_CTL_MOD);
    }
}

CASE(epoll_within_epoll_is_told_of_changes_in_the_inner_set) {
    if (me->near) { step(me); step(me); return; }
    int inner = epoll_create1(0), outer = epoll_create1(0);
    struct epoll_event e = {EPOLLIN, {.u64 = 7}};
    epoll_ctl(outer, EPOLL_CTL_ADD, inner, &e);
    add(me, inner, EPOLLIN, EPOLL_CTL_ADD);
    result(me, "quiet", epoll_wait(outer, &e, 1, 50));
    result(me, "quiet within", epoll_wait(inner, &e, 1, 0));
    step(me);
    add(me, inner, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    result(me, "outer", epoll_wait(outer, &e, 1, 2000));
    events(me, "inner", inner, 0);
    step(me);
}

CASE(a_set_that_is_closed_is_forgotten) {
    if (me->near) { for (int i = 0; i < 8; i++) { step(me); nap(0.02); put(me, 100); } step(me); return; }
    for (int i = 0; i < 8; i++) {
        // The library gives the new set the place of the old one.
        int set = epoll_create1(0);
        add(me, set, i % 2 ? EPOLLIN | EPOLLET : EPOLLIN, EPOLL_CTL_ADD);
        step(me);
        struct epoll_event e;
        result(me, "told", epoll_wait(set, &e, 1, 2000));
        take(me, 100);
        close(set);
    }
    step(me);
}

CASE(epoll_shared_by_threads) {
    if (me->near) {
        for (int i = 0; i < MESSAGES; i++) put(me, MESSAGE);
        take(me, MESSAGES);
        step(me);
        return;
    }
    pool.me = me, pool.ep = epoll_create1(0);
    add(me, pool.ep, EPOLLIN | EPOLLONESHOT, EPOLL_CTL_ADD);
    pthread_t t[4];
    for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, worker, NULL);
    for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
    say(me, "handled %d", pool.handled);
    step(me);
}

CASE(epoll_in_two_sets) {
    if (me->near) { step(me); put(me, 10); step(me); return; }
    int a = epoll_create1(0), b = epoll_create1(0);
    add(me, a, EPOLLIN, EPOLL_CTL_ADD), add(me, b, EPOLLIN | EPOLLET, EPOLL_CTL_ADD);
    step(me);
    events(me, "level", a, -1), events(me, "edge", b, -1);
    events(me, "level", a, 0), events(me, "edge", b, 0);
    take(me, 10);
    events(me, "level", a, 0);
    step(me);
}

CASE(epoll_forgets_closed_descriptors) {
    if (me->near) { step(me); put(me, 10); step(me); step(me); return; }
    int ep = epoll_create1(0), other = dup(me->fd);
    add(me, ep, EPOLLIN, EPOLL_CTL_ADD);
    close(me->fd);
    step(me);
    // The file is still open through the copy: the registration stays, as Linux has it.
    events(me, "through the copy", ep, -1);
    me->fd = other;
    step(me);
    take(me, 10);
    events(me, "taken", ep, 0);
    step(me);
    close(other);
    events(me, "closed", ep, 20);
}

CASE(epoll_end_and_hang_up) {
    if (me->near) { step(me); put(me, 10); shutdown(me->fd, SHUT_WR); step(me), step(me); close(me->fd); step(me); return; }
    int ep = epoll_create1(0);
    add(me, ep, EPOLLIN | EPOLLRDHUP, EPOLL_CTL_ADD);
    step(me), step(me);
    queued(me, 10);
    nap(0.02);
    events(me, "half-closed with bytes", ep, -1);
    take(me, 10);
    events(me, "half-closed", ep, -1);
    drain(me);
    events(me, "still", ep, 0);
    shutdown(me->fd, SHUT_WR);
    events(me, "both", ep, -1);
    step(me), step(me);
    events(me, "closed", ep, -1);
    look(me, "poll", 0);
}

CASE(receiving_times_out) {
    if (me->near) { step(me), step(me); put(me, 10); step(me); return; }
    char a[100];
    struct timeval t = {0, 50000};
    setsockopt(me->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    double from = now();
    result(me, "recv", recv(me->fd, a, 10, 0));
    say(me, "waited %d", now() - from > 0.045);
    result(me, "read", read(me->fd, a, 10));
    result(me, "recv WAITALL", recv(me->fd, a, 10, MSG_WAITALL));
    step(me), step(me);
    step(me);
    queued(me, 10);
    result(me, "WAITALL for more than comes", recv(me->fd, a, 20, MSG_WAITALL));
    if (check(&me->in, a, 10) != 10) say(me, "WRONG");
    t.tv_usec = 0;
    setsockopt(me->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
}

CASE(sending_times_out) {
    if (me->near) {
        struct timeval t = {0, 50000};
        setsockopt(me->fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t);
        size_t total = stuff(me);
        nonblocking(me->fd, 0);
        char a[4096] = "";
        double from = now();
        result(me, "send", send(me->fd, a, sizeof a, 0));
        say(me, "waited %d", now() - from > 0.045);
        if (send(me->sync, &total, sizeof total, 0) != sizeof total) fail(me, "sync");
        step(me);
        put(me, 1000);
        step(me);
        return;
    }
    size_t total;
    if (recv(me->sync, &total, sizeof total, 0) != sizeof total) fail(me, "sync");
    take(me, total);
    step(me);
    take(me, 1000);
    step(me);
}

CASE(low_water_mark) {
    if (me->near) { step(me); put(me, 50); step(me), step(me); put(me, 50); step(me), step(me); nap(0.02); put(me, 50); nap(0.02); put(me, 50); step(me); return; }
    char a[200];
    int low = 100;
    setsockopt(me->fd, SOL_SOCKET, SO_RCVLOWAT, &low, sizeof low);
    int ep = epoll_create1(0);
    add(me, ep, EPOLLIN, EPOLL_CTL_ADD);
    step(me), step(me);
    queued(me, 50);
    result(me, "poll below", poll(&(struct pollfd){me->fd, POLLIN, 0}, 1, 10));
    events(me, "epoll below", ep, 10);
    result(me, "not blocking", recv(me->fd, a, 200, MSG_DONTWAIT | MSG_PEEK));
    step(me), step(me);
    wait_in(me, 20000);
    events(me, "epoll at", ep, 20000);
    result(me, "at", recv(me->fd, a, 200, 0));
    if (check(&me->in, a, 100) != 100) say(me, "WRONG");
    step(me);
    result(me, "blocks until", recv(me->fd, a, 200, 0));
    if (check(&me->in, a, 100) != 100) say(me, "WRONG");
    step(me);
}

CASE(counts_of_bytes_waiting) {
    int n = -1;
    if (me->near) {
        step(me);
        put(me, 1000);
        step(me), step(me);
        for (double until = now() + 20; now() < until && ioctl(me->fd, SIOCOUTQ, &n) == 0 && n; nap(0.001)) {}
        say(me, "not yet taken %d", n);
        return;
    }
    result(me, "FIONREAD", ioctl(me->fd, FIONREAD, &n));
    say(me, "%d", n);
    step(me), step(me);
    queued(me, 1000);
    take(me, 1);
    queued(me, 999);
    take(me, 999);
    queued(me, 0);
    int on = 1;
    result(me, "FIONBIO", ioctl(me->fd, FIONBIO, &on));
    char c;
    result(me, "recv", recv(me->fd, &c, 1, 0));
    say(me, "flags %x", fcntl(me->fd, F_GETFL));
    on = 0;
    result(me, "FIONBIO", ioctl(me->fd, FIONBIO, &on));
    step(me);
}

static void *reads_one(void *at) {
    struct end *me = at;
    char c[16];
    for (;;) {
        ssize_t r = recv(me->fd, c, sizeof c, MSG_WAITALL);
        if (r <= 0) return (void *)(intptr_t)-1;
        if (c[0] == 'q') return NULL;
    }
}

// Each message goes to one of the threads that wait in recv, and in the end each gets its own.
CASE(threads_wait_in_recv) {
    char m[16] = "m";
    if (me->near) {
        for (int i = 0; i < 1000; i++) { if (write(me->fd, m, 16) != 16) fail(me, "write"); if (i % 100 == 0) nap(0.002); }
        m[0] = 'q';
        for (int i = 0; i < 4; i++) if (write(me->fd, m, 16) != 16) fail(me, "write");
        step(me);
        return;
    }
    pthread_t t[4];
    for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, reads_one, me);
    for (int i = 0; i < 4; i++) { void *r; pthread_join(t[i], &r); if (r) say(me, "WRONG: a thread failed"); }
    say(me, "each had one");
    step(me);
}

static void *reads_all(void *at) { take(at, 8 << 20); return NULL; }

CASE(one_thread_reads_while_another_writes) {
    pthread_t t;
    pthread_create(&t, NULL, reads_all, me);
    put(me, 8 << 20);
    pthread_join(t, NULL);
    say(me, "all went both ways");
}

CASE(ppoll_and_epoll_pwait_time_out) {
    if (me->near) { step(me); step(me); return; }
    struct pollfd p = {me->fd, POLLIN, 0};
    struct timespec t = {0, 20000000};
    sigset_t none;
    sigemptyset(&none);
    result(me, "ppoll", ppoll(&p, 1, &t, &none));
    int ep = epoll_create1(0);
    add(me, ep, EPOLLIN, EPOLL_CTL_ADD);
    struct epoll_event e;
    result(me, "epoll_pwait", epoll_pwait(ep, &e, 1, 20, &none));
#ifdef __GLIBC__
    result(me, "epoll_pwait2", epoll_pwait2(ep, &e, 1, &t, &none));
#endif
    result(me, "epoll_wait for none", epoll_wait(ep, &e, 0, 0));
    result(me, "epoll_wait on a socket", epoll_wait(me->fd, &e, 1, 0));
    result(me, "epoll_wait on nothing", epoll_wait(-1, &e, 1, 0));
    step(me), step(me);
}
