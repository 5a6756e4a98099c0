/*
 * catalog_proof.c - see catalog_proof.h.
 *
 * The child reports by one write of a struct sl_error to a pipe, and leaves without any clean-up: what
 * it holds goes with it.
 */
#include "storage/catalog_proof.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/base/file.h"
#include "storage/catalog_data.h"
#include "storage/catalog_pages.h"

/* The pages, before LMDB sees them. */
static sl_status
prove_pages(const char *file, struct sl_error *err)
{
    uint64_t size_bytes;
    int fd;

    SL_TRY(sl_file_open(AT_FDCWD, file, O_RDONLY, &fd, err));
    sl_status st = sl_file_size(fd, &size_bytes, err);
    uint8_t *bytes = st == SL_OK ? sl_try_alloc((size_t)size_bytes) : NULL;
    if (st == SL_OK && bytes == NULL)
        st = sl_fail(err, SL_LIMIT, "no memory to prove the catalog");
    if (st == SL_OK)
        st = sl_file_read_at(fd, 0, bytes, (size_t)size_bytes, err);
    if (st == SL_OK)
        st = sl_catalog_pages_prove(bytes, (size_t)size_bytes, err);
    free(bytes);
    sl_file_close(fd);
    return st;
}

static sl_status
prove_records(const char *file, struct sl_error *err)
{
    struct sl_catalog_data *data;
    SL_TRY(sl_catalog_data_open(file, SL_CATALOG_READ, &data, err));
    sl_status st = sl_catalog_data_prove(data, err);
    sl_catalog_data_close(data);
    return st;
}

static sl_status
prove(const char *file, struct sl_error *err)
{
    SL_TRY(prove_pages(file, err));
    return prove_records(file, err);
}

/* The child: never returns. Dies quietly: no core, no handlers of its parent. */
SL_NORETURN
static void
prove_main(const char *file, int report_fd)
{
    static const int quiet[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGXCPU, SIGTERM};
    const struct rlimit no_core = {0, 0};
    const struct rlimit cpu_s = {120, 120}; /* 50,000 segments take a fraction of a second */
    struct sl_error err = {0};

    for (size_t i = 0; i < SL_COUNTOF(quiet); i++)
        (void)signal(quiet[i], SIG_DFL);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)setrlimit(RLIMIT_CPU, &cpu_s);
    int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null_fd >= 0)
        (void)dup2(null_fd, STDERR_FILENO);

    err.status = prove(file, &err);
    ssize_t put = write(report_fd, &err, sizeof(err)); /* below PIPE_BUF: at once */
    _exit(put == (ssize_t)sizeof(err) ? 0 : 1);
}

_Static_assert(sizeof(struct sl_error) <= 512, "a report is one write to a pipe");

static sl_status
read_report(pid_t child, int fd, struct sl_error *err)
{
    struct sl_error report = {0};
    size_t got_bytes = 0;
    int status = 0;

    while (got_bytes < sizeof(report)) {
        ssize_t got = read(fd, (uint8_t *)&report + got_bytes, sizeof(report) - got_bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        got_bytes += (size_t)got;
    }
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return sl_fail_errno(err, "wait for the proof of the catalog");
    }
    if (WIFSIGNALED(status))
        return sl_fail(err, SL_CORRUPT, "catalog: reading it ended by signal %d", WTERMSIG(status));
    if (got_bytes != sizeof(report) || WEXITSTATUS(status) != 0)
        return sl_fail(err, SL_CORRUPT, "catalog: reading it ended with exit status %d",
                       WEXITSTATUS(status));
    if (report.status != SL_OK && err != NULL)
        *err = report;
    return report.status;
}

sl_status
sl_catalog_prove(const char *file, struct sl_error *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0)
        return sl_fail_errno(err, "make a pipe");
    pid_t child = fork();
    if (child < 0) {
        sl_status st = sl_fail_errno(err, "start the proof of the catalog");
        (void)close(fds[0]);
        (void)close(fds[1]);
        return st;
    }
    if (child == 0)
        prove_main(file, fds[1]);
    (void)close(fds[1]);
    sl_status st = read_report(child, fds[0], err);
    (void)close(fds[0]);
    return st;
}
