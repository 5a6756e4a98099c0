/*
 * import.c - see import.h.
 *
 * Two passes over a file: the first computes its identity, and whether its beginning was
 * imported before (system.imports lists what the server has); the second parses and sends.
 * What can be read once only (standard input, a pipe, a device) has one pass and no identity.
 */
#include "client/import.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/import_job.h"
#include "client/result.h"
#include "storage/base/clock.h"

enum {
    PASS_BYTES = 256 << 10, /* hashed while they are in the cache */
    BATCH_ROWS = 32768,
    DEPTH_MAX = 32, /* of directories */
    PRODUCER_BYTES = 96,
};

bool
sl_import_type_parse(const char *name, enum sl_import_type *out_type)
{
    static const char *const names[] = {"auto", "nprobe", "csv", "json", "netflow"};
    for (unsigned i = 0; i < SL_COUNTOF(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *out_type = (enum sl_import_type)i;
            return true;
        }
    }
    return false;
}

/* The identity of `size_bytes` bytes with the hash `digest` (import.h). */
static struct sl_hash128
identity_of(struct sl_hash128 digest, uint64_t size_bytes)
{
    digest.high = (digest.high & UINT64_C(0xffffff)) | size_bytes << 24;
    return digest;
}

static uint64_t
size_in(struct sl_hash128 identity)
{
    return identity.high >> 24;
}

/* An import that the server knows. */
struct known_import {
    struct sl_hash128 identity;
    uint64_t offset;
    bool is_finished;
};

struct known_imports {
    struct known_import *imports; /* ascending by size */
    uint32_t count;
};

static int
compare_known(const void *a, const void *b)
{
    uint64_t size_a = size_in(((const struct known_import *)a)->identity);
    uint64_t size_b = size_in(((const struct known_import *)b)->identity);
    return size_a < size_b ? -1 : size_a > size_b;
}

static bool
parse_identity(struct sl_slice text, struct sl_hash128 *out_identity)
{
    char digits[33];
    char *end = NULL;
    if (text.size_bytes != 32)
        return false;
    memcpy(digits, text.bytes, 32);
    digits[32] = '\0';
    out_identity->low = strtoull(&digits[16], &end, 16);
    if (*end != '\0')
        return false;
    digits[16] = '\0';
    out_identity->high = strtoull(digits, &end, 16);
    return *end == '\0';
}

static sl_status
take_known(struct sl_result *result, struct known_imports *known, struct sl_error *err)
{
    for (;;) {
        const struct sl_vector *v = NULL;
        uint32_t count = 0;
        SL_TRY(sl_result_next(result, &v, &count, err));
        if (count == 0)
            return SL_OK;
        known->imports =
            sl_grow(known->imports, sizeof(*known->imports), (size_t)known->count + count);
        for (uint32_t row = 0; row < count; row++) {
            struct known_import *import = &known->imports[known->count];
            if (v[0].type != SL_TYPE_TEXT ||
                !parse_identity(sl_vector_slice(&v[0], row), &import->identity))
                return sl_fail(err, SL_FORMAT, "system.imports of the server is not understood");
            import->offset = sl_vector_u64(&v[1], row);
            import->is_finished = sl_vector_u64(&v[2], row) != 0;
            known->count++;
        }
    }
}

/* All imports of the server, by size. */
static sl_status
list_known(struct sl_connection *connection, struct known_imports *known, struct sl_error *err)
{
    static const char text[] = "SELECT id, `offset`, is_finished FROM system.imports LIMIT 1048576";
    struct sl_result *result = NULL;
    struct sl_result_options options = {0};
    SL_TRY(sl_result_start(connection, text, sizeof(text) - 1, &options, &result, err));
    sl_status st = take_known(result, known, err);
    sl_result_close(result);
    if (st == SL_OK && known->count != 0)
        qsort(known->imports, known->count, sizeof(*known->imports), compare_known);
    return st;
}

/* What the first pass found. */
struct identity {
    struct sl_hash128 whole;
    uint64_t size_bytes;
    uint64_t prefix_bytes; /* of the content, already durable under an older identity */
    bool is_finished;      /* the whole content was imported before */
};

struct first_pass {
    struct sl_hash_stream *stream;
    const struct known_imports *known;
    uint32_t next_known; /* the first one that ends behind what was hashed */
    struct identity *found;
};

/* Hash bytes, stopping wherever a known import ends, to see whether it is this content. */
static void
hash_piece(struct first_pass *p, const uint8_t *bytes, size_t size_bytes)
{
    while (size_bytes != 0) {
        size_t step = size_bytes;
        const struct known_import *import = NULL;
        if (p->next_known < p->known->count) {
            import = &p->known->imports[p->next_known];
            uint64_t until = size_in(import->identity) - p->found->size_bytes;
            step = until < step ? (size_t)until : step;
        }
        sl_hash_stream_update(p->stream, bytes, step);
        p->found->size_bytes += step;
        bytes += step;
        size_bytes -= step;
        while (import != NULL && size_in(import->identity) == p->found->size_bytes) {
            struct sl_hash128 here =
                identity_of(sl_hash_stream_digest(p->stream), p->found->size_bytes);
            if (here.low == import->identity.low && here.high == import->identity.high &&
                import->offset > p->found->prefix_bytes)
                p->found->prefix_bytes = import->offset;
            p->next_known++;
            import = p->next_known < p->known->count ? &p->known->imports[p->next_known] : NULL;
        }
    }
}

static sl_status
hash_input(struct first_pass *p, struct sl_input *input, const struct sl_import_options *options,
           struct sl_error *err)
{
    uint8_t *piece = sl_new(PASS_BYTES);
    sl_status st = SL_OK;
    for (;;) {
        size_t got = 0;
        st = sl_import_check(options, err);
        if (st == SL_OK)
            st = sl_input_read(input, piece, PASS_BYTES, &got, err);
        if (st != SL_OK || got == 0)
            break;
        hash_piece(p, piece, got);
    }
    free(piece);
    return st;
}

static sl_status
identify(struct sl_connection *connection, const char *path,
         const struct sl_import_options *options, struct identity *found, struct sl_error *err)
{
    struct known_imports known = {0};
    struct sl_input *input = NULL;
    SL_TRY(list_known(connection, &known, err));
    struct first_pass pass = {.known = &known, .found = found};
    while (pass.next_known < known.count && size_in(known.imports[pass.next_known].identity) == 0)
        pass.next_known++;
    sl_status st = sl_input_open(path, &input, err);
    if (st == SL_OK) {
        pass.stream = sl_hash_stream_create();
        st = hash_input(&pass, input, options, err);
        found->whole = identity_of(sl_hash_stream_digest(pass.stream), found->size_bytes);
        sl_hash_stream_destroy(pass.stream);
    }
    for (uint32_t i = 0; i < known.count && st == SL_OK; i++) {
        if (known.imports[i].identity.low == found->whole.low &&
            known.imports[i].identity.high == found->whole.high) {
            found->is_finished = known.imports[i].is_finished;
        }
    }
    sl_input_close(input);
    free(known.imports);
    return st;
}

/* What the file is, by its first bytes. */
static sl_status
guess_type(const char *path, const uint8_t *head, size_t head_bytes, enum sl_import_type *out_type,
           struct sl_error *err)
{
    *out_type = SL_IMPORT_NPROBE;
    static const uint8_t captures[][4] = {
        {0xd4, 0xc3, 0xb2, 0xa1}, {0xa1, 0xb2, 0xc3, 0xd4}, {0x4d, 0x3c, 0xb2, 0xa1},
        {0xa1, 0xb2, 0x3c, 0x4d}, {0x0a, 0x0d, 0x0d, 0x0a},
    };
    for (size_t i = 0; i < SL_COUNTOF(captures); i++)
        if (head_bytes >= 4 && memcmp(head, captures[i], 4) == 0)
            *out_type = SL_IMPORT_NETFLOW;
    if (*out_type == SL_IMPORT_NETFLOW)
        return SL_OK;
    if (head_bytes != 0 && memchr(head, '\0', head_bytes) != NULL)
        return sl_fail(err, SL_FORMAT,
                       "%.120s is neither text nor a capture: none of nprobe, csv, json, netflow",
                       path);
    size_t blank = 0;
    while (blank < head_bytes && (head[blank] == ' ' || head[blank] == '\t' ||
                                  head[blank] == '\r' || head[blank] == '\n'))
        blank++;
    if (blank < head_bytes && (head[blank] == '{' || head[blank] == '['))
        *out_type = SL_IMPORT_JSON;
    return SL_OK;
}

static sl_status
decide_type(struct sl_import_job *job, struct sl_error *err)
{
    const uint8_t *head = NULL;
    size_t head_bytes = 0;
    job->type = job->options->type;
    if (job->type != SL_IMPORT_AUTO)
        return SL_OK;
    SL_TRY(sl_input_peek(job->input, &head, &head_bytes, err));
    return guess_type(job->path, head, head_bytes, &job->type, err);
}

static sl_status
run_reader(struct sl_import_job *job, struct sl_error *err)
{
    switch (job->type) {
    case SL_IMPORT_JSON:
        return sl_import_json(job, err);
    case SL_IMPORT_NETFLOW:
        return sl_import_netflow(job, err);
    case SL_IMPORT_AUTO:
    case SL_IMPORT_NPROBE:
    case SL_IMPORT_CSV:
        break;
    }
    return sl_import_text(job, err);
}

static sl_status
finish(struct sl_connection *connection, struct sl_hash128 identity, enum sl_wire_import_verb verb,
       struct sl_error *err)
{
    struct sl_wire_frame frame;
    struct sl_wire_import import = {.verb = verb, .id = identity};
    sl_wire_import_encode(sl_connection_out(connection), sl_connection_tag(connection), &import);
    SL_TRY(sl_connection_send(connection, err));
    return sl_connection_expect(connection, SL_WIRE_DONE, &frame, err);
}

/* Where the import goes on, asked when nobody else can add to it any more: between the first pass
 * and the opening of the producer, batches of a client that died may have become durable, or
 * another import of the same content may have finished. */
static sl_status
find_place(struct sl_connection *connection, struct sl_import_job *job, bool *out_is_finished,
           struct sl_error *err)
{
    struct sl_wire_frame frame;
    struct sl_wire_import_state state;
    struct sl_wire_import import = {.verb = SL_WIRE_IMPORT_FIND, .id = job->identity};
    *out_is_finished = false;
    if (!job->has_identity)
        return SL_OK;
    if (job->options->is_again)
        return finish(connection, job->identity, SL_WIRE_IMPORT_FORGET, err);
    sl_wire_import_encode(sl_connection_out(connection), sl_connection_tag(connection), &import);
    SL_TRY(sl_connection_send(connection, err));
    SL_TRY(sl_connection_expect(connection, SL_WIRE_IMPORT_STATE, &frame, err));
    SL_TRY(sl_wire_import_state_decode(&frame, &state, err));
    *out_is_finished = state.is_finished;
    if (state.offset > job->resume_bytes)
        job->resume_bytes = state.offset;
    return SL_OK;
}

/* One producer for each content, so that two imports at once do not fence each other, and an
 * import that goes on has the numbers of the one before. */
static void
name_producer(const struct sl_import_job *job, char name[PRODUCER_BYTES])
{
    if (job->has_identity)
        (void)snprintf(name, PRODUCER_BYTES, "import:%016" PRIx64 "%016" PRIx64, job->identity.high,
                       job->identity.low);
    else
        (void)snprintf(name, PRODUCER_BYTES, "import:stdin:%" PRId64 ":%ld", sl_clock_now_us(),
                       (long)getpid());
}

static sl_status
run_job(struct sl_connection *connection, struct sl_import_job *job, struct sl_error *err)
{
    char producer[PRODUCER_BYTES];
    name_producer(job, producer);
    job->started_us = sl_clock_monotonic_us();
    SL_TRY(sl_inserter_open(connection, producer, &job->inserter, err));
    job->schema = sl_schema_create();
    job->builder = sl_builder_create(BATCH_ROWS);
    bool is_finished = false;
    sl_status st = find_place(connection, job, &is_finished, err);
    if (st == SL_OK && is_finished)
        job->totals->files_known++;
    else if (st == SL_OK)
        st = run_reader(job, err);
    /* After damage and a stop too: what is good before it stays. */
    if (st == SL_OK || st == SL_FORMAT || st == SL_CANCELLED) {
        sl_status waited = sl_inserter_wait(job->inserter, st == SL_OK ? err : NULL);
        st = st == SL_OK ? waited : st;
    }
    /* A file of bad rows only was not imported: said again when it comes again. */
    bool is_refused = job->rows_read != 0 && job->rows_sent == 0 && job->resume_bytes == 0;
    if (st == SL_OK && job->has_identity && !is_refused && !is_finished)
        st = finish(connection, job->identity, SL_WIRE_IMPORT_FINISH, err);
    job->totals->rows_stored += sl_inserter_durable_rows(job->inserter);
    job->totals->elapsed_us += sl_clock_monotonic_us() - job->started_us;
    sl_builder_destroy(job->builder);
    sl_schema_destroy(job->schema);
    sl_inserter_close(job->inserter);
    return st;
}

static sl_status
import_file(struct sl_connection *connection, const char *path, bool is_regular,
            const struct sl_import_options *options, struct sl_import_totals *totals,
            struct sl_error *err)
{
    struct identity found = {0};
    struct sl_import_job job = {.options = options, .totals = totals, .path = path};
    totals->files++;
    if (is_regular)
        SL_TRY(identify(connection, path, options, &found, err));
    if (found.is_finished && !options->is_again) {
        totals->files_known++;
        return SL_OK;
    }
    job.has_identity = is_regular && found.size_bytes != 0;
    job.identity = found.whole;
    job.size_bytes = found.size_bytes;
    job.resume_bytes = options->is_again ? 0 : found.prefix_bytes;
    SL_TRY(sl_input_open(path, &job.input, err));
    sl_status st = decide_type(&job, err);
    if (st == SL_OK)
        st = run_job(connection, &job, err);
    sl_input_close(job.input);
    return st;
}

static bool
has_suffix(const char *name, const char *suffix)
{
    size_t size = strlen(name);
    size_t wanted = strlen(suffix);
    return size >= wanted && strcmp(&name[size - wanted], suffix) == 0;
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Is it the file that failed, and not the server, or what lies between? */
static bool
is_of_file(const struct sl_connection *connection, sl_status st, const struct sl_error *err)
{
    if (sl_connection_is_broken(connection))
        return false;
    /* An error of the system's calls is ours: the server's come without a number. */
    return st == SL_FORMAT || st == SL_UNSUPPORTED || (st == SL_IO && err->os_errno != 0);
}

/* A file that cannot be read as flows is told in the end, and the others are read. */
static sl_status
note_failed_file(const struct sl_connection *connection, const struct sl_import_options *options,
                 struct sl_import_totals *totals, sl_status st, const struct sl_error *err)
{
    if (st == SL_OK || options->is_strict || !is_of_file(connection, st, err))
        return st;
    if (totals->files_failed < SL_IMPORT_FAILURES_MAX)
        (void)snprintf(totals->failures[totals->files_failed], SL_IMPORT_REASON_BYTES, "%s",
                       err->text);
    totals->files_failed++;
    return SL_OK;
}

/* What is no file that was opened counts among the files all the same: it may hold some. */
static sl_status
fail_path(struct sl_import_totals *totals, const char *what, const char *path, struct sl_error *err)
{
    totals->files++;
    return sl_fail_errno(err, "%s %s", what, path);
}

/* Recursion follows directories, at most DEPTH_MAX deep; links are not followed below the first
 * path. */
static sl_status
import_below(struct sl_connection *connection, const char *path, unsigned depth,
             const struct sl_import_options *options, struct sl_import_totals *totals,
             struct sl_error *err)
{
    struct stat info = {0};
    if (strcmp(path, "-") != 0 && (depth == 0 ? stat(path, &info) : lstat(path, &info)) != 0)
        return fail_path(totals, "import", path, err);
    if (strcmp(path, "-") == 0 || S_ISREG(info.st_mode) || (depth == 0 && !S_ISDIR(info.st_mode)))
        return import_file(connection, path, S_ISREG(info.st_mode), options, totals, err);
    if (!S_ISDIR(info.st_mode))
        return SL_OK;
    if (depth == DEPTH_MAX)
        return sl_fail(err, SL_UNSUPPORTED, "%s lies more than %d directories deep", path,
                       DEPTH_MAX);
    struct dirent **entries = NULL;
    int count = scandir(path, &entries, NULL, by_name);
    if (count < 0)
        return fail_path(totals, "read directory", path, err);
    sl_status st = SL_OK;
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (st == SL_OK && name[0] != '.' && !has_suffix(name, ".temp")) {
            char below[SL_PATH_BYTES_MAX];
            int used = snprintf(below, sizeof(below), "%s/%s", path, name);
            if (used < 0 || (size_t)used >= sizeof(below))
                st = sl_fail(err, SL_UNSUPPORTED, "a path below %s is too long", path);
            else
                st = import_below(connection, below, depth + 1, options, totals, err);
            st = note_failed_file(connection, options, totals, st, err);
        }
        free(entries[i]);
    }
    free(entries);
    return st;
}

sl_status
sl_import_path(struct sl_connection *connection, const char *path,
               const struct sl_import_options *options, struct sl_import_totals *totals,
               struct sl_error *err)
{
    struct sl_error story = {0};
    sl_status st = import_below(connection, path, 0, options, totals, &story);
    st = note_failed_file(connection, options, totals, st, &story);
    if (st != SL_OK && err != NULL)
        *err = story;
    return st;
}
