/*
 * lane.c - see lane.h.
 *
 * A batch that was appended meets two events, in either order: its worker comes back, and the
 * store says what became of it. It is answered and freed at the second. A batch that was not
 * appended (a repeated one too: the store has spoken before it returns SL_EXISTS) is answered and
 * freed when its worker comes back.
 */
#include "server/lane.h"

#include "server/net/loop.h"
#include "server/origin.h"
#include "server/stats.h"
#include "storage/batch_codec.h"
#include "storage/store.h"

enum { ANSWER_BYTES_MAX = 64 << 10, INSERT_MAGIC = 0x494e5354 };

struct sl_insert {
    uint32_t magic;
    struct sl_lane *lane; /* borrowed: the connection is held */
    struct sl_insert *next;
    uint32_t tag;
    struct sl_wire_insert head;
    uint8_t *payload; /* owned until it is worked; from the budget */
    size_t payload_bytes;
    struct sl_slice batch; /* in payload */
    uint32_t row_count;
    struct sl_error failure; /* of decode or append; status SL_OK: appended */
    sl_status durable;       /* what the store answered */
    bool is_repeated;
    bool is_worked;
    bool is_known; /* the store has spoken: `durable` */
};

void
sl_lane_init(struct sl_lane *lane, const struct sl_service *service,
             const struct sl_lane_owner *owner, void *context)
{
    *lane = (struct sl_lane){.service = service, .owner = owner, .context = context};
}

void
sl_lane_open(struct sl_lane *lane, const char *producer, uint64_t epoch)
{
    SL_ASSERT(lane->outstanding == 0);
    free(lane->producer);
    lane->producer = sl_new_string(producer);
    lane->epoch = epoch;
    lane->failure = (struct sl_error){0};
}

static void
drop_payload(struct sl_insert *insert)
{
    const struct sl_service *service = insert->lane->service;
    if (insert->payload == NULL)
        return;
    free(insert->payload);
    insert->payload = NULL;
    sl_budget_give(service->insert_budget, insert->payload_bytes);
}

static void
free_insert(struct sl_insert *insert)
{
    struct sl_lane *lane = insert->lane;
    drop_payload(insert);
    sl_retire(&insert->magic);
    free(insert);
    lane->owner->release(lane->context);
}

void
sl_lane_close(struct sl_lane *lane)
{
    lane->is_closed = true;
    while (lane->first != NULL) {
        struct sl_insert *insert = lane->first;
        lane->first = insert->next;
        lane->outstanding--;
        free_insert(insert);
    }
    lane->last = NULL;
}

void
sl_lane_fini(struct sl_lane *lane)
{
    SL_ASSERT(lane->outstanding == 0);
    SL_ASSERT(lane->working == NULL);
    free(lane->producer);
    lane->producer = NULL;
}

/* ---- answers ---- */

static void
answer(struct sl_insert *insert, const struct sl_error *failure)
{
    struct sl_lane *lane = insert->lane;
    struct sl_stats *stats = lane->service->stats;
    struct sl_buf out = sl_buf_empty(ANSWER_BYTES_MAX);

    if (failure != NULL) {
        sl_stats_add(stats, SL_COUNTER_INSERT_FAILED, 1);
        sl_wire_error_encode(&out, insert->tag, failure);
    } else {
        sl_stats_add(
            stats, insert->is_repeated ? SL_COUNTER_INSERT_REPEATED : SL_COUNTER_INSERT_BATCHES, 1);
        sl_stats_add(stats, SL_COUNTER_INSERT_ROWS, insert->is_repeated ? 0 : insert->row_count);
        struct sl_wire_insert_ack ack = {.batch_number = insert->head.batch_number,
                                         .is_repeated = insert->is_repeated};
        sl_wire_insert_ack_encode(&out, insert->tag, &ack);
    }
    lane->outstanding--;
    if (!lane->is_closed)
        lane->owner->send(lane->context, &out);
    sl_buf_fini(&out);
}

/* From now on every batch is refused, with the first reason. */
static void
close_producer(struct sl_lane *lane, const struct sl_error *why)
{
    if (lane->failure.status == SL_OK)
        lane->failure = *why;
}

/* Both events are there: answer for what the store said. */
static void
settle(struct sl_insert *insert)
{
    if (insert->durable == SL_OK) {
        answer(insert, NULL);
    } else {
        struct sl_error why = {0};
        (void)sl_fail(&why, insert->durable,
                      "batch %" PRIu64 " did not become durable: %s; sluice status says why",
                      insert->head.batch_number, sl_status_text(insert->durable));
        close_producer(insert->lane, &why);
        answer(insert, &why);
    }
    free_insert(insert);
}

static void
on_durable_known(void *context)
{
    struct sl_insert *insert = context;
    SL_ASSERT(insert->magic == INSERT_MAGIC);
    insert->is_known = true;
    if (insert->is_worked)
        settle(insert);
}

/* A thread of the store's. */
static void
on_durable(void *context, sl_status status)
{
    struct sl_insert *insert = context;
    SL_ASSERT(insert->magic == INSERT_MAGIC);
    insert->durable = status;
    sl_loop_post(insert->lane->service->loop, on_durable_known, insert);
}

/* ---- work ---- */

static sl_status
append(struct sl_insert *insert)
{
    const struct sl_service *service = insert->lane->service;
    struct sl_error *err = &insert->failure;
    struct sl_batch *batch = NULL;
    SL_TRY(sl_batch_decode(insert->batch.bytes, insert->batch.size_bytes, service->schema, &batch,
                           err));
    insert->row_count = batch->row_count;
    uint32_t column_count = batch->column_count;
    sl_status st = sl_origin_fill(batch, service->schema, "native", err);
    if (st == SL_OK) {
        struct sl_append_from from = {
            .producer = insert->lane->producer,
            .epoch = insert->lane->epoch,
            .batch_number = insert->head.batch_number,
            .import_id = insert->head.has_import ? &insert->head.import_id : NULL,
            .import_offset = insert->head.import_offset,
        };
        if (batch->column_count ==
            column_count) { /* it named its origin: the bytes are all of it */
            from.encoded = insert->batch.bytes;
            from.encoded_bytes = insert->batch.size_bytes;
        }
        st = sl_store_append(service->store, batch, &from, on_durable, insert, err);
    }
    sl_batch_release(batch);
    return st;
}

static void start_next(struct sl_lane *lane);

static void
on_worked(void *context)
{
    struct sl_insert *insert = context;
    SL_ASSERT(insert->magic == INSERT_MAGIC);
    struct sl_lane *lane = insert->lane;
    SL_ASSERT(lane->working == insert);

    lane->working = NULL;
    insert->is_worked = true;
    drop_payload(insert);
    lane->owner->on_room(lane->context);
    if (insert->failure.status != SL_OK && insert->failure.status != SL_EXISTS)
        close_producer(lane, &insert->failure);
    lane->owner->hold(lane->context); /* the answers below may be the last reason to live */
    if (insert->failure.status == SL_EXISTS) {
        insert->is_repeated = true;
        answer(insert, NULL);
        free_insert(insert);
    } else if (insert->failure.status != SL_OK) {
        answer(insert, &insert->failure);
        free_insert(insert);
    } else if (insert->is_known) {
        settle(insert);
    }
    start_next(lane);
    lane->owner->release(lane->context);
}

static void
work(void *context)
{
    struct sl_insert *insert = context;
    SL_ASSERT(insert->magic == INSERT_MAGIC);
    struct sl_loop *loop = insert->lane->service->loop;
    sl_status st = append(insert);
    if (st != SL_OK)
        insert->failure.status = st;
    sl_loop_post(loop, on_worked, insert);
}

static void
start_next(struct sl_lane *lane)
{
    while (lane->working == NULL && lane->first != NULL) {
        struct sl_insert *insert = lane->first;
        lane->first = insert->next;
        if (lane->first == NULL)
            lane->last = NULL;
        if (lane->failure.status != SL_OK) {
            answer(insert, &lane->failure);
            free_insert(insert);
            continue;
        }
        lane->working = insert;
        sl_pool_submit(lane->service->inserts, work, insert);
    }
}

sl_status
sl_lane_take(struct sl_lane *lane, const struct sl_wire_frame *frame, bool *out_is_full,
             struct sl_error *err)
{
    const struct sl_service *service = lane->service;
    *out_is_full = false;
    if (lane->producer == NULL)
        return sl_fail(err, SL_FORMAT, "INSERT without INSERT_OPEN");
    if (lane->outstanding >= SL_LANE_CREDITS)
        return sl_fail(err, SL_FORMAT, "more batches on the way than the %d that were granted",
                       (int)SL_LANE_CREDITS);
    if (!sl_budget_take(service->insert_budget, frame->payload_bytes)) {
        *out_is_full = true;
        return sl_fail(err, SL_LIMIT, "no memory for inserts");
    }

    struct sl_insert *insert = sl_new(sizeof(*insert));
    insert->magic = INSERT_MAGIC;
    insert->lane = lane;
    insert->tag = frame->tag;
    insert->payload_bytes = frame->payload_bytes;
    insert->payload = frame->payload_bytes == 0 ? NULL : malloc(frame->payload_bytes);
    lane->owner->hold(lane->context);

    sl_status st = SL_OK;
    if (insert->payload == NULL) {
        sl_budget_give(service->insert_budget, frame->payload_bytes);
        st = sl_fail(err, SL_FORMAT, "INSERT without a payload, or without memory for it");
    } else {
        memcpy(insert->payload, frame->payload, frame->payload_bytes);
        struct sl_wire_frame copy = *frame;
        copy.payload = insert->payload;
        st = sl_wire_insert_decode(&copy, &insert->head, &insert->batch, err);
    }
    if (st != SL_OK) {
        free_insert(insert);
        return st;
    }
    lane->outstanding++;
    if (lane->last != NULL)
        lane->last->next = insert;
    else
        lane->first = insert;
    lane->last = insert;
    start_next(lane);
    return SL_OK;
}
