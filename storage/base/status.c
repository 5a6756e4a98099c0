/*
 * status.c - see status.h.
 */
#include "storage/base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

sl_status
sl_fail(struct sl_error *err, sl_status status, const char *format, ...)
{
    SL_ASSERT(status != SL_OK);
    if (err == NULL)
        return status;
    va_list args;
    va_start(args, format);
    (void)vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    err->status = status;
    err->os_errno = 0;
    err->sql_number = 0;
    return status;
}

sl_status
sl_fail_errno(struct sl_error *err, const char *format, ...)
{
    int os_errno = errno;
    if (err == NULL)
        return SL_IO;
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    size_t at = used < 0 ? 0 : sl_min_size((size_t)used, sizeof(err->text) - 1);
    char reason[96];
    (void)snprintf(&err->text[at], sizeof(err->text) - at, ": %s",
                   strerror_r(os_errno, reason, sizeof(reason)));
    err->status = SL_IO;
    err->os_errno = os_errno;
    err->sql_number = 0;
    return SL_IO;
}

void
sl_error_prefix(struct sl_error *err, const char *format, ...)
{
    if (err == NULL)
        return;
    char story[SL_ERROR_TEXT_BYTES];
    memcpy(story, err->text, sizeof(story));
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->text, sizeof(err->text), format, args);
    va_end(args);
    size_t at = used < 0 ? 0 : sl_min_size((size_t)used, sizeof(err->text) - 1);
    (void)snprintf(&err->text[at], sizeof(err->text) - at, ": %.200s", story);
}

const char *
sl_status_text(sl_status status)
{
    switch (status) {
#define X(name, value, text) \
    case SL_##name:          \
        return text;
        SL_STATUS_LIST(X)
#undef X
    }
    return "unknown status";
}
