// The connection is handed on: to another program, with the library or static, or to another process.
#include "case.h"
#include "passing.h"
#include <spawn.h>

static void wait_for(struct end *me, pid_t child) {
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (WIFSIGNALED(status)) say(me, "child ended by signal %d", WTERMSIG(status));
    else say(me, "child ended with %d", WEXITSTATUS(status));
}

// A program beside this one, which goes on with the connection.
static const char *beside(const char *name) {
    static char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 100);
    path[n < 0 ? 0 : n] = 0;
    char *slash = strrchr(path, '/');
    strcpy(slash ? slash + 1 : path, name);
    return path;
}

// Becomes `program`, which goes on with the connection.
static void become(struct end *me, const char *program, const char *fd, const char *way, int rounds) {
    char number[20], out[30], in[30], log[20], count[20];
    snprintf(number, sizeof number, "%d", me->fd), snprintf(log, sizeof log, "%d", me->log);
    snprintf(out, sizeof out, "%llu", (unsigned long long)me->out.at);
    snprintf(in, sizeof in, "%llu", (unsigned long long)me->in.at);
    snprintf(count, sizeof count, "%d", rounds);
    execl(beside(program), program, fd ? fd : number, out, in, log, way, count, (char *)NULL);
    fail(me, "exec");
}

// Sends and receives what a program wants that goes on for so many rounds.
static void answer(struct end *me, int rounds) {
    for (int i = 0; i < rounds; i++) { put(me, 1000); take(me, 1000); }
}

static void go_on(struct end *me, const char *program) {
    if (me->near) {
        char fd[20], out[30], in[30], log[20];
        put(me, 5000);
        snprintf(fd, sizeof fd, "%d", me->fd), snprintf(log, sizeof log, "%d", me->log);
        snprintf(out, sizeof out, "%llu", (unsigned long long)me->out.at);
        snprintf(in, sizeof in, "%llu", (unsigned long long)me->in.at);
        execl(beside(program), program, fd, out, in, log, (char *)NULL);
        fail(me, "exec");
    }
    take(me, 5000);
    for (int i = 0; i < 200; i++) { put(me, 1000); take(me, 1000); }
    drain(me);
}

CASE(another_program_goes_on) { go_on(me, "goes_on"); }
CASE(a_static_program_goes_on) { go_on(me, "goes_on_static"); }

// Bytes lie unread in the connection when the other program takes over.
CASE(another_program_finds_the_bytes_that_lie_there) {
    if (me->near) {
        step(me);
        queued(me, 50000);
        step(me);
        char fd[20], log[20];
        snprintf(fd, sizeof fd, "%d", me->fd), snprintf(log, sizeof log, "%d", me->log);
        execl(beside("goes_on"), "goes_on", fd, "0", "0", log, (char *)NULL);
        fail(me, "exec");
    }
    put(me, 50000);
    step(me), step(me);
    for (int i = 0; i < 150; i++) put(me, 1000);
    take(me, 200 * 1000);
    drain(me);
}

static void echoed(struct end *me) {
    struct stream back = me->out;
    for (int i = 0; i < 40; i++) {
        put(me, 1000);
        struct stream in = me->in;
        me->in = back;
        take(me, 1000);
        back = me->in;
        me->in = in;
    }
    say(me, "came back");
    shutdown(me->fd, SHUT_WR);
    drain(me);
}

CASE(cat_is_spawned_on_the_connection) {
    if (!me->near) { echoed(me); return; }
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, me->fd, 0);
    posix_spawn_file_actions_adddup2(&actions, me->fd, 1);
    posix_spawn_file_actions_addclose(&actions, me->fd);
    char *const argv[] = {"cat", NULL};
    extern char **environ;
    pid_t child;
    int r = posix_spawnp(&child, "cat", &actions, NULL, argv, environ);
    say(me, "spawn %d", r);
    wait_for(me, child);
    close(me->fd);
}

CASE(cat_is_started_by_vfork) {
    if (!me->near) { echoed(me); return; }
    pid_t child = vfork();
    if (!child) {
        dup2(me->fd, 0), dup2(me->fd, 1), close(me->fd);
        execlp("cat", "cat", (char *)NULL);
        _exit(127);
    }
    wait_for(me, child);
    say(me, "still mine %d", fcntl(me->fd, F_GETFD) >= 0);
    close(me->fd);
}

CASE(passed_to_oneself) {
    if (me->near) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) return;
        put(me, 1000);
        pass(me, pair[0], me->fd);
        close(me->fd);
        me->fd = passed(me, pair[1]);
        put(me, 100000), take(me, 100000);
        step(me);
        return;
    }
    take(me, 101000), put(me, 100000);
    step(me);
}

// To a process that was there before the connection was warm, has closed it and gets it again.
CASE(passed_to_another_process) {
    if (me->near) {
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) return;
        pid_t child = fork();
        if (!child) {
            close(me->fd);
            me->out.at = 1000;
            me->fd = passed(me, pair[1]);
            put(me, 100000), take(me, 100000);
            _exit(0);
        }
        put(me, 1000);
        pass(me, pair[0], me->fd);
        close(me->fd);
        wait_for(me, child);
        return;
    }
    take(me, 101000), put(me, 100000);
    drain(me);
}


// Both buffers hold bytes when the program begins.
static void with_bytes_both_ways(struct end *me, const char *program) {
    enum { BEFORE = 60000 };
    put(me, BEFORE);
    step(me);
    if (me->near) become(me, program, NULL, "both", 200);
    put(me, 200000 - BEFORE);
    take(me, BEFORE + 200000);
    drain(me);
}

CASE(another_program_and_both_ways_hold_bytes) { with_bytes_both_ways(me, "goes_on"); }
CASE(a_static_program_and_both_ways_hold_bytes) { with_bytes_both_ways(me, "goes_on_static"); }

// A child of the far end writes without end, so that its buffer is full all the time, and the far end reads slowly.
static void in_the_midst(struct end *me, const char *program) {
    enum { ROUNDS = 3000, BEFORE = 1000000 };
    if (me->near) {
        put(me, 300000);
        take(me, BEFORE);
        become(me, program, NULL, "both", ROUNDS);
    }
    pid_t child = fork();
    if (!child) { put(me, BEFORE + 1000 * ROUNDS); _exit(0); }
    for (int i = 0; i < 100; i++) { take(me, 1000); nap(0.0005); }
    take(me, 200000 + 1000 * ROUNDS);
    wait_for(me, child);
    drain(me);
}

CASE(another_program_in_the_midst_of_a_transfer) { in_the_midst(me, "goes_on"); }
CASE(a_static_program_in_the_midst_of_a_transfer) { in_the_midst(me, "goes_on_static"); }

CASE(another_program_registers_it_in_a_set) {
    if (me->near) become(me, "goes_on", NULL, "epoll", 300);
    answer(me, 300);
    drain(me);
}

// The far end sleeps in an epoll set when bytes of it lie unread and the program begins, and sends as many as it gets.
static void to_one_that_sleeps_in_a_set(struct end *me, const char *program, uint32_t edge) {
    enum { AHEAD = 50000, ROUNDS = 200 };
    if (me->near) {
        step(me);
        queued(me, AHEAD);
        nap(0.05);
        become(me, program, NULL, "both", ROUNDS);
    }
    put(me, AHEAD);
    step(me);
    nonblocking(me->fd, 1);
    int set = epoll_create1(0);
    struct epoll_event event = {EPOLLIN | EPOLLOUT | edge, {.fd = me->fd}};
    epoll_ctl(set, EPOLL_CTL_ADD, me->fd, &event);
    size_t got = 0, sent = AHEAD, most = ROUNDS * 1000;
    while (got < most || sent < most) {
        static char bytes[5000];
        ssize_t n;
        if (!edge) {
            event.events = EPOLLIN | (sent < got && sent < most ? EPOLLOUT : 0);
            epoll_ctl(set, EPOLL_CTL_MOD, me->fd, &event);
        }
        if (epoll_wait(set, &event, 1, 20000) != 1) fail(me, "epoll_wait");
        for (n = 1; got < most && (n = read(me->fd, bytes, sizeof bytes)) > 0; got += n)
            if (check(&me->in, bytes, n) != (size_t)n) { say(me, "WRONG byte"); _exit(92); }
        if (n == 0 || (n < 0 && errno != EAGAIN)) fail(me, "read");
        while (sent < most && sent < got + AHEAD) {
            struct stream ahead = me->out;
            size_t wanted = got + AHEAD - sent;
            if (wanted > sizeof bytes) wanted = sizeof bytes;
            if (wanted > most - sent) wanted = most - sent;
            fill(&ahead, bytes, wanted);
            if ((n = write(me->fd, bytes, wanted)) <= 0) break;
            me->out.at += n, sent += n;
        }
    }
    nonblocking(me->fd, 0);
    say(me, "all sent and got");
    drain(me);
}

CASE(another_program_and_a_far_end_in_a_set) { to_one_that_sleeps_in_a_set(me, "goes_on", 0); }
CASE(a_static_program_and_a_far_end_in_an_edge_triggered_set) { to_one_that_sleeps_in_a_set(me, "goes_on_static", EPOLLET); }

// The far end sleeps in poll for bytes alone.
CASE(a_static_program_and_a_far_end_in_poll) {
    if (me->near) {
        step(me);
        queued(me, 50000);
        nap(0.05);
        become(me, "goes_on_static", NULL, "both", 50);
    }
    put(me, 50000);
    step(me);
    struct pollfd p = {me->fd, POLLIN, 0};
    result(me, "poll", poll(&p, 1, 20000));
    take(me, 50000);
    drain(me);
}

// Processes of the far end share it: one reads, one writes.
CASE(a_static_program_and_a_far_end_of_two_processes) {
    enum { ROUNDS = 1000 };
    if (me->near) {
        step(me);
        queued(me, 20000);
        step(me);
        become(me, "goes_on_static", NULL, "both", ROUNDS);
    }
    put(me, 20000);
    step(me), step(me);
    pid_t child = fork();
    if (!child) { take(me, ROUNDS * 1000); _exit(0); }
    put(me, ROUNDS * 1000 - 20000);
    wait_for(me, child);
    me->in.at += ROUNDS * 1000;
    drain(me);
}

// As an inetd does it.
static void served_by_cat(struct end *me, int by_far) {
    if (me->near != by_far) {
        pid_t child = fork();
        if (!child) {
            dup2(me->fd, 0), dup2(me->fd, 1), close(me->fd);
            execlp("cat", "cat", (char *)NULL);
            _exit(127);
        }
        close(me->fd);
        wait_for(me, child);
        return;
    }
    echoed(me);
}

CASE(near_is_served_by_cat) { served_by_cat(me, 1); }
CASE(far_is_served_by_cat) { served_by_cat(me, 0); }

// The program goes on in a child; its parent does before and after it.
CASE(a_program_and_then_its_parent_again) {
    if (me->near) {
        put(me, 1000);
        pid_t child = fork();
        if (!child) become(me, "goes_on", NULL, "both", 200);
        wait_for(me, child);
        me->in.at += 200000, me->out.at += 200000;
        put(me, 5000), take(me, 5000);
        step(me);
        return;
    }
    take(me, 1000);
    answer(me, 200);
    take(me, 5000), put(me, 5000);
    step(me);
}

CASE(a_program_reads_one_way_and_its_parent_writes_the_other) {
    enum { BYTES = 2000000 };
    if (me->near) {
        pid_t child = fork();
        if (!child) become(me, "goes_on_static", NULL, "reads", BYTES / 1000);
        put(me, BYTES);
        wait_for(me, child);
        step(me);
        return;
    }
    pid_t child = fork();
    if (!child) { put(me, BYTES); _exit(0); }
    take(me, BYTES);
    wait_for(me, child);
    step(me);
}

CASE(another_program_of_a_connection_that_sends_no_more) {
    if (me->near) {
        put(me, 70000);
        shutdown(me->fd, SHUT_WR);
        become(me, "goes_on_static", NULL, "reads", 300);
    }
    put(me, 20000);
    drain(me);
    put(me, 280000);
    char c;
    result(me, "read", read(me->fd, &c, 1));
}

CASE(another_program_of_a_connection_that_receives_no_more) {
    if (me->near) {
        drain(me);
        put(me, 5000);
        become(me, "goes_on_static", NULL, "writes", 300);
    }
    put(me, 70000);
    shutdown(me->fd, SHUT_WR);
    take(me, 305000);
    drain(me);
}

// Far ends its stream while the program goes on, before it has looked at the connection again.
CASE(the_far_end_shuts_when_a_program_has_taken_over) {
    if (me->near) {
        step(me);
        queued(me, 50000);
        step(me);
        become(me, "goes_on_static", NULL, "reads", 50);
    }
    put(me, 50000);
    step(me), step(me);
    nap(0.5);
    shutdown(me->fd, SHUT_WR);
    drain(me);
}

CASE(the_far_end_closes_when_a_program_has_taken_over) {
    if (me->near) {
        step(me);
        queued(me, 50000);
        step(me);
        become(me, "goes_on_static", NULL, "reads", 50);
    }
    put(me, 50000);
    step(me), step(me);
    nap(0.5);
    close(me->fd);
}

CASE(the_far_end_exits_when_a_program_has_taken_over) {
    if (me->near) {
        step(me);
        queued(me, 50000);
        step(me);
        become(me, "goes_on_static", NULL, "reads", 50);
    }
    put(me, 50000);
    step(me), step(me);
    nap(0.5);
    say(me, "exits");
    _exit(0);
}

// Both ends become programs at once.
CASE(both_become_programs) {
    put(me, 30000), take(me, 30000);
    step(me);
    if (me->near) become(me, "goes_on_static", NULL, "both", 100);
    become(me, "goes_on_static", NULL, "other", 100);
}

// To a process that knows nothing of the library: it is there before, and gets the descriptor by a Unix socket.
static void to_a_process(struct end *me, const char *program, const char *way, int late) {
    enum { AHEAD = 20000, ROUNDS = 300 };
    if (!me->near) {
        put(me, AHEAD);
        step(me), step(me);
        put(me, ROUNDS * 1000 - AHEAD);
        take(me, ROUNDS * 1000);
        if (!strcmp(way, "returns")) { take(me, 5000); put(me, 5000); }
        drain(me);
        return;
    }
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) fail(me, "socketpair");
    step(me);
    queued(me, AHEAD);
    step(me);
    pid_t child = fork();
    if (!child) {
        close(me->fd), close(pair[0]);
        if (late) nap(0.3);
        char by[20];
        snprintf(by, sizeof by, "@%d", pair[1]);
        become(me, program, by, way, ROUNDS);
    }
    close(pair[1]);
    pass(me, pair[0], me->fd);
    close(me->fd);
    if (!strcmp(way, "returns")) {
        me->fd = passed(me, pair[0]);
        me->in.at += ROUNDS * 1000, me->out.at += ROUNDS * 1000;
        put(me, 5000), take(me, 5000);
    }
    wait_for(me, child);
}

CASE(passed_to_a_program) { to_a_process(me, "goes_on", "both", 0); }
CASE(passed_to_a_static_program) { to_a_process(me, "goes_on_static", "both", 0); }
CASE(passed_to_a_static_program_that_takes_it_late) { to_a_process(me, "goes_on_static", "both", 1); }
CASE(passed_to_a_program_and_back) { to_a_process(me, "goes_on", "returns", 0); }
CASE(passed_to_a_static_program_and_back) { to_a_process(me, "goes_on_static", "returns", 1); }

// Who is to get the descriptor is killed before it took it, or after.
static void passed_to_one_that_is_killed(struct end *me, int takes_it) {
    if (!me->near) {
        take(me, 1000);
        drain(me);
        return;
    }
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) fail(me, "socketpair");
    put(me, 1000);
    pid_t child = fork();
    if (!child) {
        close(me->fd), close(pair[0]);
        if (takes_it) { passed(me, pair[1]); send(pair[1], "t", 1, 0); }
        for (;;) nap(10);
    }
    close(pair[1]);
    pass(me, pair[0], me->fd);
    close(me->fd);
    char c;
    if (takes_it && recv(pair[0], &c, 1, 0) != 1) fail(me, "taken");
    kill(child, SIGKILL);
    wait_for(me, child);
}

CASE(passed_to_one_that_is_killed_before_it_took_it) { passed_to_one_that_is_killed(me, 0); }
CASE(passed_to_one_that_is_killed_with_it) { passed_to_one_that_is_killed(me, 1); }
