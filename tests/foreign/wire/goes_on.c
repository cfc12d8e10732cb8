// Goes on with a connection that another program began: messages each way, then ends.
// usage: goes_on FD SENT RECEIVED LOG [WAY ROUNDS]
// FD of @N: it comes by the Unix socket N. WAY: both (each message is answered), reads, writes, epoll (both, without waiting in
// calls), other (both, as the end that accepted, which sends first), returns (both, and sends the descriptor back).
#define WIRE_OWN_MAIN
#include "case.h"
#include "passing.h"

// As put and take, but sleeping in an epoll set alone.
static void by_epoll(struct end *me, int rounds) {
    int set = epoll_create1(0);
    struct epoll_event event = {EPOLLIN, {.fd = me->fd}};
    nonblocking(me->fd, 1);
    if (epoll_ctl(set, EPOLL_CTL_ADD, me->fd, &event)) fail(me, "epoll_ctl");
    for (uint64_t left = 1000 * (uint64_t)rounds, out = left; left || out;) {
        static char bytes[1000];
        event.events = (left ? EPOLLIN : 0) | (out > left || !left ? EPOLLOUT : 0);
        if (epoll_ctl(set, EPOLL_CTL_MOD, me->fd, &event)) fail(me, "epoll_ctl");
        if (epoll_wait(set, &event, 1, 20000) != 1) fail(me, "epoll_wait");
        if (event.events & EPOLLIN) {
            ssize_t n = read(me->fd, bytes, left < sizeof bytes ? left : sizeof bytes);
            if (n == 0 || (n < 0 && errno != EAGAIN)) fail(me, "read");
            if (n > 0 && check(&me->in, bytes, n) != (size_t)n) { say(me, "WRONG byte"); _exit(92); }
            if (n > 0) left -= n;
        }
        if (event.events & EPOLLOUT) {
            struct stream ahead = me->out;
            size_t most = out < sizeof bytes ? out : sizeof bytes;
            fill(&ahead, bytes, most);
            ssize_t n = write(me->fd, bytes, most);
            if (n < 0 && errno != EAGAIN) fail(me, "write");
            if (n > 0) me->out.at += n, out -= n;
        }
    }
    nonblocking(me->fd, 0);
}

int main(int argc, char **argv) {
    if (argc != 5 && argc != 7) return 2;
    const char *way = argc > 5 ? argv[5] : "both";
    int rounds = argc > 5 ? atoi(argv[6]) : 200, by = argv[1][0] == '@' ? atoi(argv[1] + 1) : -1;
    struct end me = {atoi(argv[1]), 1, -1, atoi(argv[4]), {1, strtoull(argv[2], NULL, 10)}, {2, strtoull(argv[3], NULL, 10)}, 0};
    if (by >= 0) me.fd = passed(&me, by);
    say(&me, "the program goes on");
    if (!strcmp(way, "other")) {
        me.out.key = 2, me.in.key = 1;
        for (int i = 0; i < rounds; i++) { put(&me, 1000); take(&me, 1000); }
    } else if (!strcmp(way, "reads")) take(&me, 1000 * (size_t)rounds);
    else if (!strcmp(way, "writes")) put(&me, 1000 * (size_t)rounds);
    else if (!strcmp(way, "epoll")) by_epoll(&me, rounds);
    else for (int i = 0; i < rounds; i++) { take(&me, 1000); put(&me, 1000); }
    if (!strcmp(way, "returns")) pass(&me, by, me.fd);
    say(&me, "done");
    return 0;
}
