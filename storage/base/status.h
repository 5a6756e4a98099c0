/*
 * status.h - how a sluice function says that it could not do its work.
 *
 * Three kinds of trouble, three answers:
 *
 *   a bug in sluice        -> SL_ASSERT, the process stops (see base.h)
 *   the world said no      -> a status is returned: disk full, peer gone, bad SQL
 *   data failed its proof  -> SL_CORRUPT is returned, and nothing is repaired silently
 *
 * A status is the class of the trouble: callers branch on it, the wire protocol
 * carries it, tests name it. The story (which file, which offset, which errno)
 * goes to the caller's struct sl_error, written once, where the fact is known.
 *
 * Threads: an sl_error belongs to one thread at a time.
 */
#ifndef SLUICE_STORAGE_BASE_STATUS_H
#define SLUICE_STORAGE_BASE_STATUS_H

#include "storage/base/base.h"

/* code, wire value, text. Wire values are a published protocol: never reuse one. */
#define SL_STATUS_LIST(X)                                        \
    X(OK, 0, "ok")                                               \
    X(IO, 1, "the operating system refused an operation")        \
    X(CORRUPT, 2, "stored bytes failed verification")            \
    X(FORMAT, 3, "input is not in the expected format")          \
    X(LIMIT, 4, "a documented limit was reached")                \
    X(MISSING, 5, "no such object")                              \
    X(CANCELLED, 6, "the caller gave up")                        \
    X(VERSION, 7, "written by a version this build cannot read") \
    X(EXISTS, 8, "the object exists already")                    \
    X(FENCED, 9, "a newer connection took over this producer")   \
    X(SYNTAX, 10, "the statement is not valid SQL")              \
    X(NAME, 11, "the statement names something unknown")         \
    X(TYPE, 12, "the statement combines values that do not fit") \
    X(TIMEOUT, 13, "the deadline passed")                        \
    X(UNSUPPORTED, 14, "not supported")                          \
    X(DENIED, 15, "access denied")                               \
    X(READONLY, 16, "the store does not accept writes")

typedef enum sl_status {
#define X(name, value, text) SL_##name = (value),
    SL_STATUS_LIST(X)
#undef X
} sl_status;

enum { SL_ERROR_TEXT_BYTES = 240 };

/*
 * The story of one failure. The caller owns it, usually on the stack, and may
 * pass NULL when the class is enough. Zero-initialise: struct sl_error e = {0};
 */
struct sl_error {
    sl_status status;
    int os_errno;        /* 0 when no system call was involved */
    uint16_t sql_number; /* MySQL error number, 0 when the class decides (1064, 1054 ...) */
    char text[SL_ERROR_TEXT_BYTES];
};

/* Record the failure (err may be NULL) and return `status`, so that call sites
 * read: return sl_fail(err, SL_FORMAT, "template %u has no fields", id); */
SL_PRINTF(3, 4)
sl_status sl_fail(struct sl_error *err, sl_status status, const char *format, ...);

/* The same for a failed system call: reads errno first, class SL_IO. */
SL_PRINTF(2, 3)
sl_status sl_fail_errno(struct sl_error *err, const char *format, ...);

/* "what: story": a caller that knows better puts its context in front. err may be NULL.
 * Returns nothing: the status that is passed on is the one the caller already holds. */
SL_PRINTF(2, 3)
void sl_error_prefix(struct sl_error *err, const char *format, ...);

/* The text of the class, e.g. "stored bytes failed verification". Never NULL. */
const char *sl_status_text(sl_status status);

/*
 * Return early from a function that owns nothing yet. This is the one macro in
 * the house that hides a jump. A function that does own something says
 * `if ((st = f()) != SL_OK) goto fail;` in the open.
 */
#define SL_TRY(call)                    \
    do {                                \
        sl_status try_status_ = (call); \
        if (try_status_ != SL_OK)       \
            return try_status_;         \
    } while (0)

#endif
