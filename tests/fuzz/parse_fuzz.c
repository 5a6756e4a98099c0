/*
 * parse_fuzz.c - any text through lexer, parser, binder and compiler, in both dialects.
 */
#include "query/front.h"
#include "query/program.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

static void
compile_all(const struct sl_select *select, struct sl_arena *arena)
{
    struct sl_error err = {0};
    struct sl_program *program;

    for (; select != NULL; select = select->next_union) {
        if (select->where != NULL)
            (void)!sl_program_compile(select->where, arena, &program, &err);
        for (uint32_t i = 0; i < select->output_count; i++)
            (void)!sl_program_compile(select->outputs[i].expr, arena, &program, &err);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    static struct sl_schema *schema;

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
                              &err) == SL_OK)
            compile_all(statement.select, arena);
        sl_arena_destroy(arena);
    }
    return 0;
}
