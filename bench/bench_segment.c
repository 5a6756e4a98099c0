/*
 * bench_segment.c - bytes a flow and time a flow of one row group, on generated flows.
 *
 *     bench_segment [rows, at most 4 Mi, 1 Mi when left out]
 *
 * The group is encoded several times with the same memory, as a store does; the least CPU counts.
 * Prints seconds to encode, seconds to read two columns, and bytes a flow by column. The flows are
 * synthetic (flowgen.h): use the numbers to compare, not to promise.
 */
#include <fcntl.h>
#include <stdio.h>

#include "bench/flowgen.h"
#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/segment/segment_check.h"
#include "storage/segment/segment_reader.h"

#define NAME "bench.segment"

enum { ROUNDS = 7, ROWS_DEFAULT = 1 << 20, PIECES_MAX = SL_GROUP_ROWS_MAX / SL_BATCH_ROWS_MAX };

/* The columns of a generated flow, in the order of flow_values. */
static const uint32_t numbers[] = {
    SL_COLUMN_FIRST_SEEN,
    SL_COLUMN_LAST_SEEN,
    SL_COLUMN_IN_BYTES,
    SL_COLUMN_IN_PACKETS,
    SL_COLUMN_SRC_AS,
    SL_COLUMN_DST_AS,
    SL_COLUMN_INPUT_IF,
    SL_COLUMN_OUTPUT_IF,
    SL_COLUMN_SRC_PORT,
    SL_COLUMN_DST_PORT,
    SL_COLUMN_PROTOCOL,
    SL_COLUMN_TCP_FLAGS,
    SL_COLUMN_TOS,
    SL_COLUMN_SRC_MASK,
    SL_COLUMN_DST_MASK,
    SL_COLUMN_SAMPLING_RATE,
    SL_COLUMN_OBSERVATION_DOMAIN,
};

static void
set_flow(struct sl_builder *b, const struct sl_schema *schema, const struct flow *f)
{
    const uint64_t values[SL_COUNTOF(numbers)] = {
        (uint64_t)f->first_us,
        (uint64_t)f->last_us,
        f->bytes,
        f->packets,
        f->src_as,
        f->dst_as,
        f->input_if,
        f->output_if,
        f->src_port,
        f->dst_port,
        f->protocol,
        f->tcp_flags,
        f->tos,
        f->src_mask,
        f->dst_mask,
        1,
        f->exporter,
    };
    const uint32_t addr_numbers[] = {SL_COLUMN_SRC_ADDR, SL_COLUMN_DST_ADDR, SL_COLUMN_NEXT_HOP,
                                     SL_COLUMN_EXPORTER_ADDR};
    const struct sl_addr addrs[] = {f->src_addr, f->dst_addr, f->next_hop,
                                    sl_addr_from_v4(0x0afe0000 + f->exporter)};
    for (size_t i = 0; i < SL_COUNTOF(numbers); i++)
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, numbers[i])), values[i]);
    for (size_t i = 0; i < SL_COUNTOF(addrs); i++)
        sl_builder_set_addr(b, sl_builder_column(b, sl_schema_at(schema, addr_numbers[i])),
                            addrs[i]);
    sl_builder_next(b);
}

static uint32_t
generate(const struct sl_schema *schema, uint32_t rows, struct sl_segment_rows *pieces)
{
    struct flowgen_options options = flowgen_options_default();
    struct flowgen *generator = flowgen_create(&options);
    struct sl_builder *builder = sl_builder_create(SL_BATCH_ROWS_MAX);
    uint32_t count = 0;
    for (uint32_t i = 0; i < rows; i++) {
        struct flow flow;
        flowgen_next(generator, &flow);
        set_flow(builder, schema, &flow);
        if (sl_builder_is_full(builder) || i + 1 == rows)
            pieces[count++] = (struct sl_segment_rows){sl_builder_finish(builder), NULL};
    }
    sl_builder_destroy(builder);
    flowgen_destroy(generator);
    return count;
}

static void
print_bytes(void *context, const struct sl_column *column, uint64_t data_bytes,
            uint64_t index_bytes)
{
    double rows = *(const uint32_t *)context;
    printf("  %-20s %8.4f data %8.4f index\n", column == NULL ? "(file)" : column->name,
           (double)data_bytes / rows, (double)index_bytes / rows);
}

static sl_status
write_segment(int dir_fd, const struct sl_segment_rows *pieces, uint32_t count,
              struct sl_arena *arena, struct sl_segment_summary *summary, struct sl_error *err)
{
    const struct sl_segment_meta meta = {.number = 1};
    struct sl_segment_writer *writer;
    SL_TRY(sl_segment_writer_open(dir_fd, NAME, &meta, SL_EFFORT_SEAL, arena, &writer, err));
    sl_status st = sl_segment_writer_group(writer, pieces, count, NULL, err);
    if (st == SL_OK)
        st = sl_segment_writer_commit(writer, summary, err);
    sl_segment_writer_close(writer);
    return st;
}

/* The least CPU of a few rounds. */
static sl_status
time_writes(int dir_fd, const struct sl_segment_rows *pieces, uint32_t count,
            struct sl_segment_summary *summary, int64_t *out_us, struct sl_error *err)
{
    struct sl_arena *arena = sl_arena_create(SIZE_MAX);
    sl_status st = SL_OK;
    *out_us = INT64_MAX;
    for (unsigned round = 0; round < ROUNDS && st == SL_OK; round++) {
        int64_t from_us = sl_clock_thread_cpu_us();
        st = write_segment(dir_fd, pieces, count, arena, summary, err);
        int64_t us = sl_clock_thread_cpu_us() - from_us;
        *out_us = us < *out_us ? us : *out_us;
    }
    sl_arena_destroy(arena);
    return st;
}

static sl_status
read_columns(struct sl_segment_reader *reader, const struct sl_schema *schema,
             const uint32_t *wanted, uint32_t wanted_count, struct sl_error *err)
{
    struct sl_segment_cursor *cursor = sl_segment_cursor_create(NULL);
    sl_status st = SL_OK;
    for (uint32_t b = 0; st == SL_OK && b < sl_segment_reader_blocks(reader, 0); b++) {
        st = sl_segment_cursor_seek(cursor, reader, 0, b, err);
        for (uint32_t i = 0; st == SL_OK && i < wanted_count; i++) {
            struct sl_vector v;
            st = sl_segment_cursor_column(cursor, sl_schema_at(schema, wanted[i]), NULL, &v, NULL,
                                          err);
        }
    }
    sl_segment_cursor_destroy(cursor);
    return st;
}

int
main(int argc, char **argv)
{
    static struct sl_segment_rows pieces[PIECES_MAX + 1];
    static const uint32_t pair[] = {SL_COLUMN_SRC_ADDR, SL_COLUMN_IN_BYTES};
    unsigned long asked = argc > 1 ? strtoul(argv[1], NULL, 10) : ROWS_DEFAULT;
    uint32_t rows = asked == 0 || asked > SL_GROUP_ROWS_MAX ? ROWS_DEFAULT : (uint32_t)asked;
    int dir_fd;
    struct sl_error err = {0};
    struct sl_segment_summary summary;
    struct sl_segment_reader *reader = NULL;
    uint64_t offset;
    struct sl_schema *schema = sl_schema_create();
    uint32_t count = generate(schema, rows, pieces);
    int64_t encode_us = 0;
    sl_status st = sl_dir_open(AT_FDCWD, ".", &dir_fd, &err);
    if (st == SL_OK)
        st = time_writes(dir_fd, pieces, count, &summary, &encode_us, &err);
    if (st == SL_OK)
        st = sl_segment_reader_open(dir_fd, NAME, schema, NULL, &reader, &err);
    int64_t opened_us = sl_clock_thread_cpu_us();
    if (st == SL_OK)
        st = read_columns(reader, schema, pair, SL_COUNTOF(pair), &err);
    int64_t read_us = sl_clock_thread_cpu_us();
    if (st == SL_OK)
        st = sl_segment_check(dir_fd, NAME, NULL, &offset, &err);
    if (st != SL_OK) {
        fprintf(stderr, "bench_segment: %s\n", err.text);
    } else {
        printf("%u synthetic flows: %.3f bytes each, encoded in %.3f us of CPU each, src_addr and "
               "in_bytes read in %.4f us each\n",
               rows, (double)summary.file_bytes / rows, (double)encode_us / rows,
               (double)(read_us - opened_us) / rows);
        sl_segment_reader_bytes(reader, print_bytes, &rows);
    }
    sl_segment_reader_close(reader);
    for (uint32_t i = 0; i < count; i++) {
        struct sl_batch *batch;
        memcpy(&batch, &pieces[i].batch, sizeof(batch)); /* made above: ours to release */
        sl_batch_release(batch);
    }
    sl_schema_destroy(schema);
    if (sl_file_remove(dir_fd, NAME, &err) != SL_OK)
        st = SL_IO;
    return st == SL_OK ? 0 : 1;
}
