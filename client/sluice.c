/*
 * sluice.c - see sluice.h. A thin coat over connection, result and inserter.
 */
#include "client/sluice.h"

#include <stdio.h>

#include "client/connection.h"
#include "client/inserter.h"
#include "client/result.h"
#include "storage/base/clock.h"
#include "storage/field.h"
#include "storage/value_text.h"

enum { BATCH_ROWS = 16384, FIELD_NAMES_MAX = 1024, TEXT_BYTES_MAX = 32 << 20 };

struct sluice {
    char *address; /* owned; NULL: the default */
    struct sl_credentials credentials;
    struct sl_connection *connection;
};

struct sluice_result {
    struct sl_result *result;
    const struct sl_wire_column *columns;
    uint32_t column_count;
    const struct sl_vector *vectors; /* of the current rows */
    uint32_t row_count;
    uint32_t row; /* the current one, when has_row */
    bool has_row;
    struct sl_buf *texts; /* one a column */
};

struct sluice_producer {
    struct sl_inserter *inserter;
    struct sl_schema *schema;
    struct sl_builder *builder;
    struct {
        char *name;
        struct sl_field field;
    } fields[FIELD_NAMES_MAX]; /* names met so far */
    unsigned field_count;
};

/* The library's error out of ours; true when there was none. */
static bool
tell(sl_status st, const struct sl_error *err, struct sluice_error *out)
{
    if (out != NULL) {
        *out = (struct sluice_error){.status = (int)st};
        if (st != SL_OK) {
            out->mysql_number = err->sql_number;
            (void)snprintf(out->text, sizeof(out->text), "%s", err->text);
        }
    }
    return st == SL_OK;
}

struct sluice *
sluice_connect(const char *address, struct sluice_error *error)
{
    struct sl_error err = {0};
    struct sl_connection *connection = NULL;
    struct sl_credentials credentials = {0};
    sl_status st = sl_credentials_find(NULL, NULL, NULL, &credentials, &err);
    if (st == SL_OK)
        st = sl_connection_open(address, &credentials, &connection, &err);
    if (!tell(st, &err, error)) {
        sl_credentials_fini(&credentials);
        return NULL;
    }
    struct sluice *db = sl_new(sizeof(*db));
    db->connection = connection;
    db->credentials = credentials;
    db->address = address == NULL ? NULL : sl_new_string(address);
    return db;
}

void
sluice_close(struct sluice *db)
{
    if (db == NULL)
        return;
    sl_connection_close(db->connection);
    sl_credentials_fini(&db->credentials);
    free(db->address);
    free(db);
}

struct sluice_result *
sluice_query(struct sluice *db, const char *sql, struct sluice_error *error)
{
    struct sl_error err = {0};
    struct sl_result *result = NULL;
    struct sl_result_options options = {0};
    sl_status st = sl_result_start(db->connection, sql, strlen(sql), &options, &result, &err);
    if (!tell(st, &err, error))
        return NULL;
    struct sluice_result *r = sl_new(sizeof(*r));
    r->result = result;
    r->columns = sl_result_columns(result, &r->column_count);
    r->texts = sl_new(r->column_count * sizeof(struct sl_buf));
    for (uint32_t i = 0; i < r->column_count; i++)
        r->texts[i] = sl_buf_empty(TEXT_BYTES_MAX);
    return r;
}

void
sluice_result_close(struct sluice_result *r)
{
    if (r == NULL)
        return;
    for (uint32_t i = 0; i < r->column_count; i++)
        sl_buf_fini(&r->texts[i]);
    free(r->texts);
    sl_result_close(r->result);
    free(r);
}

unsigned
sluice_result_column_count(const struct sluice_result *r)
{
    return r->column_count;
}

const char *
sluice_result_column_name(const struct sluice_result *r, unsigned column)
{
    SL_ASSERT(column < r->column_count);
    return r->columns[column].name;
}

enum sluice_kind
sluice_result_column_kind(const struct sluice_result *r, unsigned column)
{
    SL_ASSERT(column < r->column_count);
    switch (r->columns[column].type) {
    case SL_TYPE_U8:
    case SL_TYPE_U16:
    case SL_TYPE_U32:
    case SL_TYPE_U64:
    case SL_TYPE_I64:
    case SL_TYPE_BOOL:
        return SLUICE_INTEGER;
    case SL_TYPE_F64:
        return SLUICE_DOUBLE;
    case SL_TYPE_DECIMAL:
        return SLUICE_DECIMAL;
    case SL_TYPE_TIME:
        return SLUICE_TIME;
    case SL_TYPE_ADDR:
        return SLUICE_ADDRESS;
    case SL_TYPE_TEXT:
        return SLUICE_TEXT;
    case SL_TYPE_OCTETS:
        return SLUICE_BYTES;
    case SL_TYPE_NULL:
        return SLUICE_NULL;
    case SL_TYPE_MAC:
    case SL_TYPE_DATE:
    case SL_TYPE_SPAN:
    case SL_TYPE_COUNT:
        break;
    }
    return SLUICE_OTHER;
}

bool
sluice_result_next(struct sluice_result *r, struct sluice_error *error)
{
    struct sl_error err = {0};
    sl_status st = SL_OK;
    if (r->has_row)
        r->row++;
    if (!r->has_row || r->row == r->row_count) {
        st = sl_result_next(r->result, &r->vectors, &r->row_count, &err);
        r->row = 0;
    }
    r->has_row = st == SL_OK && r->row_count != 0;
    return tell(st, &err, error) && r->has_row;
}

static const struct sl_vector *
current(const struct sluice_result *r, unsigned column)
{
    SL_ASSERT(column < r->column_count && r->has_row);
    return &r->vectors[column];
}

bool
sluice_result_is_null(const struct sluice_result *r, unsigned column)
{
    return sl_vector_is_null(current(r, column), r->row);
}

const char *
sluice_result_text(struct sluice_result *r, unsigned column)
{
    const struct sl_vector *v = current(r, column);
    if (sl_vector_is_null(v, r->row))
        return NULL;
    struct sl_buf *text = &r->texts[column];
    sl_buf_clear(text);
    sl_value_format(v, r->row, text);
    sl_buf_u8(text, '\0');
    return text->bad ? NULL : (const char *)text->bytes;
}

int64_t
sluice_result_integer(const struct sluice_result *r, unsigned column)
{
    const struct sl_vector *v = current(r, column);
    if (sl_vector_is_null(v, r->row))
        return 0;
    if (sl_type_is_signed(v->type))
        return (int64_t)sl_vector_u64(v, r->row);
    if (sl_type_is_unsigned(v->type)) {
        uint64_t value = sl_vector_u64(v, r->row);
        return value > INT64_MAX ? INT64_MAX : (int64_t)value;
    }
    if (v->type == SL_TYPE_DECIMAL) {
        sl_i128 value = sl_vector_i128(v, r->row);
        for (unsigned i = 0; i < v->scale; i++)
            value /= 10;
        return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (int64_t)value;
    }
    if (v->type == SL_TYPE_F64) {
        double value = sl_vector_f64(v, r->row);
        return value >= 0x1p63 ? INT64_MAX : value < -0x1p63 ? INT64_MIN : (int64_t)value;
    }
    return 0;
}

double
sluice_result_double(const struct sluice_result *r, unsigned column)
{
    const struct sl_vector *v = current(r, column);
    if (sl_vector_is_null(v, r->row))
        return 0;
    if (v->type == SL_TYPE_F64)
        return sl_vector_f64(v, r->row);
    if (v->type == SL_TYPE_DECIMAL) {
        double value = (double)sl_vector_i128(v, r->row);
        for (unsigned i = 0; i < v->scale; i++)
            value /= 10;
        return value;
    }
    if (v->type == SL_TYPE_U64)
        return (double)sl_vector_u64(v, r->row);
    return (double)sluice_result_integer(r, column);
}

const void *
sluice_result_bytes(const struct sluice_result *r, unsigned column, size_t *out_size)
{
    const struct sl_vector *v = current(r, column);
    *out_size = 0;
    if (!sl_type_is_bytes(v->type) || sl_vector_is_null(v, r->row))
        return NULL;
    struct sl_slice slice = sl_vector_slice(v, r->row);
    *out_size = slice.size_bytes;
    return slice.bytes;
}

uint64_t
sluice_result_affected(const struct sluice_result *r)
{
    return sl_result_done(r->result)->affected_rows;
}

bool
sluice_cancel(struct sluice *db, struct sluice_error *error)
{
    struct sl_error err = {0};
    sl_status st =
        sl_connection_cancel(db->address, &db->credentials, sl_connection_id(db->connection), &err);
    return tell(st, &err, error);
}

bool
sluice_flush(struct sluice *db, struct sluice_error *error)
{
    struct sl_error err = {0};
    struct sl_wire_frame frame;
    sl_wire_flush_encode(sl_connection_out(db->connection), sl_connection_tag(db->connection), 0);
    sl_status st = sl_connection_send(db->connection, &err);
    if (st == SL_OK)
        st = sl_connection_expect(db->connection, SL_WIRE_DONE, &frame, &err);
    return tell(st, &err, error);
}

struct sluice_producer *
sluice_producer_open(struct sluice *db, const char *name, struct sluice_error *error)
{
    struct sl_error err = {0};
    struct sl_inserter *inserter = NULL;
    if (!tell(sl_inserter_open(db->connection, name, &inserter, &err), &err, error))
        return NULL;
    struct sluice_producer *p = sl_new(sizeof(*p));
    p->inserter = inserter;
    p->schema = sl_schema_create();
    p->builder = sl_builder_create(BATCH_ROWS);
    return p;
}

void
sluice_producer_close(struct sluice_producer *p)
{
    if (p == NULL)
        return;
    for (unsigned i = 0; i < p->field_count; i++)
        free(p->fields[i].name);
    sl_builder_destroy(p->builder);
    sl_schema_destroy(p->schema);
    sl_inserter_close(p->inserter);
    free(p);
}

static sl_status
find_field(struct sluice_producer *p, const char *name, const struct sl_field **out_field,
           struct sl_error *err)
{
    for (unsigned i = 0; i < p->field_count; i++) {
        if (strcmp(p->fields[i].name, name) == 0) {
            *out_field = &p->fields[i].field;
            return SL_OK;
        }
    }
    if (p->field_count == FIELD_NAMES_MAX)
        return sl_fail(err, SL_LIMIT, "more than %d different fields", FIELD_NAMES_MAX);
    SL_TRY(sl_field_find(p->schema, name, strlen(name), &p->fields[p->field_count].field, err));
    p->fields[p->field_count].name = sl_new_string(name);
    *out_field = &p->fields[p->field_count++].field;
    return SL_OK;
}

bool
sluice_producer_set(struct sluice_producer *p, const char *name, const char *value,
                    struct sluice_error *error)
{
    struct sl_error err = {0};
    const struct sl_field *field = NULL;
    sl_status st = find_field(p, name, &field, &err);
    if (st == SL_OK)
        st = sl_field_set(field, p->schema, p->builder, value, strlen(value), &err);
    return tell(st, &err, error);
}

bool
sluice_producer_next(struct sluice_producer *p, struct sluice_error *error)
{
    struct sl_error err = {0};
    sl_status st =
        sl_field_end_row(p->schema, p->builder, sl_inserter_oldest_us(p->inserter), &err);
    if (st == SL_OK && sl_builder_is_full(p->builder))
        st = sl_inserter_put(p->inserter, sl_builder_finish(p->builder), NULL, 0, &err);
    return tell(st, &err, error);
}

bool
sluice_producer_flush(struct sluice_producer *p, struct sluice_error *error)
{
    struct sl_error err = {0};
    sl_status st = SL_OK;
    struct sl_batch *batch = sl_builder_finish(p->builder);
    if (batch != NULL)
        st = sl_inserter_put(p->inserter, batch, NULL, 0, &err);
    if (st == SL_OK)
        st = sl_inserter_wait(p->inserter, &err);
    return tell(st, &err, error);
}
