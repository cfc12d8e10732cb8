// Who holds the connection: copies of the descriptor, children, and what is begun beside.
#include "case.h"
#include <sys/syscall.h>

static void wait_for(struct end *me, pid_t child) {
    int status;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    if (WIFSIGNALED(status)) say(me, "child ended by signal %d", WTERMSIG(status));
    else say(me, "child ended with %d", WEXITSTATUS(status));
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
