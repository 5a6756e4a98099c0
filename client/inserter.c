/*
 * inserter.c - see inserter.h.
 *
 * Acknowledgements come in the order of the batches, so the rows on their way are a ring.
 */
#include "client/inserter.h"

struct sl_inserter {
    struct sl_connection *connection; /* borrowed */
    uint32_t tag;
    struct sl_wire_insert_ready ready;
    uint64_t sent;                      /* number of the last batch sent */
    uint64_t acked;                     /* number of the last batch acknowledged */
    uint32_t rows[SL_WIRE_CREDITS_MAX]; /* of batch n at n % SL_WIRE_CREDITS_MAX */
    uint64_t durable_rows;
};

sl_status
sl_inserter_open(struct sl_connection *connection, const char *producer,
                 struct sl_inserter **out_inserter, struct sl_error *err)
{
    struct sl_wire_frame frame;
    struct sl_wire_insert_ready ready;
    *out_inserter = NULL;
    uint32_t tag = sl_connection_tag(connection);
    sl_wire_insert_open_encode(sl_connection_out(connection), tag, producer);
    SL_TRY(sl_connection_send(connection, err));
    SL_TRY(sl_connection_expect(connection, SL_WIRE_INSERT_READY, &frame, err));
    SL_TRY(sl_wire_insert_ready_decode(&frame, &ready, err));
    if (ready.credits == 0 || ready.credits > SL_WIRE_CREDITS_MAX)
        return sl_fail(err, SL_FORMAT, "sluiced gave %u credits", ready.credits);
    struct sl_inserter *inserter = sl_new(sizeof(*inserter));
    inserter->connection = connection;
    inserter->tag = tag;
    inserter->ready = ready;
    inserter->sent = inserter->acked = ready.batch_number;
    *out_inserter = inserter;
    return SL_OK;
}

void
sl_inserter_close(struct sl_inserter *inserter)
{
    free(inserter);
}

int64_t
sl_inserter_oldest_us(const struct sl_inserter *inserter)
{
    return inserter->ready.oldest_us;
}

uint64_t
sl_inserter_durable_rows(const struct sl_inserter *inserter)
{
    return inserter->durable_rows;
}

static sl_status
receive_ack(struct sl_inserter *inserter, struct sl_error *err)
{
    struct sl_wire_frame frame;
    struct sl_wire_insert_ack ack;
    SL_TRY(sl_connection_expect(inserter->connection, SL_WIRE_INSERT_ACK, &frame, err));
    SL_TRY(sl_wire_insert_ack_decode(&frame, &ack, err));
    if (ack.batch_number != inserter->acked + 1 || ack.batch_number > inserter->sent)
        return sl_fail(err, SL_FORMAT, "sluiced acknowledged batch %" PRIu64 " after %" PRIu64,
                       ack.batch_number, inserter->acked);
    inserter->acked++;
    inserter->durable_rows += inserter->rows[ack.batch_number % SL_WIRE_CREDITS_MAX];
    return SL_OK;
}

sl_status
sl_inserter_put(struct sl_inserter *inserter, struct sl_batch *batch,
                const struct sl_hash128 *import_id, uint64_t import_offset, struct sl_error *err)
{
    sl_status st = SL_OK;
    while (st == SL_OK &&
           (inserter->sent - inserter->acked >= inserter->ready.credits ||
            (inserter->sent != inserter->acked && sl_connection_is_readable(inserter->connection))))
        st = receive_ack(inserter, err);
    if (st == SL_OK) {
        struct sl_wire_insert insert = {.batch_number = ++inserter->sent};
        if (import_id != NULL) {
            insert.has_import = true;
            insert.import_id = *import_id;
            insert.import_offset = import_offset;
        }
        inserter->rows[insert.batch_number % SL_WIRE_CREDITS_MAX] = batch->row_count;
        sl_wire_insert_encode(sl_connection_out(inserter->connection), inserter->tag, &insert,
                              batch);
        st = sl_connection_send(inserter->connection, err);
    }
    sl_batch_release(batch);
    return st;
}

sl_status
sl_inserter_wait(struct sl_inserter *inserter, struct sl_error *err)
{
    while (inserter->acked < inserter->sent)
        SL_TRY(receive_ack(inserter, err));
    return SL_OK;
}
