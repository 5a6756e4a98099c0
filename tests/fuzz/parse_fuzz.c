/*
 * parse_fuzz.c - any text through lexer, parser, binder and program, in both dialects; the rows of an
 * INSERT into a builder.
 */
#include "query/front.h"
#include "query/insert.h"
#include "query/program.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

enum { ROWS = 3, COLUMNS_MAX = 200 };

/* Three rows of zeros and empty texts. */
static struct sl_vector
zeros(const struct sl_sql_type *type)
{
    static const uint64_t nothing[2 * ROWS + 2];
    struct sl_vector v = {.type = type->type,
                          .encoding = SL_PLAIN,
                          .scale = type->scale,
                          .width = (uint8_t)sl_type_bytes(type->type),
                          .count = ROWS,
                          .value_count = ROWS};

    v.values = nothing;
    v.offsets = (const uint32_t *)nothing;
    v.bytes = (const uint8_t *)nothing;
    return v;
}

static void
run_one(const struct sl_expr *expr, const struct sl_program_row_source *source,
        struct sl_arena *arena)
{
    struct sl_error err = {0};
    struct sl_program *program;
    struct sl_vector result;

    if (sl_program_compile(expr, arena, &program, &err) == SL_OK)
        (void)!sl_program_run(program, source, ROWS, NULL, arena, &result, &err);
}

static void
run_all(const struct sl_select *select, struct sl_arena *arena)
{
    for (; select != NULL; select = select->next_union) {
        struct sl_vector *all = sl_arena_calloc(
            arena, 1 + select->input_count + select->key_count + (size_t)select->aggregate_count,
            sizeof(*all));
        if (all == NULL)
            return;
        struct sl_vector *keys = all + select->input_count;
        struct sl_vector *aggregates = keys + select->key_count;
        for (uint32_t i = 0; i < select->input_count; i++)
            all[i] = zeros(&select->inputs[i].type);
        for (uint32_t i = 0; i < select->key_count; i++)
            keys[i] = zeros(&select->keys[i].type);
        for (uint32_t i = 0; i < select->aggregate_count; i++)
            aggregates[i] = zeros(&select->aggregates[i].type);
        struct sl_program_row_source source = {
            .inputs = all, .keys = keys, .aggregates = aggregates};
        if (select->where != NULL)
            run_one(select->where, &source, arena);
        for (uint32_t i = 0; i < select->output_count; i++)
            run_one(select->outputs[i].expr, &source, arena);
        for (uint32_t i = 0; i < select->key_count; i++)
            run_one(select->keys[i].expr, &source, arena);
    }
}

static void
fill_all(const struct sl_insert *insert, struct sl_schema *schema)
{
    struct sl_builder *builder = sl_builder_create(ROWS);
    struct sl_insert_progress progress = {0};
    struct sl_error err = {0};
    while (progress.row_next < insert->row_count) {
        if (sl_insert_fill(insert, schema, &progress, builder, &err) != SL_OK)
            break;
        sl_batch_release(sl_builder_finish(builder));
    }
    sl_builder_destroy(builder);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    static struct sl_schema *schema;

    /* An INSERT adds the columns that it names. */
    if (schema != NULL && sl_schema_count(schema) > COLUMNS_MAX) {
        sl_schema_destroy(schema);
        schema = NULL;
    }
    if (schema == NULL)
        schema = sl_schema_create();
    struct sl_query_env env = {.schema = schema};
    for (int dialect = 0; dialect < 2; dialect++) {
        struct sl_session session = {.dialect = (enum sl_dialect)dialect,
                                     .database = "flows",
                                     .time_zone = dialect == 0 ? "UTC" : "+02:00"};
        struct sl_arena *arena = sl_arena_create((size_t)16 << 20);
        struct sl_statement statement;
        struct sl_error err = {0};
        if (sl_statement_bind(&env, &session, (const char *)bytes, size_bytes, arena, &statement,
                              &err) == SL_OK) {
            run_all(statement.select, arena);
            if (statement.class == SL_CLASS_INSERT)
                fill_all(statement.insert, schema);
        }
        sl_arena_destroy(arena);
    }
    return 0;
}
