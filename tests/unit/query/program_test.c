/*
 * program_test.c - a compiled program agrees with its row functions.
 *
 * Method: expressions are bound from text; their inputs are random vectors in every encoding,
 * width and presence. The naive side walks the tree for each row and asks the row function of
 * each call, lazily for AND, OR and IF. Both must give the same value for each selected row, or
 * fail together.
 */
#include "query/program.h"

#include "storage/base/buf.h"
#include "storage/base/clock.h"
#include "tests/unit/query/front_support.h"

enum { ROWS_MAX = 300 };

static const char *const texts[] = {
    "src_port = 443",
    "443 < src_port",
    "src_port <> 80",
    "src_port BETWEEN 10 AND 90",
    "src_port IN (1, 22, 53, 80, 443)",
    "src_port NOT IN (1, 2, NULL)",
    "src_port IN (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 65535)",
    "protocol IN (6, 17, 300)",
    "in_bytes IN (0, 18446744073709551615)",
    "last_seen IN ('1970-01-01 00:00:00', '1970-01-01 00:00:00.000100')",
    "src_port > -1",
    "src_port < 70000",
    "src_port >= 65535",
    "in_bytes >= 100",
    "in_bytes > 18446744073709551614",
    "in_bytes = 1.5",
    "in_bytes BETWEEN -5 AND 5",
    "l7_proto = 7",
    "l7_proto IS NULL",
    "l7_proto <=> NULL",
    "l7_proto IN (7, 91)",
    "NOT l7_proto = 7",
    "l7_proto = 7 OR src_port = 80",
    "l7_proto = 7 AND src_port <> 80",
    "(l7_proto > 5) IS TRUE",
    "(l7_proto > 5) IS NOT FALSE",
    "l7_proto > 5 XOR src_port > 50",
    "src_port > dst_port",
    "in_bytes > src_port",
    "in_bytes <= in_packets",
    "in_bytes <> 3 * in_packets",
    "src_port = dst_port OR protocol < tcp_flags",
    "src_addr = 10.0.0.1",
    "src_addr > 10.0.0.1",
    "src_addr IN 10.0.0.0/30",
    "src_addr = 2001:db8::1",
    "src_addr IN (10.0.0.0/31, 10.0.0.4/31, 2001:db8::/64)",
    "src_addr NOT IN (10.0.0.1, 10.0.0.2)",
    "src_addr NOT IN (10.0.0.0/31, 10.0.0.4/30, 2001:db8::4/126)",
    "dst_addr IN (10.0.0.1, 10.0.0.3, 10.0.0.5, 10.0.0.7, 2001:db8::1, 2001:db8::3)",
    "src_port = 80 AND dst_addr IN (10.0.0.1, 10.0.0.3)",
    "host = 10.0.0.1",
    "src_addr = dst_addr",
    "src_addr < 2001:db8::",
    "app = 'dns'",
    "app LIKE '%n%'",
    "app < 'M'",
    "app IN ('dns', 'HTTP')",
    "BINARY app = 'dns'",
    "UPPER(app)",
    "CONCAT(app, '-', src_port)",
    "IFNULL(app, 'none')",
    "LENGTH(app)",
    "CASE app WHEN 'dns' THEN 1 WHEN 'http' THEN 2 ELSE 3 END",
    "last_seen >= '1970-01-01 00:00:00.000100'",
    "last_seen > first_seen",
    "last_seen BETWEEN FROM_UNIXTIME(0) AND FROM_UNIXTIME(1)",
    "TIME_BUCKET(last_seen, 60)",
    "TIME_BUCKET(last_seen, 1)",
    "TIME_BUCKET(last_seen, 7)",
    "TIME_BUCKET(last_seen, 86400)",
    "TIME_BUCKET(TIME_BUCKET(last_seen, 7), 60)",
    "MINUTE(TIME_BUCKET(last_seen, 60))",
    "TIME_BUCKET(last_seen, 60) > first_seen",
    "UNIX_TIMESTAMP(last_seen) DIV 7 * 7",
    "UNIX_TIMESTAMP(last_seen) DIV 60 * 60",
    "UNIX_TIMESTAMP(last_seen)",
    "DATE_FORMAT(last_seen, '%H:%i')",
    "HOUR(last_seen)",
    "bytes",
    "idx",
    "packets",
    "raw_bytes",
    "duration",
    "duration > 0.5",
    "bps",
    "pps",
    "flows",
    "(src_port & 18) = 2",
    "(protocol & 6) <> 2",
    "18446744073709551615 & src_port",
    "in_bytes & 4294967296",
    "l7_proto & 3",
    "in_bytes | l7_proto",
    "src_port ^ -1",
    "l7_proto & in_bytes",
    "in_bytes + out_bytes",
    "in_packets * 8",
    "in_bytes - 10",
    "in_packets - out_packets",
    "in_packets / out_packets",
    "in_packets DIV out_packets",
    "in_packets % out_packets",
    "src_port * 1.5",
    "src_port * 2e0",
    "-src_port",
    "src_port & 15",
    "src_port << 2",
    "in_packets * in_packets",
    "IF(out_packets > 0, in_packets DIV out_packets, 0)",
    "IF(in_packets >= 10, in_packets - 10, 0)",
    "IF(l7_proto = 7, IF(in_packets >= 10, in_packets - 10, src_port), dst_port)",
    "l7_proto = 7 AND (in_packets < 10 OR IF(src_port > 80, in_packets - 10, 1) > 0)",
    "CASE WHEN src_port < 100 THEN src_port WHEN dst_port < 100 THEN dst_port END",
    "COALESCE(l7_proto, l7_master, 0)",
    "NULLIF(src_port, 80)",
    "CAST(src_port AS CHAR)",
    "CAST(in_bytes AS SIGNED)",
    "CAST(src_addr AS CHAR)",
    "NETWORK(src_addr, 24)",
    "NETWORK(dst_addr, 0)",
    "NETWORK(dst_addr, 64)",
    "NETWORK(src_addr, -1)",
    "IS_IPV4(src_addr)",
    "INET_ATON(src_addr)",
    "GREATEST(src_port, dst_port)",
    "protocol = tcp AND in_packets > 3",
    "l7_proto = 7 AND in_packets - 10 > 0",
    "src_port > 30000 OR in_packets - 10 > 0",
    "'5x' + src_port",
    "src_port",
    "app",
    "1",
    "NULL",
    "1 AND src_port",
    "PROTOCOL_NAME(protocol)",
};

static uint64_t
random_number(uint64_t *seed, enum sl_type type, unsigned width)
{
    uint64_t draw = test_random(seed);
    uint64_t edges[] = {0, 1, 7, 10, 22, 53, 80, 443, 65535, UINT64_MAX, (uint64_t)INT64_MAX};
    uint64_t value = draw % 4 == 0   ? edges[draw / 4 % SL_COUNTOF(edges)]
                     : draw % 4 == 1 ? draw >> 8
                                     : (draw >> 8) % 100;

    if (sl_type_is_signed(type)) { /* sane times, also the last and the first of a second */
        uint64_t second = (draw >> 8) % 200 * 1000000;
        return draw % 4 == 0   ? second
               : draw % 4 == 1 ? second + 999999
               : draw % 4 == 2 ? (draw >> 8) % 200000000
                               : (draw >> 8) % 100;
    }
    return width >= 8 ? value : value & ((UINT64_C(1) << (8 * width)) - 1);
}

static struct sl_addr
random_addr(uint64_t *seed, unsigned width)
{
    uint64_t draw = test_random(seed);
    struct sl_addr addr = sl_addr_from_v4(0x0a000000U + (uint32_t)(draw >> 8) % 8);

    if (width == 16 && draw % 2 == 0)
        addr = (struct sl_addr){.high = UINT64_C(0x20010db800000000), .low = draw >> 8 & 3};
    return addr;
}

static const char *
random_text(uint64_t *seed)
{
    static const char *const pool[] = {"dns", "DNS", "http", "HTTP", "", "Netflix", "x y", "123"};

    return pool[test_random_below(seed, SL_COUNTOF(pool))];
}

static int
compare_u64(const void *a, const void *b)
{
    return (*(const uint64_t *)a > *(const uint64_t *)b) -
           (*(const uint64_t *)a < *(const uint64_t *)b);
}

static int
compare_addr(const void *a, const void *b)
{
    return sl_addr_compare(*(const struct sl_addr *)a, *(const struct sl_addr *)b);
}

/* `n` entries of a fixed type, each of exactly `width` bytes; sorted and distinct when asked. */
static uint32_t
fill_entries(struct sl_vector *v, uint64_t *seed, struct sl_arena *arena, uint32_t n,
             bool is_sorted)
{
    uint8_t *bytes = sl_arena_calloc(arena, (size_t)n + 1, v->width);
    uint64_t wide[ROWS_MAX];
    struct sl_addr addrs[ROWS_MAX];
    uint32_t kept = 0;

    for (uint32_t i = 0; i < n; i++) {
        wide[i] = random_number(seed, v->type, v->width);
        addrs[i] = random_addr(seed, v->width);
    }
    if (is_sorted) {
        qsort(wide, n, sizeof(*wide), compare_u64);
        qsort(addrs, n, sizeof(*addrs), compare_addr);
    }
    for (uint32_t i = 0; i < n; i++) {
        bool is_same = v->type == SL_TYPE_ADDR ? i > 0 && sl_addr_equal(addrs[i], addrs[i - 1])
                                               : i > 0 && wide[i] == wide[i - 1];
        if (is_sorted && is_same)
            continue;
        if (v->width == 16)
            memcpy(&bytes[(size_t)kept * 16], &addrs[i], 16);
        else if (v->type == SL_TYPE_ADDR)
            memcpy(&bytes[(size_t)kept * 4], &addrs[i].low, 4);
        else
            memcpy(&bytes[(size_t)kept * v->width], &wide[i], v->width);
        kept++;
    }
    v->values = bytes;
    return kept;
}

static uint32_t
fill_texts(struct sl_vector *v, uint64_t *seed, struct sl_arena *arena, uint32_t n)
{
    uint32_t *offsets = sl_arena_calloc(arena, (size_t)n + 1, sizeof(*offsets));
    char *bytes = sl_arena_calloc(arena, (size_t)n + 1, 8);

    for (uint32_t i = 0; i < n; i++) {
        const char *text = random_text(seed);
        offsets[i + 1] = offsets[i] + (uint32_t)strlen(text);
        memcpy(&bytes[offsets[i]], text, strlen(text));
    }
    v->offsets = offsets;
    v->bytes = (const uint8_t *)bytes;
    return n;
}

static struct sl_vector
random_vector(uint64_t *seed, struct sl_arena *arena, const struct sl_column *column,
              uint32_t count)
{
    uint8_t full = (uint8_t)sl_type_bytes(column->type);
    struct sl_vector v = {.type = column->type,
                          .width = full,
                          .count = count,
                          .encoding = (enum sl_encoding)test_random_below(seed, 3)};
    bool is_null = column->is_nullable && test_random_below(seed, 12) == 0;

    if (column->type == SL_TYPE_ADDR)
        v.width = test_random(seed) % 2 ? 4 : 16;
    else if (sl_type_is_unsigned(column->type))
        v.width = (uint8_t)sl_min_size(full, (size_t)1 << test_random_below(seed, 4));
    v.is_sorted = v.encoding == SL_DICT && column->type != SL_TYPE_TEXT && test_random(seed) % 2;
    uint32_t n = v.encoding == SL_PLAIN      ? count
                 : v.encoding == SL_CONSTANT ? !is_null
                                             : 1 + (uint32_t)test_random_below(seed, 20);
    v.value_count = column->type == SL_TYPE_TEXT ? fill_texts(&v, seed, arena, n)
                                                 : fill_entries(&v, seed, arena, n, v.is_sorted);
    if (v.encoding == SL_DICT) {
        uint32_t *codes = sl_arena_calloc(arena, (size_t)count + 1, sizeof(*codes));
        for (uint32_t i = 0; i < count; i++)
            codes[i] = (uint32_t)test_random_below(seed, v.value_count);
        v.codes = codes;
    }
    if (column->is_nullable && test_random(seed) % 2) {
        uint64_t *present = sl_arena_calloc(arena, sl_words_for(count) + 1, sizeof(*present));
        for (uint32_t i = 0; i < count; i++)
            if (test_random(seed) % 4 != 0)
                sl_bit_set(present, i);
        v.present = present;
    }
    return v;
}

static sl_status
naive(struct sl_eval *eval, const struct sl_expr *e, const struct sl_vector *inputs, uint32_t row,
      struct sl_value *out)
{
    if (e->kind == SL_EXPR_CONST) {
        *out = e->value;
        return SL_OK;
    }
    if (e->kind == SL_EXPR_INPUT) {
        *out = sl_vector_value(&inputs[e->slot], row);
        return SL_OK;
    }
    struct sl_value *args = sl_arena_calloc(eval->arena, e->arg_count + 1, sizeof(*args));
    bool is_lazy = sl_expr_is_call(e, SL_FN_AND) || sl_expr_is_call(e, SL_FN_OR) ||
                   sl_expr_is_call(e, SL_FN_IF);
    for (uint32_t i = 0; i < e->arg_count; i++) {
        bool is_true = !args[0].is_null && args[0].as.u64 != 0;
        bool is_false = !args[0].is_null && args[0].as.u64 == 0;
        if (is_lazy && i > 0 &&
            ((e->function->id == SL_FN_AND && is_false) ||
             (e->function->id == SL_FN_OR && is_true) ||
             (e->function->id == SL_FN_IF && (i == 1) != is_true))) {
            args[i].is_null = true;
            continue;
        }
        SL_TRY(naive(eval, e->args[i], inputs, row, &args[i]));
    }
    return sl_function_apply(eval, e, args, out);
}

static void
agree_once(struct front *f, const char *expr, uint32_t count, uint64_t *seed)
{
    char text[400];
    struct sl_program *program;
    struct sl_vector *inputs, result;
    struct sl_value *expected = sl_arena_calloc(f->arena, count + 1, sizeof(*expected));
    uint64_t *selection = sl_arena_calloc(f->arena, sl_words_for(count) + 1, sizeof(*selection));
    struct sl_eval eval = {.arena = f->arena, .err = &f->err};
    sl_status wanted = SL_OK;

    (void)snprintf(text, sizeof(text), "SELECT 1 FROM flows GROUP BY %s", expr);
    if (strstr(expr, "host") != NULL || expr[0] == '1' || expr[0] == 'N')
        (void)snprintf(text, sizeof(text), "SELECT 1 FROM flows WHERE %s", expr);
    TEST_OK(front_bind(f, text), &f->err);
    const struct sl_select *s = f->statement.select;
    const struct sl_expr *e = s->where != NULL ? s->where : s->keys[0].expr;
    inputs = sl_arena_calloc(f->arena, s->input_count + 1, sizeof(*inputs));
    for (uint32_t i = 0; i < s->input_count; i++)
        inputs[i] = random_vector(seed, f->arena, s->inputs[i].column, count);
    for (uint32_t row = 0; row < count; row++) {
        if (test_random(seed) % 8 == 0)
            continue;
        sl_bit_set(selection, row);
        sl_status st = naive(&eval, e, inputs, row, &expected[row]);
        wanted = wanted == SL_OK ? st : wanted;
    }
    struct sl_program_row_source source = {.inputs = inputs};
    TEST_OK(sl_program_compile(e, f->arena, &program, &f->err), &f->err);
    sl_status st = sl_program_run(program, &source, count, selection, f->arena, &result, &f->err);
    if (st != wanted)
        fail_msg("%s: status %d, naively %d", expr, (int)st, (int)wanted);
    if (wanted != SL_OK)
        return;
    assert_int_equal(result.type, e->type.type);
    for (uint32_t row = 0; row < count; row++) {
        if (!sl_bit_get(selection, row))
            continue;
        struct sl_value got = sl_vector_value(&result, row);
        bool is_same = got.is_null == expected[row].is_null;
        if (is_same && !got.is_null) {
            expected[row].type = got.type;
            is_same = got.type == SL_TYPE_F64 ? got.as.f64 == expected[row].as.f64
                                              : sl_value_compare(&got, &expected[row], true) == 0;
        }
        if (!is_same)
            fail_msg("%s: row %u of %u is %s, naively %s", expr, row, count, front_text(f, &got),
                     front_text(f, &expected[row]));
    }
    if (e->type.type != SL_TYPE_BOOL)
        return;
    uint64_t *kept = sl_arena_calloc(f->arena, sl_words_for(count) + 1, sizeof(*kept));
    memcpy(kept, selection, sl_words_for(count) * sizeof(*kept));
    TEST_OK(sl_program_filter(program, &source, count, kept, f->arena, &f->err), &f->err);
    for (uint32_t row = 0; row < count; row++) {
        bool is_true = sl_bit_get(selection, row) && !expected[row].is_null && expected[row].as.u64;
        if (sl_bit_get(kept, row) != is_true)
            fail_msg("%s: the filter is wrong in row %u", expr, row);
    }
}

static void
programs_agree_with_row_functions(void **state)
{
    uint64_t seed = test_seed();
    struct front f;

    (void)state;
    for (int round = 0; round < 30; round++) {
        for (size_t i = 0; i < SL_COUNTOF(texts); i++) {
            front_open(&f);
            agree_once(&f, texts[i], (uint32_t)test_random_below(&seed, ROWS_MAX), &seed);
            front_close(&f);
        }
    }
}

/* Branches that no row takes do not fail. */
static void
untaken_branches_do_not_fail(void **state)
{
    struct front f;
    struct sl_program *program;
    struct sl_vector result, input;
    uint64_t values[] = {5, 20};

    (void)state;
    front_open(&f);
    TEST_OK(front_bind(&f, "SELECT IF(in_bytes >= 10, in_bytes - 10, 0) FROM flows"), &f.err);
    input = (struct sl_vector){.type = SL_TYPE_U64,
                               .encoding = SL_PLAIN,
                               .width = 8,
                               .count = 2,
                               .value_count = 2,
                               .values = values};
    struct sl_program_row_source source = {.inputs = &input};
    const struct sl_expr *e = f.statement.select->outputs[0].expr;
    TEST_OK(sl_program_compile(e, f.arena, &program, &f.err), &f.err);
    assert_true(sl_program_reads_input(program, 0));
    assert_false(sl_program_reads_input(program, 1));
    TEST_OK(sl_program_run(program, &source, 2, NULL, f.arena, &result, &f.err), &f.err);
    assert_int_equal(sl_vector_u64(&result, 0), 0);
    assert_int_equal(sl_vector_u64(&result, 1), 10);
    front_close(&f);
}

/* Says no at the second question. */
static sl_status
give_up(void *context, struct sl_error *err)
{
    unsigned *asked = context;

    return ++*asked < 2 ? SL_OK : sl_fail(err, SL_CANCELLED, "enough");
}

/* Evaluate `text` over the numbers 0 .. rows - 1 of in_bytes with a check that gives up: how often was it asked? */
static unsigned
checks_of_run(const char *text, uint32_t rows)
{
    struct front f;
    struct sl_program *program;
    struct sl_vector result;
    uint64_t *values = sl_new(rows * sizeof(*values));
    unsigned asked = 0;

    for (uint64_t i = 0; i < rows; i++)
        values[i] = i;
    struct sl_vector input = {.type = SL_TYPE_U64,
                              .encoding = SL_PLAIN,
                              .width = 8,
                              .count = rows,
                              .value_count = rows,
                              .values = values};
    struct sl_program_row_source source = {
        .inputs = &input, .check = give_up, .check_context = &asked};
    front_open(&f);
    TEST_OK(front_bind(&f, text), &f.err);
    const struct sl_expr *e = f.statement.select->outputs[0].expr;
    TEST_OK(sl_program_compile(e, f.arena, &program, &f.err), &f.err);
    sl_status st = sl_program_run(program, &source, rows, NULL, f.arena, &result, &f.err);
    assert_int_equal(st, asked < 2 ? SL_OK : SL_CANCELLED);
    source.check = NULL;
    TEST_OK(sl_program_run(program, &source, rows, NULL, f.arena, &result, &f.err), &f.err);
    free(values);
    front_close(&f);
    return asked;
}

static void
a_run_can_be_ended_within_its_rows(void **state)
{
    (void)state;
    assert_int_equal(checks_of_run("SELECT REVERSE(in_bytes) FROM flows", 100), 0);
    assert_int_equal(checks_of_run("SELECT REVERSE(in_bytes) FROM flows", 10000), 2);
}

/* Of few rows too, where each makes, or reads, a long text. */
static void
a_run_can_be_ended_within_its_texts(void **state)
{
    (void)state;
    assert_int_equal(checks_of_run("SELECT LPAD(in_bytes, 60000, 'ab') FROM flows", 10), 2);
    assert_int_equal(checks_of_run("SELECT LOCATE(in_bytes, REPEAT('ab', 30000)) FROM flows", 10),
                     2);
}

/* CPU time of one list of so many blocks over random addresses. */
static int64_t
time_of_blocks(unsigned blocks)
{
    enum { ROWS = 1 << 16 };
    struct front f;
    struct sl_program *program;
    struct sl_vector result;
    struct sl_error err = {0};
    uint64_t seed = 1;
    struct sl_buf text = sl_buf_empty(1 << 20);
    uint32_t *values = malloc(ROWS * sizeof(*values));
    assert_non_null(values);
    sl_buf_text(&text, "SELECT src_addr IN (");
    for (unsigned i = 0; i < blocks; i++)
        sl_buf_printf(&text, "%s10.%u.%u.0/25", i == 0 ? "" : ", ", i / 256, i % 256);
    sl_buf_text(&text, ") FROM flows");
    sl_buf_u8(&text, 0);
    for (unsigned row = 0; row < ROWS; row++)
        values[row] = 0x0a000000 | (uint32_t)test_random_below(&seed, 1 << 24);
    front_open(&f);
    TEST_OK(front_bind(&f, (const char *)text.bytes), &f.err);
    const struct sl_expr *e = f.statement.select->outputs[0].expr;
    TEST_OK(sl_program_compile(e, f.arena, &program, &f.err), &f.err);
    struct sl_vector input = {.type = SL_TYPE_ADDR,
                              .encoding = SL_PLAIN,
                              .width = 4,
                              .count = ROWS,
                              .value_count = ROWS,
                              .values = values};
    struct sl_program_row_source source = {.inputs = &input};
    struct sl_arena *arena = sl_arena_create((size_t)1 << 30);
    int64_t before_us = sl_clock_thread_cpu_us();
    TEST_OK(sl_program_run(program, &source, ROWS, NULL, arena, &result, &err), &err);
    int64_t taken_us = sl_clock_thread_cpu_us() - before_us;
    for (uint32_t row = 0; row < ROWS; row++) {
        uint32_t block = (values[row] & 0xffffff) >> 8;
        bool is_in = block < blocks && (values[row] & 0x80) == 0;
        assert_int_equal(sl_vector_u64(&result, row), is_in);
    }
    sl_arena_destroy(arena);
    sl_buf_fini(&text);
    free(values);
    front_close(&f);
    return taken_us;
}

/* A hundred times the blocks are seven steps more of a search, not a hundred times the work. */
static void
many_blocks_are_searched_not_walked(void **state)
{
    int64_t few_us = INT64_MAX;
    int64_t many_us = INT64_MAX;

    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        int64_t us = time_of_blocks(70);
        few_us = us < few_us ? us : few_us;
        us = time_of_blocks(7000);
        many_us = us < many_us ? us : many_us;
    }
    print_message("70 blocks: %" PRId64 " us, 7000 blocks: %" PRId64 " us\n", few_us, many_us);
    if (many_us > 20 * (few_us + 1000))
        fail_msg("a list of blocks is walked, not searched");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(programs_agree_with_row_functions),
        cmocka_unit_test(untaken_branches_do_not_fail),
        cmocka_unit_test(a_run_can_be_ended_within_its_rows),
        cmocka_unit_test(a_run_can_be_ended_within_its_texts),
        cmocka_unit_test(many_blocks_are_searched_not_walked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
