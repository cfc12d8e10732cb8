// How connections end: shutdown, half-closed ones, closing with bytes unread, resets, a killed end.
#include "case.h"
#include <pthread.h>

static volatile sig_atomic_t pipes;
static void on_pipe(int signal) { (void)signal; pipes++; }
static void catch_pipe(void) {
    struct sigaction a = {.sa_handler = on_pipe, .sa_flags = SA_RESTART};
    sigaction(SIGPIPE, &a, NULL);
}

static void look(struct end *me, const char *what) {
    struct pollfd p = {me->fd, POLLIN | POLLOUT | POLLRDHUP, 0};
    if (poll(&p, 1, 0) < 0) { result(me, what, -1); return; }
    say(me, "%s:%s%s%s%s%s", what, p.revents & POLLIN ? " IN" : "", p.revents & POLLOUT ? " OUT" : "",
        p.revents & POLLRDHUP ? " RDHUP" : "", p.revents & POLLHUP ? " HUP" : "", p.revents & POLLERR ? " ERR" : "");
}

static void error_of(struct end *me) {
    int value = -1;
    socklen_t length = sizeof value;
    getsockopt(me->fd, SOL_SOCKET, SO_ERROR, &value, &length);
    say(me, "SO_ERROR %s", value ? strerrorname_np(value) : "none");
}

// Waits until the other end's closing has come.
static void gone(struct end *me) {
    struct pollfd p = {me->fd, POLLRDHUP, 0};
    result(me, "gone", poll(&p, 1, 20000));
}

static void afterwards(struct end *me) {
    char a[100];
    result(me, "read", read(me->fd, a, sizeof a));
    result(me, "read again", read(me->fd, a, sizeof a));
    result(me, "send", send(me->fd, a, 1, MSG_NOSIGNAL));
    nap(0.02);
    result(me, "send again", send(me->fd, a, 1, MSG_NOSIGNAL));
    result(me, "read at last", read(me->fd, a, sizeof a));
    look(me, "at last");
    error_of(me);
}

CASE(shutting_down_one_way) {
    catch_pipe();
    char c = 0;
    if (me->near) {
        put(me, 1000);
        result(me, "shutdown", shutdown(me->fd, SHUT_WR));
        result(me, "write", write(me->fd, &c, 1));
        result(me, "send NOSIGNAL", send(me->fd, &c, 1, MSG_NOSIGNAL));
        struct iovec v = {&c, 1};
        result(me, "writev", writev(me->fd, &v, 1));
        say(me, "SIGPIPE %d times", pipes);
        result(me, "write of nothing", write(me->fd, &c, 0));
        take(me, 2000);
        look(me, "half-closed");
        step(me);
        drain(me);
        look(me, "closed both ways");
        step(me);
        return;
    }
    drain(me);
    result(me, "read after the end", read(me->fd, &c, 1));
    look(me, "half-closed");
    put(me, 2000);
    step(me);
    put(me, 500000);
    result(me, "shutdown", shutdown(me->fd, SHUT_WR));
    step(me);
    gone(me);
    look(me, "closed both ways");
}

CASE(shutting_down_reading) {
    char a[100];
    if (me->near) {
        result(me, "shutdown", shutdown(me->fd, SHUT_RD));
        result(me, "read", read(me->fd, a, 100));
        look(me, "after");
        step(me), step(me);
        queued(me, 100);
        take(me, 100);
        result(me, "read", read(me->fd, a, 100));
        put(me, 100);
        step(me);
        return;
    }
    step(me);
    put(me, 100);
    step(me);
    take(me, 100);
    look(me, "the other end reads no more");
    step(me);
}

CASE(shutting_down_both_ways) {
    char a[100];
    result(me, "wrong", shutdown(me->fd, 7));
    if (me->near) {
        put(me, 100);
        result(me, "shutdown", shutdown(me->fd, SHUT_RDWR));
        result(me, "read", read(me->fd, a, 100));
        result(me, "send", send(me->fd, a, 1, MSG_NOSIGNAL));
        look(me, "mine");
        step(me), step(me);
        nap(0.02);
        look(me, "mine after a byte that nobody wants");
        result(me, "again", shutdown(me->fd, SHUT_RDWR));
        return;
    }
    step(me);
    drain(me);
    look(me, "theirs");
    result(me, "send", send(me->fd, a, 1, MSG_NOSIGNAL));
    step(me);
}

CASE(half_closed_with_bytes_under_way) {
    if (me->near) { put(me, 2 << 20); shutdown(me->fd, SHUT_WR); drain(me); step(me); return; }
    nap(0.05);
    drain(me);
    put(me, 3 << 20);
    shutdown(me->fd, SHUT_WR);
    step(me);
}

CASE(closed_with_bytes_under_way) {
    if (me->near) { put(me, 2 << 20); result(me, "close", close(me->fd)); return; }
    nap(0.05);
    drain(me);
    afterwards(me);
}

CASE(closed_while_idle) {
    if (me->near) { close(me->fd); step(me); return; }
    step(me);
    gone(me);
    look(me, "closed");
    afterwards(me);
}

CASE(closed_with_bytes_unread) {
    if (me->near) { step(me); queued(me, 1000); close(me->fd); step(me); return; }
    put(me, 1000);
    step(me), step(me);
    gone(me);
    look(me, "reset");
    afterwards(me);
}

CASE(reset_with_bytes_unread_at_both_ends) {
    if (me->near) { put(me, 500); step(me); queued(me, 1000); close(me->fd); step(me); return; }
    put(me, 1000);
    step(me), step(me);
    gone(me);
    look(me, "reset");
    error_of(me);
    char a[1000];
    result(me, "read", read(me->fd, a, sizeof a));
    afterwards(me);
}

CASE(closed_without_lingering) {
    if (me->near) {
        struct linger l = {1, 0};
        setsockopt(me->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
        close(me->fd);
        step(me);
        return;
    }
    step(me);
    gone(me);
    error_of(me);
    afterwards(me);
}

CASE(closed_without_lingering_after_bytes) {
    if (me->near) {
        put(me, 700);
        step(me);
        struct linger l = {1, 0};
        setsockopt(me->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
        close(me->fd);
        step(me);
        return;
    }
    step(me);
    queued(me, 700);
    step(me);
    gone(me);
    look(me, "reset");
    char a[1000];
    result(me, "read", read(me->fd, a, sizeof a));
    afterwards(me);
}

CASE(lingering_until_all_is_taken) {
    if (me->near) {
        put(me, 100000);
        struct linger l = {1, 20};
        setsockopt(me->fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
        result(me, "close", close(me->fd));
        return;
    }
    nap(0.02);
    drain(me);
}

CASE(writing_after_the_other_end_closed) {
    catch_pipe();
    if (me->near) { close(me->fd); step(me); return; }
    step(me);
    gone(me);
    char c = 0;
    result(me, "write", write(me->fd, &c, 1));
    nap(0.02);
    look(me, "after the first");
    result(me, "write", write(me->fd, &c, 1));
    say(me, "SIGPIPE %d times", pipes);
    result(me, "write", write(me->fd, &c, 1));
    say(me, "SIGPIPE %d times", pipes);
    error_of(me);
}

CASE(SIGPIPE_ends_a_program_that_does_not_catch_it) {
    if (me->near) { close(me->fd); step(me); return; }
    step(me);
    gone(me);
    char c = 0;
    for (int i = 0; i < 3; i++) { if (write(me->fd, &c, 1) < 0) say(me, "%s", strerrorname_np(errno)); nap(0.02); }
}

CASE(disconnecting_by_connect) {
    if (me->near) {
        struct sockaddr none = {.sa_family = AF_UNSPEC};
        result(me, "disconnect", connect(me->fd, &none, sizeof none));
        char c;
        result(me, "read", read(me->fd, &c, 1));
        result(me, "send", send(me->fd, &c, 1, MSG_NOSIGNAL));
        step(me);
        return;
    }
    step(me);
    gone(me);
    afterwards(me);
}

static void *shuts_down(void *at) { struct end *me = at; nap(0.05); shutdown(me->fd, SHUT_RDWR); return NULL; }

CASE(shutting_down_wakes_a_thread_that_reads) {
    if (me->near) {
        pthread_t t;
        char c;
        pthread_create(&t, NULL, shuts_down, me);
        result(me, "read", read(me->fd, &c, 1));
        pthread_join(t, NULL);
        step(me);
        return;
    }
    step(me);
    drain(me);
}

CASE(shutting_down_wakes_a_thread_that_polls) {
    if (me->near) {
        pthread_t t;
        pthread_create(&t, NULL, shuts_down, me);
        struct pollfd p = {me->fd, POLLIN, 0};
        result(me, "poll", poll(&p, 1, 20000));
        pthread_join(t, NULL);
        look(me, "after");
        step(me);
        return;
    }
    step(me);
    drain(me);
}

CASE(closing_wakes_the_other_end_that_reads) {
    if (me->near) { nap(0.05); close(me->fd); return; }
    drain(me);
}

CASE(closing_wakes_the_other_end_that_writes) {
    static char a[70000];
    if (me->near) { nap(0.1); close(me->fd); step(me); return; }
    ssize_t r;
    while ((r = send(me->fd, a, sizeof a, MSG_NOSIGNAL)) > 0) {}
    // Which of the two comes depends on where the reset finds the call.
    say(me, "stopped by %s", r < 0 && (errno == ECONNRESET || errno == EPIPE) ? "the reset" : "something else");
    step(me);
}

// The near end is killed, as by the system when memory is short. The stages are those in which the ends may be.
static void killed(struct end *me) { say(me, "killed"); raise(SIGKILL); }

CASE(killed_while_idle) {
    if (me->near) killed(me);
    drain(me);
    afterwards(me);
}

CASE(killed_with_its_bytes_under_way) {
    if (me->near) { put(me, 100000); killed(me); }
    nap(0.05);
    drain(me);
    afterwards(me);
}

CASE(killed_with_bytes_unread) {
    if (me->near) { step(me); queued(me, 1000); killed(me); }
    put(me, 1000);
    step(me);
    gone(me);
    look(me, "reset");
    afterwards(me);
}

CASE(killed_with_bytes_unread_at_both_ends) {
    if (me->near) { put(me, 500); step(me); queued(me, 1000); killed(me); }
    put(me, 1000);
    step(me);
    gone(me);
    char a[1000];
    result(me, "read", read(me->fd, a, sizeof a));
    afterwards(me);
}

CASE(killed_after_it_shut_down) {
    if (me->near) { put(me, 1000); shutdown(me->fd, SHUT_WR); step(me); killed(me); }
    step(me);
    drain(me);
    // Nothing tells the kernel: a half-closed end that dies has sent its end already.
    nap(0.05);
    afterwards(me);
}

CASE(killed_after_it_shut_down_with_bytes_unread) {
    if (me->near) { put(me, 1000); shutdown(me->fd, SHUT_WR); step(me); queued(me, 500); killed(me); }
    drain(me);
    put(me, 500);
    step(me);
    struct pollfd p = {me->fd, 0, 0};
    result(me, "reset", poll(&p, 1, 20000));
    look(me, "reset");
    afterwards(me);
}

CASE(killed_after_the_other_shut_down) {
    if (me->near) { drain(me); put(me, 1000); killed(me); }
    put(me, 1000);
    shutdown(me->fd, SHUT_WR);
    drain(me);
    afterwards(me);
}

CASE(killed_while_the_other_writes) {
    static char a[70000];
    if (me->near) { step(me); nap(0.1); killed(me); }
    step(me);
    ssize_t r;
    while ((r = send(me->fd, a, sizeof a, MSG_NOSIGNAL)) > 0) {}
    say(me, "stopped by %s", r < 0 && (errno == ECONNRESET || errno == EPIPE) ? "the reset" : "something else");
    look(me, "after");
}

CASE(killed_half_closed_while_the_other_writes) {
    static char a[70000];
    if (me->near) { shutdown(me->fd, SHUT_WR); step(me); nap(0.1); killed(me); }
    step(me);
    drain(me);
    ssize_t r;
    while ((r = send(me->fd, a, sizeof a, MSG_NOSIGNAL)) > 0) {}
    say(me, "stopped by %s", r < 0 && (errno == ECONNRESET || errno == EPIPE) ? "the reset" : "something else");
}

CASE(killed_while_the_other_polls) {
    if (me->near) { step(me); nap(0.05); killed(me); }
    step(me);
    struct pollfd p = {me->fd, POLLIN, 0};
    result(me, "poll", poll(&p, 1, 20000));
    look(me, "after");
    afterwards(me);
}

CASE(killed_while_the_other_waits_by_epoll) {
    if (me->near) { step(me); nap(0.05); killed(me); }
    int ep = epoll_create1(0);
    struct epoll_event e = {EPOLLIN | EPOLLRDHUP | EPOLLET, {.fd = 1}};
    epoll_ctl(ep, EPOLL_CTL_ADD, me->fd, &e);
    step(me);
    result(me, "epoll_wait", epoll_wait(ep, &e, 1, 20000));
    say(me, "events %x", e.events);
    afterwards(me);
}
