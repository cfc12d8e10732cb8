// What programs do with a connection of AF_VSOCK, whose rules are not all those of TCP.
#include "case.h"

static volatile sig_atomic_t pipes;
static void on_pipe(int signal) { (void)signal; pipes++; }

static void look(struct end *me, const char *what) {
    struct pollfd p = {me->fd, POLLIN | POLLOUT | POLLRDHUP, 0};
    if (poll(&p, 1, 0) < 0) { result(me, what, -1); return; }
    say(me, "%s:%s%s%s%s%s", what, p.revents & POLLIN ? " IN" : "", p.revents & POLLOUT ? " OUT" : "",
        p.revents & POLLRDHUP ? " RDHUP" : "", p.revents & POLLHUP ? " HUP" : "", p.revents & POLLERR ? " ERR" : "");
}

// Waits until the socket has told of the other end's shutting.
static void told(struct end *me) {
    struct pollfd p = {me->fd, POLLRDHUP, 0};
    result(me, "told", poll(&p, 1, 20000));
}

static void afterwards(struct end *me) {
    char a[100];
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int error = -1;
    result(me, "read", read(me->fd, a, sizeof a));
    result(me, "send", send(me->fd, a, 1, MSG_NOSIGNAL));
    result(me, "send nothing", send(me->fd, a, 0, MSG_NOSIGNAL));
    result(me, "read again", read(me->fd, a, sizeof a));
    look(me, "at last");
    result(me, "getpeername", getpeername(me->fd, (void *)&address, &length));
    length = sizeof error;
    getsockopt(me->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    say(me, "SO_ERROR %d", error);
}

// Both ends send pieces of many sizes while they receive; nobody waits for the other's whole.
static void exchange(struct end *me, size_t total) {
    static char bytes[200000];
    uint64_t seed = 7 + me->near;
    size_t sent = 0, got = 0, wrong = 0;
    nonblocking(me->fd, 1);
    while (sent < total || got < total) {
        struct pollfd p = {me->fd, (sent < total ? POLLOUT : 0) | (got < total ? POLLIN : 0), 0};
        if (poll(&p, 1, 20000) != 1) fail(me, "exchange");
        if (p.revents & POLLOUT) {
            seed = word_of(seed, sent);
            size_t length = seed % (seed & 1 ? sizeof bytes : 700) + 1;
            if (length > total - sent) length = total - sent;
            struct stream before = me->out;
            fill(&me->out, bytes, length);
            ssize_t n = send(me->fd, bytes, length, 0);
            if (n < 0 && errno != EAGAIN) fail(me, "send");
            me->out = before;
            if (n > 0) me->out.at += n, sent += n;
        }
        if (p.revents & POLLIN) {
            seed = word_of(seed, got);
            ssize_t n = recv(me->fd, bytes, seed % sizeof bytes + 1, 0);
            if (n == 0 || (n < 0 && errno != EAGAIN)) fail(me, "recv");
            if (n > 0) wrong += n - check(&me->in, bytes, n), got += n;
        }
    }
    nonblocking(me->fd, 0);
    say(me, "sent %zu, received %zu, %zu wrong", sent, got, wrong);
}

CASE(both_ways_at_once) {
    exchange(me, 3000000);
    step(me);
}

// Without a message in the other direction.
CASE(a_stream) {
    if (me->near) put(me, 6000000);
    else take(me, 6000000);
    step(me);
}

CASE(half_closed) {
    char c = 0;
    if (me->near) {
        put(me, 300000);
        result(me, "shutdown", shutdown(me->fd, SHUT_WR));
        result(me, "send", send(me->fd, &c, 1, MSG_NOSIGNAL));
        look(me, "shut");
        step(me);
        drain(me);
        look(me, "both shut");
        step(me);
        return;
    }
    drain(me);
    look(me, "the other has shut");
    step(me);
    put(me, 200000);
    result(me, "shutdown", shutdown(me->fd, SHUT_WR));
    look(me, "both shut");
    step(me);
}

CASE(an_end_that_reads_no_more) {
    char a[100];
    if (me->near) {
        queued(me, 50);
        result(me, "shutdown", shutdown(me->fd, SHUT_RD));
        result(me, "read", read(me->fd, a, sizeof a));
        look(me, "shut");
        step(me), step(me);
        put(me, 1000);
        step(me);
        return;
    }
    put(me, 50);
    step(me);
    nap(0.02);
    result(me, "send", send(me->fd, a, 1, MSG_NOSIGNAL));
    look(me, "the other reads no more");
    step(me);
    take(me, 1000);
    step(me);
}

CASE(an_end_that_reads_no_more_stops_one_that_writes) {
    static char a[70000];
    if (me->near) { nap(0.1); shutdown(me->fd, SHUT_RD); step(me); return; }
    while (send(me->fd, a, sizeof a, MSG_NOSIGNAL) > 0) {}
    say(me, "stopped by %s", strerrorname_np(errno));
    step(me);
}

CASE(both_ways_shut) {
    char c = 0;
    if (me->near) {
        put(me, 500);
        result(me, "shutdown", shutdown(me->fd, SHUT_RDWR));
        result(me, "again", shutdown(me->fd, SHUT_RDWR));
        result(me, "read", read(me->fd, &c, 1));
        result(me, "send", send(me->fd, &c, 1, MSG_NOSIGNAL));
        step(me);
        return;
    }
    drain(me);
    told(me);
    afterwards(me);
    step(me);
}

CASE(closed_with_bytes_unread) {
    if (me->near) { put(me, 700); queued(me, 1000); result(me, "close", close(me->fd)); step(me); return; }
    put(me, 1000);
    step(me);
    told(me);
    look(me, "closed");
    drain(me);
    afterwards(me);
}

CASE(closed_without_lingering) {
    if (me->near) {
        struct linger l = {1, 0};
        setsockopt(me->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
        put(me, 100000);
        result(me, "close", close(me->fd));
        step(me);
        return;
    }
    step(me);
    drain(me);
    afterwards(me);
}

CASE(a_write_after_the_end_raises_what_the_kernel_raises) {
    struct sigaction a = {.sa_handler = on_pipe, .sa_flags = SA_RESTART};
    sigaction(SIGPIPE, &a, NULL);
    char c = 0;
    if (me->near) {
        shutdown(me->fd, SHUT_WR);
        for (int i = 0; i < 3; i++) result(me, "write", write(me->fd, &c, 1));
        say(me, "SIGPIPE %d times", pipes);
        step(me);
        close(me->fd);
        step(me);
        return;
    }
    drain(me);
    step(me), step(me);
    for (int i = 0; i < 3; i++) result(me, "write", write(me->fd, &c, 1));
    say(me, "SIGPIPE %d times", pipes);
}

CASE(flags_and_addresses) {
    static char a[2000];
    struct sockaddr_vm to = {.svm_family = AF_VSOCK, .svm_cid = 1, .svm_port = 9};
    if (me->near) { put(me, 500); step(me), step(me); nap(0.05); put(me, 500); step(me); return; }
    step(me);
    queued(me, 500);
    result(me, "PEEK", recv(me->fd, a, 10, MSG_PEEK));
    result(me, "PEEK of more with WAITALL", recv(me->fd, a, 2000, MSG_PEEK | MSG_WAITALL));
    result(me, "TRUNC", recv(me->fd, a, 100, MSG_TRUNC));
    say(me, "%zu right", check(&me->in, a, 100));
    result(me, "nothing asked", recv(me->fd, a, 0, 0));
    result(me, "OOB", recv(me->fd, a, 1, MSG_OOB));
    result(me, "sending OOB", send(me->fd, a, 1, MSG_OOB));
    result(me, "sendto", sendto(me->fd, a, 1, 0, (void *)&to, sizeof to));
    struct iovec part = {a, 1};
    struct msghdr message = {.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &part, .msg_iovlen = 1};
    result(me, "sendmsg", sendmsg(me->fd, &message, 0));
    result(me, "connect", connect(me->fd, (void *)&to, sizeof to));
    step(me);
    result(me, "WAITALL", recv(me->fd, a, 900, MSG_WAITALL));
    say(me, "%zu right", check(&me->in, a, 900));
    result(me, "DONTWAIT", recv(me->fd, a, 1, MSG_DONTWAIT));
    step(me);
}

CASE(options_go_to_the_kernel) {
    unsigned long long bytes = 65536;
    socklen_t length = sizeof bytes;
    result(me, "set size", setsockopt(me->fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &bytes, sizeof bytes));
    result(me, "get size", getsockopt(me->fd, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &bytes, &length));
    say(me, "%llu", bytes);
    int one = 1;
    result(me, "TCP's", setsockopt(me->fd, SOL_TCP, 1, &one, sizeof one));
    struct timeval little = {0, 30000};
    setsockopt(me->fd, SOL_SOCKET, SO_RCVTIMEO, &little, sizeof little);
    char c;
    result(me, "timed out", read(me->fd, &c, 1));
    step(me);
}

CASE(epoll_level_and_edge) {
    if (me->near) {
        for (int i = 0; i < 200; i++) { put(me, 1 + i * 37 % 4000); take(me, 1); }
        close(me->fd);
        return;
    }
    int ep = epoll_create1(0);
    struct epoll_event e = {EPOLLIN | EPOLLRDHUP, {0}};
    if (epoll_ctl(ep, EPOLL_CTL_ADD, me->fd, &e)) fail(me, "epoll_ctl");
    for (int i = 0; i < 200; i++) {
        if (i == 100) {
            e.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
            epoll_ctl(ep, EPOLL_CTL_MOD, me->fd, &e);
            nonblocking(me->fd, 1);
        }
        for (size_t left = 1 + i * 37 % 4000; left;) {
            if (epoll_wait(ep, &e, 1, 20000) != 1) fail(me, "epoll_wait");
            static char a[5000];
            ssize_t n;
            do {
                n = read(me->fd, a, i & 1 ? 100 : sizeof a);
                if (n > 0 && check(&me->in, a, n) != (size_t)n) say(me, "WRONG");
                if (n > 0) left -= n;
            } while (n > 0 && i >= 100);
        }
        put(me, 1);
    }
    for (e.events = 0; !(e.events & EPOLLRDHUP);) if (epoll_wait(ep, &e, 1, 20000) != 1) fail(me, "no end");
    say(me, "end");
    afterwards(me);
}

static void killed(struct end *me) { say(me, "killed"); raise(SIGKILL); }

CASE(killed_with_bytes_unread_at_both_ends) {
    if (me->near) { put(me, 500); step(me); queued(me, 1000); killed(me); }
    put(me, 1000);
    step(me);
    told(me);
    drain(me);
    afterwards(me);
}

CASE(killed_half_closed_while_the_other_writes) {
    static char a[70000];
    if (me->near) { shutdown(me->fd, SHUT_WR); step(me); nap(0.1); killed(me); }
    step(me);
    drain(me);
    while (send(me->fd, a, sizeof a, MSG_NOSIGNAL) > 0) {}
    say(me, "stopped by %s", strerrorname_np(errno));
    afterwards(me);
}

CASE(killed_while_the_other_waits_by_epoll) {
    if (me->near) { step(me); nap(0.05); killed(me); }
    int ep = epoll_create1(0);
    struct epoll_event e = {EPOLLIN | EPOLLRDHUP | EPOLLET, {0}};
    epoll_ctl(ep, EPOLL_CTL_ADD, me->fd, &e);
    step(me);
    result(me, "epoll_wait", epoll_wait(ep, &e, 1, 20000));
    say(me, "events %x", e.events);
    afterwards(me);
}

CASE(a_child_goes_on) {
    if (me->near) {
        pid_t child = fork();
        if (!child) { exchange(me, 400000); _exit(0); }
        int status;
        waitpid(child, &status, 0);
        say(me, "child %d", status);
        me->out.at += 400000, me->in.at += 400000;
    } else exchange(me, 400000);
    step(me);
    exchange(me, 400000);
    step(me);
}
