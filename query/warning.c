/*
 * warning.c - see warning.h.
 */
#include "query/warning.h"

#include <stdarg.h>
#include <stdio.h>

void
sl_warnings_init(struct sl_warnings *warnings)
{
    *warnings = (struct sl_warnings){.room = SL_WARNINGS_MAX};
}

void
sl_warnings_fini(struct sl_warnings *warnings)
{
    uint32_t places = sl_warnings_places(warnings);

    for (uint32_t i = 0; i < places; i++) {
        free(warnings->kept[i]);
        warnings->kept[i] = NULL;
    }
    atomic_store_explicit(&warnings->total, 0, memory_order_relaxed);
}

void
sl_warnings_take(struct sl_warnings *target, struct sl_warnings *source)
{
    uint32_t places = sl_warnings_places(source);

    sl_warnings_fini(target);
    for (uint32_t i = 0; i < places; i++) {
        target->kept[i] = source->kept[i];
        source->kept[i] = NULL;
    }
    atomic_store_explicit(&target->total, sl_warnings_total(source), memory_order_relaxed);
    atomic_store_explicit(&source->total, 0, memory_order_relaxed);
}

struct sl_warning *
sl_warnings_count(struct sl_warnings *warnings)
{
    if (warnings == NULL)
        return NULL;
    uint64_t number = atomic_fetch_add_explicit(&warnings->total, 1, memory_order_relaxed);
    if (number >= warnings->room)
        return NULL;
    return warnings->kept[number] = sl_try_alloc(sizeof(struct sl_warning));
}

void
sl_warnings_add(struct sl_warnings *warnings, enum sl_warning_level level, uint16_t number,
                const char *format, ...)
{
    struct sl_warning *warning = sl_warnings_count(warnings);
    va_list args;

    if (warning == NULL)
        return;
    warning->level = level;
    warning->number = number;
    va_start(args, format);
    (void)vsnprintf(warning->text, sizeof(warning->text), format, args);
    va_end(args);
}

uint32_t
sl_warnings_of_level(const struct sl_warnings *warnings, enum sl_warning_level level)
{
    uint32_t places = sl_warnings_places(warnings);
    uint32_t count = 0;

    for (uint32_t i = 0; i < places; i++)
        count += warnings->kept[i] != NULL && warnings->kept[i]->level == level;
    return count;
}

/* Bytes of the character that starts here; 0: none does, or it is no character of a line. */
static size_t
character_bytes(const uint8_t *bytes, size_t size_bytes)
{
    size_t length = bytes[0] < 0x80   ? 1
                    : bytes[0] < 0xc2 ? 0
                    : bytes[0] < 0xe0 ? 2
                    : bytes[0] < 0xf0 ? 3
                    : bytes[0] < 0xf5 ? 4
                                      : 0;

    if (length > size_bytes || bytes[0] < ' ' || bytes[0] == 0x7f)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((bytes[i] & 0xc0) != 0x80)
            return 0;
    return length;
}

void
sl_warning_show_value(const uint8_t *bytes, size_t size_bytes, char text[SL_WARNING_VALUE_BYTES])
{
    size_t used = 0;

    for (size_t at = 0; at < size_bytes;) {
        size_t length = character_bytes(&bytes[at], size_bytes - at);
        size_t shown = length == 0 ? 4 : length;
        if (used + shown >= SL_WARNING_VALUE_BYTES)
            break;
        if (length == 0)
            (void)snprintf(&text[used], 5, "\\x%02X", bytes[at]);
        else
            memcpy(&text[used], &bytes[at], length);
        used += shown;
        at += length == 0 ? 1 : length;
    }
    text[used] = '\0';
}
