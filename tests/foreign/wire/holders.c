// Who holds the connection: copies of the descriptor, children, other programs, descriptors that are passed on.
#include "case.h"
#include <spawn.h>
#include <sys/syscall.h>

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

CASE(fork_while_sending) {
    enum { PART = 1 << 20 };
    if (me->near) {
        put(me, PART);
        pid_t child = fork();
        if (!child) { put(me, PART); _exit(0); }
        wait_for(me, child);
        struct stream skipped = me->out;
        skipped.at += PART;
        me->out = skipped;
        put(me, PART);
        shutdown(me->fd, SHUT_WR);
        step(me);
        return;
    }
    drain(me);
    step(me);
}

CASE(fork_while_receiving) {
    enum { PART = 1 << 20 };
    if (me->near) {
        take(me, PART);
        pid_t child = fork();
        if (!child) { take(me, PART); put(me, 100); _exit(0); }
        wait_for(me, child);
        me->in.at += PART;
        me->out.at += 100;
        take(me, PART);
        put(me, 1000);
        step(me);
        return;
    }
    put(me, 3 * PART);
    take(me, 1100);
    step(me);
}

// One process sends and the other receives, at the same time, for long.
CASE(child_reads_while_parent_writes) {
    enum { TOTAL = 4 << 20 };
    pid_t child = fork();
    if (!child) { take(me, TOTAL); _exit(0); }
    put(me, TOTAL);
    wait_for(me, child);
    step(me);
}

CASE(child_goes_on_when_the_parent_has_closed) {
    if (me->near) {
        int gate[2];
        char c;
        if (pipe(gate)) return;
        pid_t child = fork();
        if (!child) {
            close(gate[1]);
            if (read(gate[0], &c, 1) != 0) _exit(1);
            put(me, 300000);
            take(me, 1000);
            _exit(0);
        }
        close(me->fd);
        close(gate[0]), close(gate[1]);
        wait_for(me, child);
        return;
    }
    take(me, 300000);
    put(me, 1000);
    drain(me);
}

CASE(parent_goes_on_when_the_child_has_closed) {
    if (me->near) {
        put(me, 1000);
        pid_t child = fork();
        if (!child) { close(me->fd); _exit(0); }
        wait_for(me, child);
        put(me, 300000);
        take(me, 1000);
        step(me);
        return;
    }
    take(me, 301000);
    put(me, 1000);
    step(me);
}

CASE(children_of_children) {
    if (me->near) {
        for (int i = 0; i < 5; i++) {
            pid_t child = fork();
            if (child) { close(me->fd); wait_for(me, child); _exit(0); }
            put(me, 50000), take(me, 50000);
        }
        _exit(0);
    }
    for (int i = 0; i < 5; i++) { take(me, 50000); put(me, 50000); }
    drain(me);
}

// As PostgreSQL does it: the far end forks for each connection; messages enough that each is upgraded by itself.
CASE(fork_per_connection) {
    enum { CONNECTIONS = 6, ROUNDS = 300 };
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (me->near) {
        if (recv(me->sync, &address, sizeof address, MSG_WAITALL) != sizeof address) fail(me, "sync");
        int kept = me->fd;
        for (int i = 0; i < CONNECTIONS; i++) {
            me->fd = socket(address.ss_family, SOCK_STREAM, 0);
            if (connect(me->fd, (void *)&address, address.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)))
                fail(me, "connect");
            me->out = (struct stream){10 + i, 0}, me->in = (struct stream){30 + i, 0};
            for (int r = 0; r < ROUNDS; r++) { put(me, 100 + r); take(me, 200 + r); }
            close(me->fd);
        }
        me->fd = kept;
        say(me, "all right");
        step(me);
        return;
    }
    int listening = listener(&address, &length);
    if (send(me->sync, &address, sizeof address, 0) != sizeof address) fail(me, "sync");
    pid_t children[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++) {
        int fd = accept(listening, NULL, NULL);
        if (fd < 0) fail(me, "accept");
        children[i] = fork();
        if (!children[i]) {
            close(listening), close(me->fd);
            me->fd = fd;
            me->out = (struct stream){30 + i, 0}, me->in = (struct stream){10 + i, 0};
            for (int r = 0; r < ROUNDS; r++) { take(me, 100 + r); put(me, 200 + r); }
            _exit(0);
        }
        close(fd);
    }
    for (int i = 0; i < CONNECTIONS; i++) wait_for(me, children[i]);
    step(me);
}

// As nginx does it: children accept on the listening socket that they inherited.
CASE(children_accept) {
    enum { CHILDREN = 3, ROUNDS = 300 };
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    if (me->near) {
        if (recv(me->sync, &address, sizeof address, MSG_WAITALL) != sizeof address) fail(me, "sync");
        int kept = me->fd;
        for (int i = 0; i < CHILDREN; i++) {
            me->fd = socket(address.ss_family, SOCK_STREAM, 0);
            if (connect(me->fd, (void *)&address, address.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)))
                fail(me, "connect");
            me->out = (struct stream){10, 0}, me->in = (struct stream){30, 0};
            for (int r = 0; r < ROUNDS; r++) { put(me, 100 + r); take(me, 200 + r); }
            close(me->fd);
        }
        me->fd = kept;
        step(me);
        return;
    }
    int listening = listener(&address, &length);
    pid_t children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        if (!children[i]) {
            close(me->fd);
            me->fd = accept(listening, NULL, NULL);
            me->out = (struct stream){30, 0}, me->in = (struct stream){10, 0};
            for (int r = 0; r < ROUNDS; r++) { take(me, 100 + r); put(me, 200 + r); }
            _exit(0);
        }
    }
    if (send(me->sync, &address, sizeof address, 0) != sizeof address) fail(me, "sync");
    for (int i = 0; i < CHILDREN; i++) wait_for(me, children[i]);
    step(me);
}

CASE(copies_of_the_descriptor) {
    int by_dup = dup(me->fd), by_dup2 = dup2(me->fd, 200), by_dup3 = dup3(me->fd, 201, O_CLOEXEC);
    int by_fcntl = fcntl(me->fd, F_DUPFD, 300), by_cloexec = fcntl(me->fd, F_DUPFD_CLOEXEC, 300);
    say(me, "%d %d %d %d", by_dup2, by_dup3, by_fcntl, by_cloexec);
    result(me, "dup3 onto itself", dup3(me->fd, me->fd, 0));
    result(me, "dup2 onto itself", dup2(me->fd, me->fd) == me->fd);
    say(me, "close-on-exec %d %d %d", fcntl(by_dup3, F_GETFD), fcntl(by_cloexec, F_GETFD), fcntl(by_fcntl, F_GETFD));
    int copies[] = {me->fd, by_dup, by_dup2, by_dup3, by_fcntl, by_cloexec};
    for (int i = 0; i < 600; i++) {
        me->fd = copies[i % 6];
        if (me->near) { put(me, 100 + i); take(me, 100 + i); } else { take(me, 100 + i); put(me, 100 + i); }
    }
    for (int i = 0; i < 5; i++) close(copies[i]);
    me->fd = by_cloexec;
    if (me->near) { put(me, 100000); take(me, 100000); } else { take(me, 100000); put(me, 100000); }
    step(me);
    if (me->near) { close(me->fd); return; }
    drain(me);
}

CASE(flags_are_the_copies_own_or_shared) {
    int copy = dup(me->fd);
    char c;
    nonblocking(copy, 1);
    result(me, "read", read(me->fd, &c, 1));
    nonblocking(me->fd, 0);
    say(me, "%x", fcntl(copy, F_GETFL));
    step(me);
    shutdown(copy, SHUT_WR);
    result(me, "send", send(me->fd, &c, 1, MSG_NOSIGNAL));
    drain(me);
    step(me);
}

CASE(number_is_used_again_for_a_file) {
    if (me->near) {
        int number = me->fd, copy = dup(me->fd), file = memfd_create("file", 0);
        result(me, "dup2", dup2(file, number) == number);
        if (write(number, "to the file", 11) != 11) fail(me, "write");
        char a[20] = "";
        result(me, "file has", pread(file, a, 20, 0));
        say(me, "%s", a);
        me->fd = copy;
        put(me, 1000), take(me, 1000);
        close(copy);
        step(me);
        return;
    }
    take(me, 1000), put(me, 1000);
    drain(me);
    step(me);
}

CASE(number_is_used_again_for_another_connection) {
    if (me->near) {
        struct sockaddr_storage address;
        int number = me->fd;
        if (recv(me->sync, &address, sizeof address, MSG_WAITALL) != sizeof address) fail(me, "sync");
        for (int i = 0; i < 20; i++) {
            close(me->fd);
            me->fd = socket(address.ss_family, SOCK_STREAM, 0);
            if (me->fd != number) { say(me, "number %d instead of %d", me->fd, number); }
            if (connect(me->fd, (void *)&address, address.ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)))
                fail(me, "connect");
            me->out.at = me->in.at = 0;
            for (int r = 0; r < 100; r++) { put(me, 1000); take(me, 1000); }
        }
        close(me->fd);
        return;
    }
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    int listening = listener(&address, &length);
    if (send(me->sync, &address, sizeof address, 0) != sizeof address) fail(me, "sync");
    for (int i = 0; i < 20; i++) {
        drain(me);
        close(me->fd);
        me->fd = accept(listening, NULL, NULL);
        me->out.at = me->in.at = 0;
        for (int r = 0; r < 100; r++) { take(me, 1000); put(me, 1000); }
    }
    drain(me);
}

CASE(ranges_are_closed) {
    if (me->near) {
        int copy = dup2(me->fd, 400);
        close(me->fd);
        result(me, "close_range", close_range(me->fd, 399, 0));
        me->fd = copy;
        put(me, 1000), take(me, 1000);
        result(me, "close_range", close_range(400, 899, CLOSE_RANGE_CLOEXEC));
        say(me, "close-on-exec %d", fcntl(400, F_GETFD));
        put(me, 1000);
        result(me, "close_range", close_range(3, 899, 0));
        result(me, "closed", fcntl(400, F_GETFD));
        return;
    }
    take(me, 1000), put(me, 1000);
    drain(me);
}

CASE(closefrom_in_a_child) {
    if (me->near) {
        pid_t child = fork();
        if (!child) { closefrom(3); _exit(0); }
        wait_for(me, child);
        put(me, 100000), take(me, 1000);
        child = fork();
        if (!child) { put(me, 1000); closefrom(3); _exit(0); }
        close(me->fd);
        wait_for(me, child);
        return;
    }
    take(me, 100000), put(me, 1000);
    drain(me);
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

CASE(a_failed_exec_changes_nothing) {
    if (me->near) {
        put(me, 1000);
        result(me, "exec", execl("/nonexistent", "nonexistent", (char *)NULL));
        put(me, 100000), take(me, 1000);
        step(me);
        return;
    }
    take(me, 101000), put(me, 1000);
    step(me);
}

CASE(programs_started_beside_change_nothing) {
    if (me->near) {
        fcntl(me->fd, F_SETFD, FD_CLOEXEC);
        for (int i = 0; i < 5; i++) {
            put(me, 10000);
            result(me, "system", system("true"));
            FILE *f = popen("echo word", "r");
            char word[20] = "";
            if (!fgets(word, sizeof word, f)) say(me, "no word");
            result(me, "pclose", pclose(f));
            take(me, 1000);
        }
        step(me);
        return;
    }
    for (int i = 0; i < 5; i++) { take(me, 10000); put(me, 1000); }
    step(me);
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

// The child of a vfork edits its table only; the parent goes on as if nothing had been.
CASE(a_child_of_vfork_closes_what_the_parent_goes_on_with) {
    if (me->near) {
        put(me, 1000);
        for (int i = 0; i < 10; i++) {
            pid_t child = vfork();
            if (!child) { dup2(1, 500); close(me->fd); execlp("true", "true", (char *)NULL); _exit(127); }
            wait_for(me, child);
            put(me, 20000), take(me, 1000);
        }
        step(me);
        return;
    }
    take(me, 1000);
    for (int i = 0; i < 10; i++) { take(me, 20000); put(me, 1000); }
    step(me);
}

static void pass(struct end *me, int by, int fd) {
    char c = 'x';
    struct iovec v = {&c, 1};
    union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr head; } control;
    memset(&control, 0, sizeof control);
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    control.head = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
    if (sendmsg(by, &m, 0) != 1) fail(me, "pass");
}

static int passed(struct end *me, int by) {
    char c;
    int fd = -1;
    struct iovec v = {&c, 1};
    union { char bytes[CMSG_SPACE(sizeof(int))]; struct cmsghdr head; } control;
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    if (recvmsg(by, &m, 0) != 1 || control.head.cmsg_type != SCM_RIGHTS) fail(me, "passed");
    memcpy(&fd, CMSG_DATA(&control.head), sizeof fd);
    return fd;
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

CASE(a_raw_copy_is_the_same_connection) {
    if (me->near) {
        int copy = (int)syscall(SYS_dup, me->fd);
        put(me, 1000);
        close(me->fd);
        me->fd = copy;
        put(me, 1000), take(me, 1000);
        step(me);
        return;
    }
    take(me, 2000), put(me, 1000);
    step(me);
}
