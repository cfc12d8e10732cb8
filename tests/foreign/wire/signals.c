// Signals that find a program waiting on the connection: with and without SA_RESTART, jumps out of handlers, cancelled threads.
#include "case.h"
#include <pthread.h>
#include <setjmp.h>
#include <sys/select.h>

static volatile sig_atomic_t seen;
static void count(int signal) { (void)signal; seen++; }

static void handle(void (*handler)(int), int flags) {
    struct sigaction a = {.sa_handler = handler, .sa_flags = flags};
    sigaction(SIGUSR1, &a, NULL);
}

// Signals the other end until it has said that it goes on: a first signal may come before it waits.
static void disturb(struct end *me) {
    char c;
    for (;;) {
        nap(0.02);
        struct pollfd p = {me->sync, POLLIN, 0};
        if (poll(&p, 1, 0) == 1) break;
        kill(me->other, SIGUSR1);
    }
    if (recv(me->sync, &c, 1, 0) != 1) fail(me, "sync");
}

static void enough(struct end *me) { if (send(me->sync, "e", 1, 0) != 1) fail(me, "sync"); }

static void interrupted(struct end *me, const char *what, long value) {
    result(me, what, value);
    enough(me);
    step(me);
}

CASE(without_SA_RESTART_calls_are_interrupted) {
    char a[100];
    if (me->near) { for (int i = 0; i < 6; i++) { step(me); disturb(me); step(me); } return; }
    handle(count, 0);
    struct iovec v = {a, 100};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    struct pollfd p = {me->fd, POLLIN, 0};
    step(me), interrupted(me, "read", read(me->fd, a, 100));
    step(me), interrupted(me, "recv", recv(me->fd, a, 100, 0));
    step(me), interrupted(me, "recvmsg", recvmsg(me->fd, &m, 0));
    step(me), interrupted(me, "recv WAITALL", recv(me->fd, a, 100, MSG_WAITALL));
    step(me), interrupted(me, "poll", poll(&p, 1, -1));
    int ep = epoll_create1(0);
    struct epoll_event e = {EPOLLIN, {.fd = 1}};
    epoll_ctl(ep, EPOLL_CTL_ADD, me->fd, &e);
    step(me), interrupted(me, "epoll_wait", epoll_wait(ep, &e, 1, -1));
    say(me, "seen %d", seen > 0);
}

// Threads look for a while before they sleep: a handler that comes then ends the call as well. One signal each time; what counts is
// whether it was enough.
CASE(without_SA_RESTART_one_signal_is_enough) {
    enum { ROUNDS = 200 };
    char c = 0;
    struct epoll_event e = {EPOLLIN, {.fd = 1}};
    int ep = epoll_create1(0), firsts = 0;
    epoll_ctl(ep, EPOLL_CTL_ADD, me->fd, &e);
    handle(count, 0);
    for (int round = 0; round < ROUNDS; round++) {
        // Answers that come at once: looking pays.
        for (int i = 0; i < 20; i++) {
            if (me->near) put(me, 8), take(me, 8);
            else epoll_wait(ep, &e, 1, -1), take(me, 8), put(me, 8);
        }
        step(me);
        if (me->near) {
            nap(0.003);
            kill(me->other, SIGUSR1);
            struct pollfd p = {me->sync, POLLIN, 0};
            if (poll(&p, 1, 200) != 1) disturb(me);
            else if (recv(me->sync, &c, 1, 0) != 1) fail(me, "sync");
            step(me);
            continue;
        }
        seen = 0;
        long got = round % 2 ? read(me->fd, &c, 1) : epoll_wait(ep, &e, 1, -1);
        if (got != -1 || errno != EINTR) say(me, "WRONG: %ld in round %d", got, round);
        firsts += seen == 1;
        enough(me);
        step(me);
    }
    if (!me->near && getenv("WIRE_COUNTS")) say(me, "#at the first %d", firsts);
    if (!me->near) say(me, "often at the first %d", firsts > ROUNDS / 2);
}

CASE(with_SA_RESTART_waiting_calls_are_interrupted_all_the_same) {
    if (me->near) { for (int i = 0; i < 5; i++) { step(me); disturb(me); step(me); } return; }
    handle(count, SA_RESTART);
    struct pollfd p = {me->fd, POLLIN, 0};
    fd_set in;
    FD_ZERO(&in);
    FD_SET(me->fd, &in);
    step(me), interrupted(me, "poll", poll(&p, 1, -1));
    step(me), interrupted(me, "ppoll", ppoll(&p, 1, NULL, NULL));
    step(me), interrupted(me, "select", select(me->fd + 1, &in, NULL, NULL, NULL));
    int ep = epoll_create1(0);
    struct epoll_event e = {EPOLLIN, {.fd = 1}};
    epoll_ctl(ep, EPOLL_CTL_ADD, me->fd, &e);
    step(me), interrupted(me, "epoll_wait", epoll_wait(ep, &e, 1, -1));
    struct timeval t = {20, 0};
    char c;
    setsockopt(me->fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
    step(me), interrupted(me, "recv with a time-out", recv(me->fd, &c, 1, 0));
}

CASE(with_SA_RESTART_reading_goes_on) {
    if (me->near) {
        step(me);
        for (int i = 0; i < 10; i++) { nap(0.01); kill(me->other, SIGUSR1); }
        put(me, 1000);
        step(me), step(me);
        for (int i = 0; i < 10; i++) { nap(0.005); put(me, 100); kill(me->other, SIGUSR1); }
        step(me);
        return;
    }
    handle(count, SA_RESTART);
    char a[1000];
    step(me);
    ssize_t r = recv(me->fd, a, 1000, 0);
    say(me, "recv %s", r > 0 ? "has bytes" : r ? strerrorname_np(errno) : "end");
    if (check(&me->in, a, r) != (size_t)r) say(me, "WRONG");
    take(me, 1000 - r);
    say(me, "seen %d", seen > 0);
    step(me), step(me);
    take(me, 1000);
    step(me);
}

CASE(WAITALL_returns_what_it_has_when_interrupted) {
    char a[1000];
    if (me->near) { put(me, 100); step(me); disturb(me); put(me, 400); step(me); return; }
    handle(count, 0);
    step(me);
    queued(me, 100);
    result(me, "recv WAITALL", recv(me->fd, a, 500, MSG_WAITALL));
    if (check(&me->in, a, 100) != 100) say(me, "WRONG");
    enough(me);
    take(me, 400);
    step(me);
}

CASE(sending_is_interrupted) {
    static char a[1 << 16];
    if (me->near) {
        step(me);
        disturb(me);
        size_t total;
        if (recv(me->sync, &total, sizeof total, 0) != sizeof total) fail(me, "sync");
        take(me, total);
        take(me, 1000);
        step(me);
        return;
    }
    handle(count, 0);
    step(me);
    size_t total = 0;
    for (;;) {
        struct stream before = me->out;
        fill(&me->out, a, sizeof a);
        ssize_t r = send(me->fd, a, sizeof a, 0);
        me->out = before;
        if (r < 0) { result(me, "send", r); break; }
        me->out.at += r, total += r;
    }
    enough(me);
    if (send(me->sync, &total, sizeof total, 0) != sizeof total) fail(me, "sync");
    put(me, 1000);
    step(me);
}

static sigjmp_buf back;
static void jump(int signal) { (void)signal; siglongjmp(back, 1); }

// The jump leaves a call that waits; nothing was lost, and the connection goes on.
CASE(a_handler_jumps_out_of_a_waiting_call) {
    if (me->near) {
        for (int i = 0; i < 5; i++) {
            step(me);
            nap(0.05);
            kill(me->other, SIGUSR1);
            step(me);
            put(me, 1000), take(me, 1000);
        }
        step(me);
        return;
    }
    char c;
    handle(jump, 0);
    struct pollfd p = {me->fd, POLLIN, 0};
    int ep = epoll_create1(0);
    struct epoll_event e = {EPOLLIN, {.fd = 1}};
    epoll_ctl(ep, EPOLL_CTL_ADD, me->fd, &e);
    for (volatile int i = 0; i < 5; i++) {
        if (!sigsetjmp(back, 1)) {
            step(me);
            if (i == 0) c = (char)read(me->fd, &c, 1);
            if (i == 1) c = (char)poll(&p, 1, -1);
            if (i == 2) c = (char)epoll_wait(ep, &e, 1, -1);
            if (i == 3) c = (char)recv(me->fd, &c, 1, MSG_WAITALL);
            if (i == 4) c = (char)recv(me->fd, &c, 1, MSG_PEEK);
            say(me, "WRONG: the call came back");
        }
        say(me, "jumped");
        step(me);
        take(me, 1000), put(me, 1000);
    }
    step(me);
}

static void *reads(void *at) {
    struct end *me = at;
    char c;
    return (void *)(intptr_t)read(me->fd, &c, 1);
}
static void *polls(void *at) {
    struct end *me = at;
    struct pollfd p = {me->fd, POLLIN, 0};
    return (void *)(intptr_t)poll(&p, 1, -1);
}
static void *waits(void *at) {
    struct end *me = at;
    int ep = epoll_create1(0);
    struct epoll_event e = {EPOLLIN, {.fd = 1}};
    epoll_ctl(ep, EPOLL_CTL_ADD, me->fd, &e);
    return (void *)(intptr_t)epoll_wait(ep, &e, 1, -1);
}

static void *selects(void *at) {
    struct end *me = at;
    fd_set in;
    FD_ZERO(&in);
    FD_SET(me->fd, &in);
    return (void *)(intptr_t)select(me->fd + 1, &in, NULL, NULL, NULL);
}
static void *messages(void *at) {
    struct end *me = at;
    char c;
    struct iovec v = {&c, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    return (void *)(intptr_t)recvmsg(me->fd, &m, MSG_WAITALL);
}
static int cleaned;
static void cleans(void *by) { cleaned += *(int *)by; }
static void *cleans_up(void *at) {
    int by = 10;
    void *result;
    pthread_cleanup_push(cleans, &by);
    result = reads(at);
    pthread_cleanup_pop(0);
    return result;
}
static void *disables(void *at) {
    struct end *me = at;
    char c;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    ssize_t got = read(me->fd, &c, 1);
    me->in.at++;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    return (void *)(intptr_t)(1000 + got);
}
static void *sends(void *at) {
    struct end *me = at;
    static char much[1 << 16];
    for (;;) if (write(me->fd, much, sizeof much) < 0) return NULL;
}
static void *is_cancelled_before(void *at) {
    struct end *me = at;
    char c;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cancel(pthread_self());
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    return (void *)(intptr_t)recv(me->fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
}

CASE(a_thread_is_cancelled_while_it_waits) {
    static const struct { const char *name; void *(*run)(void *); } bodies[] = {
        {"read", reads}, {"poll", polls}, {"epoll", waits}, {"select", selects}, {"recvmsg", messages}, {"read", cleans_up},
        {"a call afterwards", is_cancelled_before}, {"nothing", disables}, {"epoll", waits}, {"write", sends},
    };
    enum { BODIES = sizeof bodies / sizeof *bodies };
    for (int i = 0; i < BODIES; i++) {
        const int goes_on = bodies[i].run == disables;
        if (me->near) {
            step(me);
            if (goes_on) put(me, 1), step(me);
            if (bodies[i].run != sends) put(me, 1000), take(me, 1000);
            continue;
        }
        for (int round = 0; round < (goes_on || bodies[i].run == sends ? 1 : 5); round++) {
            pthread_t t;
            void *how;
            pthread_create(&t, NULL, bodies[i].run, me);
            nap(0.03);
            result(me, "cancel", pthread_cancel(t));
            if (goes_on) { step(me); step(me); }
            pthread_join(t, &how);
            say(me, "%s cancelled %d %ld", bodies[i].name, how == PTHREAD_CANCELED, goes_on ? (long)(intptr_t)how : 0);
        }
        if (!goes_on) step(me);
        if (bodies[i].run != sends) take(me, 1000), put(me, 1000);
    }
    if (!me->near) say(me, "cleaned up %d", cleaned);
    step(me);
}

static struct end *mine;
static void writes(int signal) { (void)signal; put(mine, 10); seen++; }

CASE(a_handler_writes_to_the_connection_that_is_read) {
    if (me->near) {
        step(me);
        for (int i = 0; i < 50; i++) { kill(me->other, SIGUSR1); take(me, 10); }
        put(me, 100);
        step(me);
        return;
    }
    mine = me;
    handle(writes, SA_RESTART);
    step(me);
    take(me, 100);
    say(me, "seen %d", seen);
    step(me);
}

CASE(waiting_with_another_mask_lets_a_pending_signal_in) {
    if (me->near) { for (int i = 0; i < 3; i++) { step(me); kill(me->other, SIGUSR1); step(me); } step(me); return; }
    handle(count, SA_RESTART);
    sigset_t blocked, open;
    sigemptyset(&open), sigemptyset(&blocked), sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    struct pollfd p = {me->fd, POLLIN, 0};
    struct timespec t = {20, 0};
    fd_set in;
    FD_ZERO(&in);
    FD_SET(me->fd, &in);
    int ep = epoll_create1(0);
    struct epoll_event e = {EPOLLIN, {.fd = 1}};
    epoll_ctl(ep, EPOLL_CTL_ADD, me->fd, &e);
    for (int i = 0; i < 3; i++) {
        step(me), step(me);
        say(me, "seen before %d", seen);
        if (i == 0) result(me, "ppoll", ppoll(&p, 1, &t, &open));
        if (i == 1) result(me, "pselect", pselect(me->fd + 1, &in, NULL, NULL, &t, &open));
        if (i == 2) result(me, "epoll_pwait", epoll_pwait(ep, &e, 1, 20000, &open));
        say(me, "seen after %d", seen);
    }
    step(me);
}

CASE(stopped_and_continued) {
    if (me->near) {
        step(me);
        nap(0.05);
        kill(me->other, SIGSTOP), nap(0.03), kill(me->other, SIGCONT);
        nap(0.03);
        put(me, 100);
        step(me);
        nap(0.05);
        kill(me->other, SIGSTOP);
        put(me, 100000);
        nap(0.03);
        kill(me->other, SIGCONT);
        step(me);
        return;
    }
    step(me);
    char a[100];
    result(me, "recv", recv(me->fd, a, 100, 0));
    if (check(&me->in, a, 100) != 100) say(me, "WRONG");
    step(me);
    take(me, 100000);
    step(me);
}

CASE(a_timer_interrupts_a_transfer) {
    handle(count, SA_RESTART);
    struct sigaction a = {.sa_handler = count, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &a, NULL);
    struct itimerval t = {{0, 300}, {0, 300}};
    setitimer(ITIMER_REAL, &t, NULL);
    for (int i = 0; i < 30; i++) {
        if (me->near) { put(me, 200000 + i); take(me, 100000 + i); }
        else { take(me, 200000 + i); put(me, 100000 + i); }
    }
    memset(&t, 0, sizeof t);
    setitimer(ITIMER_REAL, &t, NULL);
    say(me, "seen %d", seen > 0);
    step(me);
}

static void informed(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    seen += info->si_pid == getppid() || info->si_pid == getpid() ? 1 : 100;
}

// What a program is told about its handlers is what it set.
CASE(handlers_are_the_programs_own) {
    struct sigaction a = {.sa_sigaction = informed, .sa_flags = SA_SIGINFO | SA_RESTART | SA_NODEFER}, was;
    sigaddset(&a.sa_mask, SIGTERM);
    result(me, "sigaction", sigaction(SIGUSR2, &a, NULL));
    result(me, "sigaction", sigaction(SIGUSR2, NULL, &was));
    say(me, "handler %d flags %x mask %d", was.sa_sigaction == informed, was.sa_flags & ~0x04000000, sigismember(&was.sa_mask, SIGTERM));
    raise(SIGUSR2);
    say(me, "seen %d", seen);
    say(me, "signal returns %d", (void *)signal(SIGUSR2, SIG_IGN) == (void *)informed);
    say(me, "then ignored %d", signal(SIGUSR2, count) == SIG_IGN);
    say(me, "then count %d", signal(SIGUSR2, SIG_DFL) == count);
    result(me, "wrong number", sigaction(99, &a, NULL));
    result(me, "SIGKILL", sigaction(SIGKILL, &a, NULL));
    struct sigaction once = {.sa_handler = count, .sa_flags = SA_RESETHAND};
    sigaction(SIGUSR2, &once, NULL);
    raise(SIGUSR2);
    sigaction(SIGUSR2, NULL, &was);
    say(me, "once: default again %d, seen %d", was.sa_handler == SIG_DFL, seen);
    step(me);
}
