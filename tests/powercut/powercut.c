/* A power cut for the files under one folder, for tests.
 *
 *   cc -O2 -shared -fPIC -o powercut.so powercut.c -ldl -lpthread
 *   LD_PRELOAD=./powercut.so POWERCUT_ROOT=DIR POWERCUT_STATE=STATE program ...
 *   kill -9 ...; python3 undo.py DIR STATE
 *
 * Writes, truncations, creations, renames, links and removals under DIR go through, and what they replaced is appended to
 * STATE/journal before; fsync and the like are written there too. undo.py then takes back all that was not synced: bytes of a file
 * until the file was synced, entries of a folder until the folder was (the strict reading of POSIX, which file systems may surpass).
 * STATE lies outside of DIR on the same file system, for removed files are kept there by hard links.
 *
 *   POWERCUT_FSYNC=ignore             syncs do nothing and say that all is well: a test that passes then proves nothing
 *   POWERCUT_FAULT=enospc|erofs|eio   changes under DIR fail with that error
 *   POWERCUT_FAULT_FLAG=FILE          ... while this file exists
 *   POWERCUT_FAULT_AFTER=N            ... once N bytes were written
 *
 * Not followed: writes through maps (SQLite's -shm files are left out on purpose; other maps are noted in the journal), io_uring,
 * system calls made without the C library, streams of stdio. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Shared by all processes of a test: who may write to the journal, numbers of kept files, bytes written. */
struct control {
    pthread_mutex_t lock;
    uint64_t kept, written;
};

/* A record of the journal, followed by n1 + n2 bytes. undo.py reads the same. */
struct record {
    uint32_t magic;
    char kind;
    char pad[3];
    uint64_t inode, offset, size;
    uint32_t n1, n2;
};
#define MAGIC 0x54554350u /* "PCUT" */

static char root[PATH_MAX], state[PATH_MAX];
static size_t root_length;
static int journal = -1, ignore_syncs, fault_kind;
static const char *fault_flag;
static uint64_t fault_after = UINT64_MAX;
static struct control *control;

#define REAL(type, name, ...) \
    static type (*real)(__VA_ARGS__); \
    if (!real) real = (type(*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int open_plainly(const char *path, int flags, mode_t mode) {
    REAL(int, "open", const char *, int, ...);
    return real(path, flags, mode);
}

static void die(const char *what) {
    static const char head[] = "powercut: ";
    ssize_t done = write(2, head, sizeof head - 1) + write(2, what, strlen(what)) + write(2, "\n", 1);
    (void)done;
    _exit(99);
}

static void open_control(void) {
    char path[PATH_MAX + 16], beside[PATH_MAX + 32];
    snprintf(path, sizeof path, "%s/control", state);
    snprintf(beside, sizeof beside, "%s/control.%d", state, (int)getpid());
    int made = open_plainly(beside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    REAL(int, "ftruncate", int, off_t);
    /* Programs of several users may share it. */
    if (made < 0 || real(made, sizeof *control) || fchmod(made, 0666)) die("no control file");
    struct control *fresh = mmap(NULL, sizeof *fresh, PROT_READ | PROT_WRITE, MAP_SHARED, made, 0);
    if (fresh == MAP_FAILED) die("no control map");
    pthread_mutexattr_t kind;
    pthread_mutexattr_init(&kind);
    pthread_mutexattr_setpshared(&kind, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&kind, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&fresh->lock, &kind);
    /* The first process's file is everybody's. */
    int (*link_plainly)(const char *, const char *) = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "link");
    int (*unlink_plainly)(const char *) = (int (*)(const char *))dlsym(RTLD_NEXT, "unlink");
    link_plainly(beside, path);
    unlink_plainly(beside);
    close(made);
    munmap(fresh, sizeof *fresh);
    int file = open_plainly(path, O_RDWR | O_CLOEXEC, 0);
    if (file < 0) die("no control file");
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (control == MAP_FAILED) die("no control map");
    close(file);
}

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("POWERCUT_ROOT"), *keep = getenv("POWERCUT_STATE"), *text;
    if (!folder || !realpath(folder, root)) return;
    root_length = strlen(root);
    if ((text = getenv("POWERCUT_FSYNC"))) ignore_syncs = !strcmp(text, "ignore");
    if ((text = getenv("POWERCUT_FAULT")))
        fault_kind = !strcmp(text, "enospc") ? ENOSPC : !strcmp(text, "erofs") ? EROFS : !strcmp(text, "eio") ? EIO : 0;
    fault_flag = getenv("POWERCUT_FAULT_FLAG");
    if ((text = getenv("POWERCUT_FAULT_AFTER"))) fault_after = strtoull(text, NULL, 10);
    if (!keep) return;
    if (!realpath(keep, state)) die("POWERCUT_STATE is no folder that this user may enter");
    open_control();
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/journal", state);
    int file = open_plainly(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file < 0) die("no journal");
    (void)!fchmod(file, 0666);
    /* Out of the way of programs that count on low numbers. */
    journal = fcntl(file, F_DUPFD_CLOEXEC, 700);
    if (journal < 0) journal = file; else close(file);
}

static void lock(void) {
    if (control && pthread_mutex_lock(&control->lock) == EOWNERDEAD) pthread_mutex_consistent(&control->lock);
}
static void unlock(void) { if (control) pthread_mutex_unlock(&control->lock); }

static int inside(const char *path) {
    size_t length = strlen(path);
    return root_length && !strncmp(path, root, root_length) && (path[root_length] == '/' || !path[root_length]) &&
           !(length > 4 && !strcmp(path + length - 4, "-shm"));
}

/* Whether a descriptor is a file or folder under the root; facts of it. */
static int tracked(int fd, struct stat *facts) {
    char link[64], path[PATH_MAX];
    if (!root_length || fd == journal || fstat(fd, facts) || !(S_ISREG(facts->st_mode) || S_ISDIR(facts->st_mode))) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    static const char gone[] = " (deleted)";
    size_t tail = sizeof gone - 1;
    if ((size_t)length > tail && !strcmp(path + length - tail, gone)) path[length - tail] = 0;
    return inside(path);
}

/* The full path of what `path` names below a folder, its last part as it is; the folder's inode. 0 if it is not under the root. */
static int resolved(int at, const char *path, char *full, uint64_t *folder) {
    char joined[2 * PATH_MAX], parent[PATH_MAX];
    int saved = errno;
    if (!root_length || !path || !*path) return 0;
    if (*path == '/') snprintf(joined, sizeof joined, "%s", path);
    else if (at == AT_FDCWD) snprintf(joined, sizeof joined, "./%s", path);
    else snprintf(joined, sizeof joined, "/proc/self/fd/%d/%s", at, path);
    size_t end = strlen(joined);
    while (end > 1 && joined[end - 1] == '/') joined[--end] = 0;
    char *slash = strrchr(joined, '/');
    const char *name = slash + 1;
    *slash = 0;
    struct stat facts;
    int found = realpath(*joined ? joined : "/", parent) && !stat(parent, &facts);
    errno = saved;
    if (!found || strlen(parent) + strlen(name) + 2 > PATH_MAX) return 0;
    sprintf(full, "%s/%s", parent, name);
    *folder = facts.st_ino;
    return inside(full);
}

/* Appends a record and bytes to the journal; the journal has to be held. */
static void note(char kind, uint64_t inode, uint64_t offset, uint64_t size, const void *one, size_t n1, const void *two, size_t n2) {
    if (journal < 0) return;
    struct record head = {MAGIC, kind, {0}, inode, offset, size, (uint32_t)n1, (uint32_t)n2};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)one, n1}, {(void *)two, n2}};
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    if (real(journal, parts, 3) != (ssize_t)(sizeof head + n1 + n2)) die("the journal cannot be written");
}

/* Notes what stands between two places of a file. */
static void note_bytes(char kind, int fd, const struct stat *facts, uint64_t offset, uint64_t from, uint64_t to) {
    uint64_t end = to < (uint64_t)facts->st_size ? to : (uint64_t)facts->st_size;
    size_t count = end > from ? end - from : 0, read_so_far = 0;
    char *old = count ? malloc(count) : NULL, link[64];
    if (count && journal >= 0) {
        /* The program's own descriptor may be for writing only. */
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        int reader = open_plainly(link, O_RDONLY | O_CLOEXEC, 0);
        if (reader < 0 || !old) die("what a write replaces cannot be read");
        while (read_so_far < count) {
            ssize_t got = pread(reader, old + read_so_far, count - read_so_far, from + read_so_far);
            if (got <= 0) die("what a write replaces cannot be read");
            read_so_far += got;
        }
        close(reader);
    }
    note(kind, facts->st_ino, offset, facts->st_size, old, read_so_far, NULL, 0);
    free(old);
}

/* Keeps a file that is about to be removed; its number, 0 if it could not be kept. */
static uint64_t keep(const char *path) {
    char kept[PATH_MAX + 32];
    if (journal < 0) return 0;
    uint64_t number = ++control->kept;
    snprintf(kept, sizeof kept, "%s/kept-%llu", state, (unsigned long long)number);
    REAL(int, "linkat", int, const char *, int, const char *, int);
    if (!real(AT_FDCWD, path, AT_FDCWD, kept, 0)) return number;
    note('E', 0, 0, 0, path, strlen(path), NULL, 0);
    return 0;
}

/* The error that a change is to fail with, if any. */
static int fault(uint64_t bytes) {
    if (!fault_kind) return 0;
    int active = fault_flag ? !access(fault_flag, F_OK) : fault_after == UINT64_MAX;
    if (control && fault_after != UINT64_MAX) active |= (control->written += bytes) > fault_after;
    return active ? fault_kind : 0;
}

#define FAIL(code) do { unlock(); errno = (code); return -1; } while (0)

/* A write of `count` bytes: notes, does, and counts it as synced if the descriptor says so. */
#define WRITING(fd, count, at_place, place, call) \
    struct stat facts; \
    if (!tracked(fd, &facts)) return call; \
    lock(); \
    int flags = fcntl(fd, F_GETFL), code = fault(count); \
    if (code) FAIL(code); \
    if (fstat(fd, &facts)) FAIL(errno); \
    uint64_t from = flags & O_APPEND ? (uint64_t)facts.st_size : at_place ? (uint64_t)(place) : (uint64_t)lseek(fd, 0, SEEK_CUR); \
    note_bytes('W', fd, &facts, from, from, from + (count)); \
    ssize_t done = call; \
    int saved = errno; \
    if (flags & (O_SYNC | O_DSYNC) && !ignore_syncs) note('F', facts.st_ino, UINT64_MAX, 0, NULL, 0, NULL, 0); \
    unlock(); \
    errno = saved; \
    return done

static size_t total(const struct iovec *parts, int count) {
    size_t bytes = 0;
    for (int at = 0; at < count; at++) bytes += parts[at].iov_len;
    return bytes;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    REAL(ssize_t, "write", int, const void *, size_t);
    WRITING(fd, count, 0, 0, real(fd, bytes, count));
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t place) {
    REAL(ssize_t, "pwrite", int, const void *, size_t, off_t);
    WRITING(fd, count, 1, place, real(fd, bytes, count, place));
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t place) { return pwrite(fd, bytes, count, place); }
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(ssize_t, "writev", int, const struct iovec *, int);
    WRITING(fd, total(parts, count), 0, 0, real(fd, parts, count));
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t place) {
    REAL(ssize_t, "pwritev", int, const struct iovec *, int, off_t);
    WRITING(fd, total(parts, count), 1, place, real(fd, parts, count, place));
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off_t place) { return pwritev(fd, parts, count, place); }
ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t place, int how) {
    REAL(ssize_t, "pwritev2", int, const struct iovec *, int, off_t, int);
    WRITING(fd, total(parts, count), place != -1, place, real(fd, parts, count, place, how));
}
ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off_t place, int how) {
    return pwritev2(fd, parts, count, place, how);
}
/* Programs fall back to reading and writing. */
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t count, unsigned flags) {
    REAL(ssize_t, "copy_file_range", int, off64_t *, int, off64_t *, size_t, unsigned);
    struct stat facts;
    if (!tracked(out, &facts)) return real(in, from, out, to, count, flags);
    errno = ENOSYS;
    return -1;
}
ssize_t sendfile(int out, int in, off_t *from, size_t count) {
    REAL(ssize_t, "sendfile", int, int, off_t *, size_t);
    struct stat facts;
    if (!tracked(out, &facts)) return real(out, in, from, count);
    errno = EINVAL;
    return -1;
}
ssize_t sendfile64(int out, int in, off_t *from, size_t count) { return sendfile(out, in, from, count); }

/* A change of length. */
#define RESIZING(fd, length, call) \
    struct stat facts; \
    if (!tracked(fd, &facts)) return call; \
    lock(); \
    int code = fault(0); \
    if (code && (code != ENOSPC || (uint64_t)(length) > (uint64_t)facts.st_size)) FAIL(code); \
    if (fstat(fd, &facts)) FAIL(errno); \
    note_bytes('T', fd, &facts, length, length, UINT64_MAX); \
    int done = call, saved = errno; \
    unlock(); \
    errno = saved; \
    return done

int ftruncate(int fd, off_t length) {
    REAL(int, "ftruncate", int, off_t);
    RESIZING(fd, length, real(fd, length));
}
int ftruncate64(int fd, off_t length) { return ftruncate(fd, length); }
int truncate(const char *path, off_t length) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    int done = ftruncate(fd, length), saved = errno;
    close(fd);
    errno = saved;
    return done;
}
int truncate64(const char *path, off_t length) { return truncate(path, length); }
int fallocate(int fd, int mode, off_t offset, off_t length) {
    REAL(int, "fallocate", int, int, off_t, off_t);
    struct stat kind;
    if (mode && tracked(fd, &kind)) {
        errno = EOPNOTSUPP;
        return -1;
    }
    RESIZING(fd, offset + length, real(fd, mode, offset, length));
}
int fallocate64(int fd, int mode, off_t offset, off_t length) { return fallocate(fd, mode, offset, length); }
int posix_fallocate(int fd, off_t offset, off_t length) { return fallocate(fd, 0, offset, length) ? errno : 0; }
int posix_fallocate64(int fd, off_t offset, off_t length) { return posix_fallocate(fd, offset, length); }

static int opening(int at, const char *path, int flags, mode_t mode) {
    REAL(int, "openat", int, const char *, int, ...);
    char full[PATH_MAX];
    uint64_t folder;
    int writes = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
    if (!writes || (flags & O_TMPFILE) == O_TMPFILE || !resolved(at, path, full, &folder)) return real(at, path, flags, mode);
    lock();
    struct stat facts;
    int there = !stat(full, &facts), code = fault(0);
    if (code == EROFS || (code && !there && flags & O_CREAT)) FAIL(code);
    if (!there && flags & O_CREAT) note('C', folder, 0, 0, full, strlen(full), NULL, 0);
    if (there && flags & O_TRUNC && S_ISREG(facts.st_mode) && facts.st_size > 0) {
        int reader = open_plainly(full, O_RDONLY | O_CLOEXEC, 0);
        if (reader < 0) die("what is to be truncated cannot be read");
        note_bytes('T', reader, &facts, 0, 0, UINT64_MAX);
        close(reader);
    }
    int fd = real(at, path, flags, mode), saved = errno;
    unlock();
    errno = saved;
    return fd;
}

#define MODE(last) \
    mode_t mode = 0; \
    if (last & O_CREAT || (last & O_TMPFILE) == O_TMPFILE) { \
        va_list rest; \
        va_start(rest, last); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *path, int flags, ...) { MODE(flags); return opening(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags); return opening(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE(flags); return opening(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE(flags); return opening(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return opening(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

/* A change of a folder's entry: notes it as `kind`, and does it. */
#define ENTRY(at, path, kind, kept_file, call) \
    char full[PATH_MAX]; \
    uint64_t folder; \
    if (!resolved(at, path, full, &folder)) return call; \
    lock(); \
    int code = fault(0); \
    if (code && (code != ENOSPC || !strchr("UX", kind))) FAIL(code); \
    struct stat facts; \
    int there = !lstat(full, &facts); \
    if (there == !!strchr("UX", kind)) note(kind, folder, 0, kept_file, full, strlen(full), NULL, 0); \
    int done = call, saved = errno; \
    unlock(); \
    errno = saved; \
    return done

int unlinkat(int at, const char *path, int flags) {
    REAL(int, "unlinkat", int, const char *, int);
    char kind = flags & AT_REMOVEDIR ? 'X' : 'U';
    ENTRY(at, path, kind, kind == 'U' ? keep(full) : 0, real(at, path, flags));
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int remove(const char *path) {
    int done = unlink(path);
    return done && (errno == EISDIR || errno == EPERM) ? rmdir(path) : done;
}
int mkdirat(int at, const char *path, mode_t mode) {
    REAL(int, "mkdirat", int, const char *, mode_t);
    ENTRY(at, path, 'M', 0, real(at, path, mode));
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
int linkat(int from, const char *old, int at, const char *path, int flags) {
    REAL(int, "linkat", int, const char *, int, const char *, int);
    ENTRY(at, path, 'C', 0, real(from, old, at, path, flags));
}
int link(const char *old, const char *path) { return linkat(AT_FDCWD, old, AT_FDCWD, path, 0); }
int symlinkat(const char *target, int at, const char *path) {
    REAL(int, "symlinkat", const char *, int, const char *);
    ENTRY(at, path, 'C', 0, real(target, at, path));
}
int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }

int renameat2(int from, const char *old, int to, const char *path, unsigned flags) {
    REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
    char full_old[PATH_MAX], full_new[PATH_MAX];
    uint64_t folder_old = 0, folder_new = 0;
    int leaves = resolved(from, old, full_old, &folder_old), comes = resolved(to, path, full_new, &folder_new);
    if (!leaves && !comes) return real(from, old, to, path, flags);
    lock();
    int code = fault(0);
    if (code) FAIL(code);
    struct stat facts;
    if (!lstat(full_old, &facts)) {
        int there = !lstat(full_new, &facts) && S_ISREG(facts.st_mode);
        uint64_t kept = there ? keep(full_new) : 0;
        if (flags & ~1u || !leaves || !comes) note('E', 0, 0, 0, full_old, strlen(full_old), NULL, 0);
        else note('R', folder_new, folder_old, kept, full_old, strlen(full_old), full_new, strlen(full_new));
    }
    int done = real(from, old, to, path, flags), saved = errno;
    unlock();
    errno = saved;
    return done;
}
int renameat(int from, const char *old, int to, const char *path) { return renameat2(from, old, to, path, 0); }
int rename(const char *old, const char *path) { return renameat2(AT_FDCWD, old, AT_FDCWD, path, 0); }

/* A sync covers what the journal held when it began. */
static uint64_t place_in_journal(void) {
    lock();
    struct stat facts;
    uint64_t place = journal >= 0 && !fstat(journal, &facts) ? (uint64_t)facts.st_size : 0;
    unlock();
    return place;
}

#define SYNCING(fd, call) \
    struct stat facts; \
    if (!tracked(fd, &facts)) return call; \
    if (fault_kind == EIO && fault(0)) { errno = EIO; return -1; } \
    if (ignore_syncs) return 0; \
    uint64_t place = place_in_journal(); \
    int done = call, saved = errno; \
    lock(); \
    if (!done) note(S_ISDIR(facts.st_mode) ? 'D' : 'F', facts.st_ino, place, 0, NULL, 0, NULL, 0); \
    unlock(); \
    errno = saved; \
    return done

int fsync(int fd) {
    REAL(int, "fsync", int);
    SYNCING(fd, real(fd));
}
int fdatasync(int fd) {
    REAL(int, "fdatasync", int);
    SYNCING(fd, real(fd));
}
int syncfs(int fd) {
    REAL(int, "syncfs", int);
    if (!root_length) return real(fd);
    if (ignore_syncs) return 0;
    uint64_t place = place_in_journal();
    int done = real(fd);
    lock();
    if (!done) note('S', 0, place, 0, NULL, 0, NULL, 0);
    unlock();
    return done;
}
void sync(void) {
    REAL(void, "sync", void);
    if (ignore_syncs) return;
    uint64_t place = place_in_journal();
    real();
    lock();
    note('S', 0, place, 0, NULL, 0, NULL, 0);
    unlock();
}

void *mmap(void *where, size_t length, int what, int flags, int fd, off_t offset) {
    REAL(void *, "mmap", void *, size_t, int, int, int, off_t);
    struct stat facts;
    if (fd >= 0 && what & PROT_WRITE && (flags & MAP_TYPE) != MAP_PRIVATE && journal >= 0 && tracked(fd, &facts)) {
        lock();
        note('E', facts.st_ino, 0, 0, "a map", 5, NULL, 0);
        unlock();
    }
    return real(where, length, what, flags, fd, offset);
}
void *mmap64(void *where, size_t length, int what, int flags, int fd, off_t offset) {
    return mmap(where, length, what, flags, fd, offset);
}
