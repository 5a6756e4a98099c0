/*
 * pair.c - see pair.h.
 */
#include "server/net/pair.h"

void
sl_pair_join(struct sl_pair_end *a, struct sl_pair_end *b)
{
    a->mate = b;
    b->mate = a;
}

void
sl_pair_write(struct sl_pair_end *end, uint8_t *bytes, size_t size_bytes)
{
    struct sl_pair_end *mate = end->mate;
    if (mate == NULL || mate->is_ended || size_bytes == 0) {
        end->is_broken = end->is_broken || mate == NULL;
        free(bytes);
        return;
    }
    struct sl_pair_chunk *chunk = sl_new(sizeof(*chunk));
    *chunk = (struct sl_pair_chunk){.bytes = bytes, .size_bytes = size_bytes};
    if (mate->last != NULL)
        mate->last->next = chunk;
    else
        mate->first = chunk;
    mate->last = chunk;
    mate->queued_bytes += size_bytes;
}

size_t
sl_pair_unwritten_bytes(const struct sl_pair_end *end)
{
    return end->mate == NULL ? 0 : end->mate->queued_bytes;
}

void
sl_pair_shutdown(struct sl_pair_end *end)
{
    if (end->mate != NULL)
        end->mate->is_ended = true;
}

struct sl_pair_chunk *
sl_pair_take(struct sl_pair_end *end)
{
    struct sl_pair_chunk *chunk = end->first;
    if (chunk == NULL || !end->is_reading)
        return NULL;
    end->first = chunk->next;
    if (end->first == NULL)
        end->last = NULL;
    end->queued_bytes -= chunk->size_bytes;
    return chunk;
}

bool
sl_pair_is_over(const struct sl_pair_end *end)
{
    return end->is_reading && end->is_ended && end->first == NULL;
}

bool
sl_pair_is_due(const struct sl_pair_end *end)
{
    return end->is_broken || (end->is_reading && (end->first != NULL || end->is_ended));
}

void
sl_pair_close(struct sl_pair_end *end)
{
    bool is_unread = end->first != NULL;
    end->is_reading = true; /* so that all can be taken */
    for (struct sl_pair_chunk *chunk; (chunk = sl_pair_take(end)) != NULL;) {
        free(chunk->bytes);
        free(chunk);
    }
    end->is_reading = false;
    if (end->mate == NULL)
        return;
    end->mate->is_ended = true;
    end->mate->is_broken = is_unread;
    end->mate->mate = NULL;
    end->mate = NULL;
}
