// Bytes in both directions of one connection until a file appears; each end knows what it has to receive, and compares every byte.
//
// drains WAY serve ADDRESS PORT STOP | drains WAY connect ADDRESS PORT STOP FROM
// WAY: threads (blocking calls), epoll, poll. Prints how many bytes it has sent and received, and "wrong" where one differs.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PIECE 50000

static int fd, serves, over;
static const char *stop;
static uint64_t sent, received;

static void fail(const char *what) {
    printf("%s: %s after %llu sent, %llu received\n", what, strerror(errno), (unsigned long long)sent, (unsigned long long)received);
    exit(1);
}

// The bytes that side `of` sends from `at` on: no two places within a long way have the same eight.
static void fill(unsigned char *bytes, uint64_t at, size_t length, int of) {
    for (size_t i = 0; i < length; i++) {
        uint64_t place = at + i, word = (place / 8 + 1) * (of ? 0x9e3779b97f4a7c15u : 0xbf58476d1ce4e5b9u);
        bytes[i] = (unsigned char)((word ^ word >> 29) >> 8 * (place % 8));
    }
}

static int stopped(void) {
    static unsigned looks;
    return looks++ % 16 == 0 && access(stop, F_OK) == 0;
}

// Sends a piece; 0 when there is no room, and after the end.
static int send_some(void) {
    static unsigned char piece[PIECE];
    if (over)
        return 0;
    if (stopped()) {
        over = 1;
        if (shutdown(fd, SHUT_WR))
            fail("shutdown");
        return 0;
    }
    // Lengths of all kinds.
    size_t length = 1 + sent * 2654435761u % PIECE;
    fill(piece, sent, length, serves);
    ssize_t bytes = send(fd, piece, length, MSG_NOSIGNAL);
    if (bytes < 0 && errno != EAGAIN && errno != EINTR)
        fail("send");
    sent += bytes > 0 ? (uint64_t)bytes : 0;
    return bytes > 0;
}

// Receives a piece; 0 when there is nothing, -1 at the end.
static int receive_some(void) {
    static unsigned char piece[PIECE], wanted[PIECE];
    ssize_t bytes = recv(fd, piece, 1 + received * 40503u % PIECE, 0);
    if (bytes < 0 && errno != EAGAIN && errno != EINTR)
        fail("recv");
    if (bytes <= 0)
        return bytes == 0 ? -1 : 0;
    fill(wanted, received, (size_t)bytes, !serves);
    for (ssize_t i = 0; i < bytes; i++)
        if (piece[i] != wanted[i]) {
            printf("wrong: byte %llu\n", (unsigned long long)(received + (uint64_t)i));
            exit(1);
        }
    received += (uint64_t)bytes;
    return 1;
}

static void *sends(void *unused) {
    while (!over)
        send_some();
    return unused;
}

static void by_threads(void) {
    pthread_t thread;
    pthread_create(&thread, NULL, sends, NULL);
    while (receive_some() >= 0)
        ;
    pthread_join(thread, NULL);
}

static void by_poll(void) {
    for (int ended = 0; !ended || !over;) {
        struct pollfd one = {fd, (short)((over ? 0 : POLLOUT) | (ended ? 0 : POLLIN)), 0};
        if (poll(&one, 1, 20000) == 0)
            printf("nothing for 20 s after %llu sent, %llu received\n", (unsigned long long)sent, (unsigned long long)received);
        if (one.revents & (POLLIN | POLLHUP) && !ended)
            ended = receive_some() < 0;
        if (one.revents & POLLOUT)
            send_some();
    }
}

static void by_epoll(void) {
    int set = epoll_create1(0);
    struct epoll_event event = {EPOLLIN | EPOLLOUT | EPOLLET, {.fd = fd}};
    if (epoll_ctl(set, EPOLL_CTL_ADD, fd, &event))
        fail("epoll_ctl");
    for (int ended = 0; !ended || !over;) {
        if (epoll_wait(set, &event, 1, 20000) == 0)
            printf("nothing for 20 s after %llu sent, %llu received\n", (unsigned long long)sent, (unsigned long long)received);
        for (int more = 1; more;) {
            int got = ended ? 0 : receive_some();
            ended |= got < 0;
            more = (got > 0) | send_some();
        }
    }
}

int main(int count, char **words) {
    if (count < 6)
        return 2;
    const char *way = words[1];
    serves = strcmp(words[2], "serve") == 0;
    stop = words[5];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[4]))};
    inet_pton(AF_INET, words[3], &address.sin_addr);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    if (serves) {
        int one = 1, listener = fd;
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1))
            fail("listen");
        printf("listens\n");
        fflush(stdout);
        fd = accept(listener, NULL, NULL);
    } else {
        struct sockaddr_in from = {.sin_family = AF_INET};
        inet_pton(AF_INET, words[6], &from.sin_addr);
        if (bind(fd, (struct sockaddr *)&from, sizeof from))
            fail("bind");
        if (connect(fd, (struct sockaddr *)&address, sizeof address))
            fail("connect");
    }
    if (fd < 0)
        fail("accept");
    if (strcmp(way, "threads"))
        fcntl(fd, F_SETFL, O_NONBLOCK);
    strcmp(way, "threads") == 0 ? by_threads() : strcmp(way, "poll") == 0 ? by_poll() : by_epoll();
    printf("sent %llu received %llu\n", (unsigned long long)sent, (unsigned long long)received);
    return 0;
}
