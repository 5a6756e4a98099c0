/*
 * explain.c - a plan as text: one line for each operator, and what the scan left out.
 *
 * The words of the counters are read by tests: "rows read" are rows in the selections that the
 * scan handed out, which is what pruning reduces.
 */
#include "query/plan.h"

static void
explain_scan(const struct sl_op *op, unsigned depth, struct sl_buf *out)
{
    struct sl_scan_counters c;

    sl_op_scan_counters(op, &c);
    sl_buf_printf(out,
                  "%*ssegments: %" PRIu64 ", pruned by time %" PRIu64 ", by zone %" PRIu64 "\n",
                  (int)(2 * depth), "", c.segments, c.segments_pruned_time, c.segments_pruned_zone);
    sl_buf_printf(out, "%*sblocks: %" PRIu64 ", pruned by zone %" PRIu64 ", by index %" PRIu64 "\n",
                  (int)(2 * depth), "", c.blocks, c.blocks_pruned_zone, c.blocks_pruned_index);
    sl_buf_printf(out,
                  "%*srows read: %" PRIu64 " of %" PRIu64 ", from memory %" PRIu64
                  "; values decoded %" PRIu64 "; bytes read %" PRIu64 "\n",
                  (int)(2 * depth), "", c.rows_selected, c.rows_total, c.rows_memtable,
                  c.values_decoded, c.bytes_read);
    if (c.blocks_damaged != 0)
        sl_buf_printf(out, "%*sdamaged: %" PRIu64 " blocks, %" PRIu64 " rows left out\n",
                      (int)(2 * depth), "", c.blocks_damaged, c.rows_damaged);
}

/* Plans are as deep as the statement is nested, which the parser bounds. */
static void
explain_op(const struct sl_op *op, unsigned depth, struct sl_buf *out)
{
    sl_buf_printf(out, "%*s", (int)(2 * depth), "");
    op->class->describe(op, out);
    if (op->exec->is_analyzed)
        sl_buf_printf(out, " (rows %" PRIu64 ", time %.3f ms)", (uint64_t)op->rows_out,
                      (double)op->time_us / 1000);
    sl_buf_text(out, "\n");
    if (op->exec->is_analyzed && sl_op_is_scan(op))
        explain_scan(op, depth + 1, out);
    for (unsigned i = 0; i < SL_OP_CHILDREN_MAX; i++)
        if (op->children[i] != NULL)
            explain_op(op->children[i], depth + 1, out);
}

void
sl_plan_explain(const struct sl_op *root, unsigned depth, struct sl_buf *out)
{
    explain_op(root, depth, out);
}
