// One end is killed at a random moment, again and again; the other checks what it still gets, that it learns of it, and that
// nothing of it stays.
//
// usage: survive SEED ROUNDS       prints one line for each round that was wrong, then what came of all.
#define WIRE_OWN_MAIN
#include "case.h"
#include <dirent.h>
#include <pthread.h>

enum { PING_PONG, VICTIM_SENDS, SURVIVOR_SENDS, BOTH_SEND, VICTIM_HALF_CLOSES, SURVIVOR_HALF_CLOSES, MANNERS };
static const char *const names[] = {"ping-pong", "victim sends", "survivor sends", "both send", "victim half-closes", "survivor half-closes"};

static uint64_t roll(uint64_t *state) {
    *state += 0x9E3779B97F4A7C15ull;
    uint64_t x = *state;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ x >> 27) * 0x94D049BB133111EBull;
    return x ^ x >> 31;
}

static void wrong(struct end *me, const char *what) {
    say(me, "WRONG: %s (%s), sent %llu, received %llu", what, strerrorname_np(errno), (unsigned long long)me->out.at, (unsigned long long)me->in.at);
    _exit(92);
}

// An end is what TCP would show of a killed one.
static void ended(struct end *me, ssize_t r) {
    if (r < 0 && errno != EPIPE && errno != ECONNRESET) wrong(me, "not an end that TCP shows");
}

// Exactly so many bytes; whether they came before the end.
static int pass(struct end *me, size_t n) {
    char part[400];
    for (size_t got = 0; got < n;) {
        ssize_t r = recv(me->fd, part, n - got, 0);
        if (r <= 0) { ended(me, r); return 0; }
        if (check(&me->in, part, r) != (size_t)r) wrong(me, "bytes");
        got += r;
    }
    return 1;
}

static int give(struct end *me, size_t n) {
    char part[400];
    fill(&me->out, part, n);
    ssize_t r = send(me->fd, part, n, MSG_NOSIGNAL);
    if (r < 0) ended(me, r);
    return r == (ssize_t)n;
}

// Sends and receives what fits until the end is seen.
static void exchange(struct end *me, int sends, int receives) {
    static char in[40000], out[40000];
    nonblocking(me->fd, 1);
    while (sends || receives) {
        struct pollfd p = {me->fd, (short)((receives ? POLLIN : 0) | (sends ? POLLOUT : 0)), 0};
        if (poll(&p, 1, 15000) == 0) { errno = ETIMEDOUT; wrong(me, "the end was not seen"); }
        if (sends && p.revents & (POLLOUT | POLLERR | POLLHUP)) {
            struct stream before = me->out;
            fill(&me->out, out, sizeof out);
            ssize_t r = send(me->fd, out, sizeof out, MSG_NOSIGNAL);
            me->out = before;
            if (r > 0) me->out.at += r;
            else if (errno != EAGAIN) { ended(me, r); sends = 0; }
        }
        if (receives && p.revents & (POLLIN | POLLERR | POLLHUP)) {
            ssize_t r = recv(me->fd, in, sizeof in, 0);
            if (r > 0 && check(&me->in, in, r) != (size_t)r) wrong(me, "bytes");
            if (r == 0 || (r < 0 && errno != EAGAIN)) { ended(me, r); receives = 0; }
        }
    }
}

static void talk(struct end *me, int manner) {
    int victim = me->near;
    for (int i = 0; i < 150; i++)
        if (!(victim ? give(me, 100) && pass(me, 100) : pass(me, 100) && give(me, 100))) return;
    switch (manner) {
    case PING_PONG:
        while (victim ? give(me, 300) && pass(me, 300) : pass(me, 300) && give(me, 300)) {}
        break;
    case VICTIM_SENDS: exchange(me, victim, !victim); break;
    case SURVIVOR_SENDS: exchange(me, !victim, 1); break;
    case BOTH_SEND: exchange(me, 1, 1); break;
    case VICTIM_HALF_CLOSES:
        // It reads nothing more: the survivor's bytes fill all there is.
        if (victim) give(me, 400), shutdown(me->fd, SHUT_WR);
        else exchange(me, 1, 1);
        break;
    default:
        if (!victim) shutdown(me->fd, SHUT_WR);
        exchange(me, victim, 1);
    }
}

static int victim(char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint64_t seed = strtoull(argv[3], NULL, 10);
    struct end me = {socket(AF_INET, SOCK_STREAM, 0), 1, -1, 2, {seed, 0}, {seed + 1, 0}, 0};
    if (connect(me.fd, (void *)&address, sizeof address)) return 3;
    talk(&me, atoi(argv[4]));
    pause();
    return 0;
}

static struct { pid_t pid; double delay; } target;
static void *kills(void *unused) {
    (void)unused;
    nap(target.delay);
    kill(target.pid, SIGKILL);
    return NULL;
}

// Descriptors of shared memory and bells that this process holds.
static int held(void) {
    int count = 0;
    DIR *folder = opendir("/proc/self/fd");
    for (struct dirent *one; (one = readdir(folder));) {
        char to[300] = "";
        if (readlinkat(dirfd(folder), one->d_name, to, sizeof to - 1) < 0) continue;
        count += strstr(to, "memfd:") != NULL || strstr(to, "eventfd") != NULL || strstr(to, "pidfd") != NULL;
    }
    closedir(folder);
    return count;
}

static int mapped(void) {
    int count = 0;
    char line[1000];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, maps)) count += strstr(line, "memfd:") != NULL;
    fclose(maps);
    return count;
}

int main(int argc, char **argv) {
    if (argc == 5) return victim(argv);
    if (argc != 3) { fprintf(stderr, "usage: %s SEED ROUNDS\n", argv[0]); return 2; }
    uint64_t dice = strtoull(argv[1], NULL, 10);
    int rounds = atoi(argv[2]), first_held = 0, first_mapped = 0;
    struct sockaddr_storage address;
    socklen_t length;
    int listening = listener(&address, &length);
    fcntl(listening, F_SETFD, FD_CLOEXEC);
    for (int i = 0; i < rounds; i++) {
        int manner = (int)(roll(&dice) % MANNERS);
        uint64_t seed = roll(&dice) % 1000000 * 2;
        char port[10], key[30], how[10];
        snprintf(port, sizeof port, "%d", ntohs(((struct sockaddr_in *)&address)->sin_port));
        snprintf(key, sizeof key, "%llu", (unsigned long long)seed), snprintf(how, sizeof how, "%d", manner);
        target.delay = (double)(roll(&dice) % 60000) * 1e-6;
        if (!(target.pid = fork())) {
            execl("/proc/self/exe", argv[0], "victim", port, key, how, (char *)NULL);
            _exit(99);
        }
        struct end me = {accept(listening, NULL, NULL), 0, -1, 1, {seed + 1, 0}, {seed, 0}, target.pid};
        pthread_t t;
        printf("round %d %s: ", i, names[manner]);
        fflush(stdout);
        pthread_create(&t, NULL, kills, NULL);
        talk(&me, manner);
        pthread_join(t, NULL);
        int status;
        waitpid(target.pid, &status, 0);
        close(me.fd);
        printf("received %llu\n", (unsigned long long)me.in.at);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) printf("WRONG: the victim ended by itself with %d\n", status);
        if (i == rounds / 2) first_held = held(), first_mapped = mapped();
    }
    nap(0.2);
    int held_now = held(), mapped_now = mapped();
    printf("held %d then, %d now; mapped %d then, %d now\n", first_held, held_now, first_mapped, mapped_now);
    return 0;
}
