/*
 * import_json.c - the only user of jansson: flows as JSON. See import.h.
 *
 * One object a line (ND-JSON), the form of nProbe's and ntopng's exports; a line that holds an
 * array holds a flow in each element. Keys are names of fields in any form, also numbers of
 * elements ("8", "35632.118"). A nested object or array is kept as its text.
 */
#include <jansson.h>

#include "client/import_job.h"

enum { KEYS_MAX = 1024, NUMBER_BYTES = 40 };

struct json_reader {
    struct sl_import_job *job;
    /* Keys met so far and what they mean: exporters repeat the same few in every object. */
    struct {
        char *name;
        struct sl_field field;
    } keys[KEYS_MAX];
    uint32_t key_count;
    uint32_t next_key; /* the likely one: objects list their keys in one order */
};

static sl_status
find_key(struct json_reader *r, const char *name, const struct sl_field **out_field,
         struct sl_error *err)
{
    for (uint32_t i = 0; i < r->key_count; i++) {
        uint32_t at = (r->next_key + i) % r->key_count;
        if (strcmp(r->keys[at].name, name) == 0) {
            r->next_key = at + 1;
            *out_field = &r->keys[at].field;
            return SL_OK;
        }
    }
    if (r->key_count == KEYS_MAX)
        return sl_fail(err, SL_LIMIT, "more than %d different keys", KEYS_MAX);
    SL_TRY(sl_field_find(r->job->schema, name, strlen(name), &r->keys[r->key_count].field, err));
    r->keys[r->key_count].name = sl_new_string(name);
    *out_field = &r->keys[r->key_count++].field;
    return SL_OK;
}

static sl_status
set_value(struct json_reader *r, const struct sl_field *field, json_t *value, struct sl_error *err)
{
    struct sl_import_job *job = r->job;
    char number[NUMBER_BYTES];
    int used = 0;
    switch (json_typeof(value)) {
    case JSON_NULL:
        return SL_OK;
    case JSON_STRING:
        return sl_field_set(field, job->schema, job->builder, json_string_value(value),
                            json_string_length(value), err);
    case JSON_INTEGER:
        used = snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        used = snprintf(number, sizeof(number), "%.6f", json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        used = snprintf(number, sizeof(number), "%d", json_is_true(value) ? 1 : 0);
        break;
    case JSON_OBJECT:
    case JSON_ARRAY: {
        char *text = json_dumps(value, JSON_COMPACT);
        if (text == NULL)
            return sl_fail(err, SL_LIMIT, "no memory for a nested value");
        sl_status st = sl_field_set(field, job->schema, job->builder, text, strlen(text), err);
        free(text);
        return st;
    }
    }
    if (used <= 0 || (size_t)used >= sizeof(number))
        return sl_fail(err, SL_FORMAT, "a number out of any range");
    return sl_field_set(field, job->schema, job->builder, number, (size_t)used, err);
}

static sl_status
read_object(struct json_reader *r, json_t *object, struct sl_error *err)
{
    const char *key = NULL;
    json_t *value = NULL;
    struct sl_import_job *job = r->job;
    if (!json_is_object(object))
        return sl_fail(err, SL_FORMAT, "a flow is a JSON object");
    json_object_foreach(object, key, value)
    {
        const struct sl_field *field = NULL;
        SL_TRY(find_key(r, key, &field, err));
        SL_TRY(set_value(r, field, value, err));
    }
    if (job->options->exporter != NULL) {
        const struct sl_column *column = sl_schema_at(job->schema, SL_COLUMN_EXPORTER_ADDR);
        struct sl_builder_column *c = sl_builder_column(job->builder, column);
        struct sl_field field = {.column = column};
        if (!sl_bit_get(c->present, job->builder->row_count))
            return sl_field_set(&field, job->schema, job->builder, job->options->exporter,
                                strlen(job->options->exporter), err);
    }
    return SL_OK;
}

static sl_status
read_document(struct json_reader *r, json_t *document, uint64_t number, uint64_t offset_bytes,
              struct sl_error *err)
{
    if (!json_is_array(document)) {
        sl_status st = read_object(r, document, err);
        return sl_import_job_row(r->job, number, offset_bytes, st, err);
    }
    size_t count = json_array_size(document);
    struct sl_builder *builder = r->job->builder;
    if (count > builder->capacity) {
        sl_status st = sl_fail(err, SL_LIMIT, "more than %u flows in one line", builder->capacity);
        return sl_import_job_row(r->job, number, offset_bytes, st, err);
    }
    /* A batch never ends inside a line: an import goes on between lines. */
    if (count > builder->capacity - builder->row_count)
        SL_TRY(sl_import_job_send(r->job, r->job->done_bytes, err));
    for (size_t i = 0; i < count; i++) {
        sl_status st = read_object(r, json_array_get(document, i), err);
        /* The import goes on behind the line only when its last flow is in. */
        uint64_t offset = i + 1 == count ? offset_bytes : 0;
        SL_TRY(sl_import_job_row(r->job, number, offset, st, err));
    }
    return SL_OK;
}

static sl_status
take_line(void *context, char *line, size_t line_bytes, uint64_t number, uint64_t offset_bytes,
          struct sl_error *err)
{
    struct json_reader *r = context;
    json_error_t problem;
    if (line_bytes == 0 || r->job->line_bytes < r->job->resume_bytes)
        return SL_OK;
    json_t *document = json_loadb(line, line_bytes, JSON_REJECT_DUPLICATES, &problem);
    if (document == NULL) {
        sl_status st =
            sl_fail(err, SL_FORMAT, "column %d: %.120s (flows are one JSON object a line)",
                    problem.column, problem.text);
        return sl_import_job_row(r->job, number, offset_bytes, st, err);
    }
    sl_status st = read_document(r, document, number, offset_bytes, err);
    json_decref(document);
    return st;
}

sl_status
sl_import_json(struct sl_import_job *job, struct sl_error *err)
{
    struct json_reader *r = sl_new(sizeof(*r));
    r->job = job;
    const struct sl_import_line_reader reader = {.context = r, .take = take_line};
    sl_status st = sl_import_job_lines(job, &reader, err);
    for (uint32_t i = 0; i < r->key_count; i++)
        free(r->keys[i].name);
    free(r);
    return st;
}
