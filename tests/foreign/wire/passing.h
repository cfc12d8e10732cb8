// Descriptors beside a byte of a Unix socket.
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
