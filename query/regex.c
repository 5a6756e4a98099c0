/*
 * regex.c - see regex.h.
 *
 * PCRE2 allocates from an arena, through its general context; what it frees goes with the arena.
 */
#include "query/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "query/function_row.h"
#include "query/value.h"

/* Places of the text between two checks. */
enum { PLACES = 256 };

struct sl_regex {
    pcre2_code *code;
};

/* What a match writes to: one for all rows of an evaluation. */
struct sl_regex_scratch {
    pcre2_match_data *data;
    pcre2_match_context *context;
};

static void *
take(PCRE2_SIZE bytes, void *arena)
{
    return sl_arena_alloc(arena, bytes);
}

static void
leave(void *memory, void *arena)
{
    (void)memory;
    (void)arena;
}

static sl_status
fail_numbered(struct sl_error *err, sl_status status, uint16_t number, int code)
{
    PCRE2_UCHAR story[120];

    (void)pcre2_get_error_message(code, story, sizeof(story));
    (void)sl_fail(err, status, "regular expression: %s", (const char *)story);
    if (err != NULL)
        err->sql_number = number;
    return status;
}

sl_status
sl_regex_compile(struct sl_slice pattern, bool is_binary, struct sl_arena *arena,
                 struct sl_regex **out_regex, struct sl_error *err)
{
    uint32_t options = PCRE2_NEVER_BACKSLASH_C | PCRE2_USE_OFFSET_LIMIT;
    pcre2_general_context *memory = pcre2_general_context_create(take, leave, arena);
    pcre2_compile_context *context = memory == NULL ? NULL : pcre2_compile_context_create(memory);
    struct sl_regex *regex = sl_arena_calloc(arena, 1, sizeof(*regex));
    PCRE2_SIZE offset;
    int code;

    if (context == NULL || regex == NULL)
        return sl_fail_memory(err);
    if (!is_binary)
        options |= PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_CASELESS;
    (void)pcre2_set_max_pattern_length(context, SL_REGEX_PATTERN_BYTES_MAX);
    regex->code =
        pcre2_compile(pattern.bytes, pattern.size_bytes, options, &code, &offset, context);
    if (regex->code == NULL)
        return fail_numbered(err, SL_TYPE, 1139, code); /* ER_REGEXP_ERROR */
    *out_regex = regex;
    return SL_OK;
}

static struct sl_regex_scratch *
scratch_of(struct sl_eval *eval)
{
    if (eval->regex_scratch != NULL)
        return eval->regex_scratch;
    pcre2_general_context *memory = pcre2_general_context_create(take, leave, eval->arena);
    struct sl_regex_scratch *scratch = sl_arena_calloc(eval->arena, 1, sizeof(*scratch));
    if (memory == NULL || scratch == NULL)
        return NULL;
    scratch->data = pcre2_match_data_create(1, memory);
    scratch->context = pcre2_match_context_create(memory);
    if (scratch->data == NULL || scratch->context == NULL)
        return NULL;
    (void)pcre2_set_match_limit(scratch->context, SL_REGEX_STEPS_MAX);
    (void)pcre2_set_heap_limit(scratch->context, SL_REGEX_HEAP_KIB_MAX);
    return eval->regex_scratch = scratch;
}

/* The first place at or behind `at` where a character begins. */
static size_t
next_place(struct sl_slice text, size_t at)
{
    while (at < text.size_bytes && (text.bytes[at] & 0xc0) == 0x80)
        at++;
    return at;
}

sl_status
sl_regex_match(const struct sl_regex *regex, struct sl_eval *eval, struct sl_slice text,
               bool *out_found)
{
    struct sl_regex_scratch *scratch = scratch_of(eval);
    size_t at = 0;

    if (scratch == NULL)
        return sl_fail_memory(eval->err);
    *out_found = false;
    do {
        if (at > 0 && eval->check != NULL)
            SL_TRY(eval->check(eval->check_context, eval->err));
        (void)pcre2_set_offset_limit(scratch->context, at + PLACES - 1);
        int code = pcre2_match(regex->code, text.bytes, text.size_bytes, at, 0, scratch->data,
                               scratch->context);
        if (code == PCRE2_ERROR_MATCHLIMIT || code == PCRE2_ERROR_HEAPLIMIT ||
            code == PCRE2_ERROR_DEPTHLIMIT || code == PCRE2_ERROR_NOMEMORY)
            return fail_numbered(eval->err, SL_LIMIT, 3699, code); /* ER_REGEXP_TIME_OUT */
        *out_found = code >= 0;
        at = next_place(text, at + PLACES);
    } while (!*out_found && at <= text.size_bytes);
    return SL_OK;
}

/* REGEXP whose pattern is no constant: compiled for this row, in memory of its own. */
sl_status
sl_row_regexp(struct sl_eval *eval, const struct sl_expr *call, const struct sl_value *args,
              struct sl_value *out)
{
    enum { MEMORY_BYTES = 4 << 20 };
    struct sl_arena *arena = sl_arena_create(MEMORY_BYTES);
    struct sl_eval own = {.arena = arena,
                          .warnings = eval->warnings,
                          .err = eval->err,
                          .check = eval->check,
                          .check_context = eval->check_context};
    struct sl_regex *regex = NULL;
    bool is_found = false;

    sl_status st =
        sl_regex_compile(args[1].as.slice, call->type.is_binary, arena, &regex, eval->err);
    if (st == SL_OK) {
        SL_ASSERT(regex != NULL);
        st = sl_regex_match(regex, &own, args[0].as.slice, &is_found);
    }
    sl_arena_destroy(arena);
    out->as.u64 = is_found;
    return st;
}
