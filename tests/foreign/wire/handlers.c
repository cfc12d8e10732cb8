/* What a program sees of its signal handlers, a line for each question. The lines are the same with and without the library that
 * stands before sigaction and its kin. */
#define _GNU_SOURCE
#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#pragma GCC diagnostic ignored "-Wunused-result"

#define RESTORER 0x04000000

static volatile sig_atomic_t calls, deepest, depth, other, code, value;
static void *volatile stack_at;
static char alternative[1 << 16];
static sigjmp_buf back;

static void one(int signal) { (void)signal; calls++; }
static void another(int signal) { (void)signal; other++; }

static void three(int signal, siginfo_t *info, void *context) {
    char here;
    (void)signal, (void)context;
    stack_at = &here;
    code = info->si_code;
    value = info->si_value.sival_int;
    calls++;
}

static void again(int signal) {
    depth++;
    if (depth > deepest) deepest = depth;
    if (++calls < 4) raise(signal);
    depth--;
}

static void raise_other(int signal) { (void)signal; raise(SIGUSR2); calls = other ? -1 : 1; }
static void jump(int signal) { (void)signal; siglongjmp(back, 1); }

static void block_after(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    sigaddset(&((ucontext_t *)context)->uc_sigmask, SIGUSR2);
}

static char *page;
static void allow(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)context;
    calls++;
    value = (char *)info->si_addr == page + 7;
    mprotect(page, 4096, PROT_READ | PROT_WRITE);
}

static volatile sig_atomic_t saw_main;
int main(void);
static void trace(int signal) {
    void *frames[64];
    int count = backtrace(frames, 64);
    (void)signal;
    for (int i = 0; i < count; i++) {
        if ((char *)frames[i] > (char *)main && (char *)frames[i] < (char *)main + 16384) saw_main = i;
    }
}

static void reset(void) { calls = deepest = depth = other = code = value = 0; }

static const char *name(void *handler) {
    return handler == (void *)SIG_DFL ? "default" : handler == (void *)SIG_IGN ? "ignore" : handler == (void *)SIG_ERR ? "error"
         : handler == (void *)2 ? "hold" : handler == (void *)one ? "one" : handler == (void *)three ? "three"
         : handler == (void *)another ? "another" : "?";
}

static void show(const char *what, int signal) {
    struct sigaction now;
    if (sigaction(signal, NULL, &now)) { printf("%s: errno %d\n", what, errno); return; }
    printf("%s: %s flags %x mask", what, name((void *)now.sa_sigaction), now.sa_flags & ~RESTORER);
    for (int i = 1; i < 65; i++) if (sigismember(&now.sa_mask, i) == 1) printf(" %d", i);
    printf("\n");
}

static void install(int signal, void *handler, int flags, int masked) {
    struct sigaction action = {0};
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    if (masked) sigaddset(&action.sa_mask, masked);
    if (sigaction(signal, &action, NULL)) printf("sigaction(%d): errno %d\n", signal, errno);
}

/* Runs in a child; says how it ended. */
static void in_child(const char *what, void (*what_to_do)(void)) {
    int status;
    fflush(stdout);
    pid_t child = fork();
    if (!child) { alarm(20); what_to_do(); fflush(stdout); _exit(0); }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) printf("%s: ended by signal %d\n", what, WTERMSIG(status));
    else printf("%s: exit %d\n", what, WEXITSTATUS(status));
}

static void twice(void) { reset(); raise(SIGUSR1); printf("calls %d\n", calls); fflush(stdout); raise(SIGUSR1); printf("not reached\n"); }
static void once_by_sigaction(void) { install(SIGUSR1, three, SA_SIGINFO | SA_RESETHAND, SIGHUP); show("once", SIGUSR1); twice(); }
static void once_shown(void) {
    install(SIGUSR1, one, SA_RESETHAND | SA_NODEFER, SIGHUP);
    raise(SIGUSR1);
    show("after the call", SIGUSR1);
    printf("signal said %s\n", name((void *)signal(SIGUSR1, one)));
    raise(SIGUSR1);
    show("installed again", SIGUSR1);
}
static void once_by_sysv(void) { printf("sysv %s\n", name((void *)__sysv_signal(SIGUSR1, one))); show("sysv", SIGUSR1); twice(); }
static void inherited(void) { reset(); raise(SIGUSR1); printf("child's calls %d\n", calls); install(SIGUSR1, another, 0, 0); }
static void executed(void) { install(SIGUSR1, one, 0, 0); signal(SIGUSR2, SIG_IGN); execl("/bin/sh", "sh", "-c", "kill -USR2 $$; kill -USR1 $$; exit 3", NULL); }

static void by_timer(int flags, int (*prepare)(void)) {
    int ends[2];
    char byte = 0;
    struct itimerval in = {{0, 0}, {0, 50000}};
    struct itimerval often = {{0, 20000}, {0, 20000}};
    pipe(ends);
    install(SIGALRM, one, flags, 0);
    if (prepare) printf("prepared %d\n", prepare());
    reset();
    setitimer(ITIMER_REAL, flags & SA_RESTART || prepare ? &often : &in, NULL);
    if (fork() == 0) { usleep(300000); write(ends[1], "x", 1); _exit(0); }
    errno = 0;
    ssize_t got = read(ends[0], &byte, 1);
    int number = errno;
    memset(&in, 0, sizeof in);
    setitimer(ITIMER_REAL, &in, NULL);
    printf("read %zd errno %d called %d\n", got, got < 0 ? number : 0, calls > 0);
    while (wait(NULL) < 0 && errno == EINTR) {}
    close(ends[0]), close(ends[1]);
}
static int interrupt(void) { return siginterrupt(SIGALRM, 1); }
static int do_not_interrupt(void) { return siginterrupt(SIGALRM, 0); }

/* Threads change one signal's handler between two kinds while it comes all the time. */
static volatile int stop;
static volatile int wrong;
static void plain_kind(int signal) { (void)signal; }
static void long_kind(int signal, siginfo_t *info, void *context) { if (info->si_signo != signal || !context) wrong++; }
static void *change(void *kind) {
    while (!stop) {
        struct sigaction wanted = {0}, before;
        sigaddset(&wanted.sa_mask, kind ? SIGHUP : SIGUSR2);
        if (kind) { wanted.sa_sigaction = long_kind; wanted.sa_flags = SA_SIGINFO | SA_RESTART; }
        else { wanted.sa_handler = plain_kind; wanted.sa_flags = SA_RESTART | SA_NODEFER; }
        sigaction(SIGUSR1, &wanted, &before);
        int is_long = before.sa_sigaction == long_kind;
        int fits = is_long ? before.sa_flags & SA_SIGINFO && sigismember(&before.sa_mask, SIGHUP) && !(before.sa_flags & SA_NODEFER)
                           : before.sa_handler == plain_kind && before.sa_flags & SA_NODEFER && !(before.sa_flags & SA_SIGINFO);
        if (!fits) wrong++;
    }
    return NULL;
}
static void concurrent(void) {
    pthread_t threads[4];
    install(SIGUSR1, plain_kind, SA_RESTART | SA_NODEFER, SIGUSR2);
    for (long i = 0; i < 4; i++) pthread_create(&threads[i], NULL, change, (void *)(i & 1));
    for (int i = 0; i < 20000; i++) raise(SIGUSR1);
    for (int i = 0; i < 50; i++) {
        int status;
        pid_t child = fork();
        if (!child) { alarm(10); for (int j = 0; j < 20; j++) install(SIGUSR1, plain_kind, 0, 0); raise(SIGUSR1); _exit(5); }
        waitpid(child, &status, 0);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 5) wrong++;
    }
    stop = 1;
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    printf("wrong %d\n", wrong);
}

/* Never two calls, whichever of two threads comes first: the second signal ends the process. */
static int together;
static void *raise_together(void *unused) {
    (void)unused;
    __atomic_fetch_add(&together, 1, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&together, __ATOMIC_SEQ_CST) < 2) {}
    pthread_kill(pthread_self(), SIGUSR1);
    return NULL;
}
static int *shared_calls;
static void count_shared(int signal) { (void)signal; __atomic_fetch_add(shared_calls, 1, __ATOMIC_SEQ_CST); }
static void one_of_two(void) {
    int exact = 0;
    shared_calls = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 300; i++) {
        int status;
        *shared_calls = 0;
        pid_t child = fork();
        if (!child) {
            pthread_t threads[2];
            install(SIGUSR1, count_shared, SA_RESETHAND, 0);
            for (int j = 0; j < 2; j++) pthread_create(&threads[j], NULL, raise_together, NULL);
            for (int j = 0; j < 2; j++) pthread_join(threads[j], NULL);
            _exit(9);
        }
        waitpid(child, &status, 0);
        exact += WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1 && *shared_calls < 2;
    }
    printf("never called twice, and ended: %d of 300\n", exact);
}

int main(void) {
    union sigval sent = {.sival_int = 42};
    sigset_t set, held;
    struct sigaction none;

    show("at first", SIGUSR1);
    install(SIGUSR1, three, SA_SIGINFO, SIGUSR2);
    show("three arguments", SIGUSR1);
    sigqueue(getpid(), SIGUSR1, sent);
    printf("calls %d code %d value %d\n", calls, code, value);
    install(SIGUSR1, one, SA_RESTART | SA_NODEFER | SA_ONSTACK, 0);
    show("one argument", SIGUSR1);
    install(SIGCHLD, one, SA_NOCLDSTOP | SA_NOCLDWAIT, 0);
    show("children", SIGCHLD);
    signal(SIGCHLD, SIG_DFL);

    reset();
    errno = 77;
    raise(SIGUSR1);
    printf("calls %d errno %d\n", calls, errno);

    reset();
    install(SIGUSR1, again, 0, 0);
    raise(SIGUSR1);
    printf("deferred: calls %d deepest %d\n", calls, deepest);
    reset();
    install(SIGUSR1, again, SA_NODEFER, 0);
    raise(SIGUSR1);
    printf("not deferred: calls %d deepest %d\n", calls, deepest);
    reset();
    install(SIGUSR2, another, 0, 0);
    install(SIGUSR1, raise_other, 0, SIGUSR2);
    raise(SIGUSR1);
    printf("masked meanwhile: %d, then %d\n", calls, other);
    reset();
    install(SIGUSR1, raise_other, 0, 0);
    raise(SIGUSR1);
    printf("not masked meanwhile: %d, then %d\n", calls, other);
    reset();
    install(SIGUSR1, block_after, SA_SIGINFO, 0);
    raise(SIGUSR1);
    raise(SIGUSR2);
    sigprocmask(SIG_BLOCK, NULL, &held);
    printf("the context counts: %d, blocked %d\n", other, sigismember(&held, SIGUSR2));
    sigemptyset(&held);
    sigprocmask(SIG_SETMASK, &held, NULL);
    printf("and came at last: %d\n", other);

    install(SIGUSR1, three, SA_SIGINFO | SA_ONSTACK, 0);
    stack_t stack = {.ss_sp = alternative, .ss_size = sizeof alternative};
    sigaltstack(&stack, NULL);
    raise(SIGUSR1);
    printf("on the other stack: %d\n", (char *)stack_at >= alternative && (char *)stack_at < alternative + sizeof alternative);

    install(SIGUSR1, jump, 0, 0);
    for (volatile int i = 0; i < 3; i++) if (sigsetjmp(back, 1)) printf("jumped back %d\n", i); else raise(SIGUSR1);

    install(SIGUSR1, trace, 0, 0);
    raise(SIGUSR1);
    printf("main is in frame %d\n", saw_main);

    reset();
    page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    install(SIGSEGV, allow, SA_SIGINFO, 0);
    page[7] = 3;
    printf("fault: calls %d right address %d wrote %d\n", calls, value, page[7]);
    signal(SIGSEGV, SIG_DFL);

    printf("signal said %s\n", name((void *)signal(SIGUSR1, one)));
    show("signal", SIGUSR1);
    printf("signal said %s\n", name((void *)signal(SIGUSR1, (void (*)(int))(void *)three)));
    printf("signal said %s\n", name((void *)signal(SIGUSR1, SIG_IGN)));
    printf("signal said %s\n", name((void *)signal(SIGUSR1, SIG_DFL)));
    printf("signal said %s\n", name((void *)ssignal(SIGUSR1, one)));
    show("defaults again", SIGUSR2);
    for (int i = 0; i < 6; i++) {
        int numbers[] = {0, -1, 65, 32, SIGKILL, 1 << 20};
        errno = 0;
        void *said = (void *)signal(numbers[i], one);
        printf("signal(%d) said %s errno %d\n", numbers[i], name(said), errno);
        errno = 0;
        memset(&none, 0, sizeof none);
        int answer = sigaction(numbers[i], &none, NULL);
        printf("sigaction(%d) said %d errno %d\n", numbers[i], answer, errno);
        errno = 0;
        answer = siginterrupt(numbers[i], 1);
        printf("siginterrupt(%d) said %d errno %d\n", numbers[i], answer, errno);
    }
    errno = 0;
    void *said = (void *)signal(SIGUSR1, SIG_ERR);
    printf("an impossible handler: %s errno %d\n", name(said), errno);

    printf("sigset said %s\n", name((void *)sigset(SIGUSR1, another)));
    show("sigset", SIGUSR1);
    printf("sigset said %s\n", name((void *)sigset(SIGUSR1, (void (*)(int))2)));
    printf("sigset said %s\n", name((void *)sigset(SIGUSR1, one)));
    sigprocmask(SIG_BLOCK, NULL, &set);
    printf("blocked %d\n", sigismember(&set, SIGUSR1));

    in_child("once", once_by_sigaction);
    in_child("shown", once_shown);
    in_child("system V", once_by_sysv);
    install(SIGUSR1, one, 0, 0);
    in_child("inherited", inherited);
    show("and the parent's", SIGUSR1);
    in_child("executed", executed);

    install(SIGUSR1, one, 0, 0);
    reset();
    int status;
    pid_t child = vfork();
    if (!child) {
        struct sigaction in_child = {.sa_handler = SIG_DFL};
        sigaction(SIGUSR1, &in_child, NULL);
        in_child.sa_handler = another;
        sigaction(SIGUSR1, &in_child, NULL);
        sigaction(SIGUSR1, NULL, &in_child);
        _exit(in_child.sa_handler == another);
    }
    waitpid(child, &status, 0);
    show("after vfork", SIGUSR1);
    raise(SIGUSR1);
    printf("vfork's child said %d; the parent's calls %d, others %d\n", WEXITSTATUS(status), calls, other);
    printf("system said %d\n", system("exit 3") >> 8);

    by_timer(SA_RESTART, NULL);
    by_timer(0, NULL);
    by_timer(0, do_not_interrupt);
    by_timer(SA_RESTART, interrupt);
    printf("signal said %s\n", name((void *)signal(SIGALRM, one)));
    show("interrupting", SIGALRM);

    in_child("concurrent", concurrent);
    in_child("one of two", one_of_two);
    return 0;
}
