/*
 * nearest.c - see nearest.h.
 */
#include "storage/base/nearest.h"

enum { NAME_BYTES_MAX = 64 };

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* Levenshtein's distance of two names of at most NAME_BYTES_MAX bytes. */
static unsigned
distance_of(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    unsigned row[NAME_BYTES_MAX + 1];
    for (unsigned j = 0; j <= b_bytes; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_bytes; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_bytes; j++) {
            unsigned replaced = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            diagonal = row[j];
            unsigned inserted = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = replaced < inserted ? replaced : inserted;
        }
    }
    return row[b_bytes];
}

struct sl_nearest
sl_nearest_to(const void *name, size_t name_bytes)
{
    return (struct sl_nearest){
        .name = name, .name_bytes = name_bytes, .distance = name_bytes <= 4 ? 2 : 3};
}

void
sl_nearest_offer(struct sl_nearest *nearest, const char *candidate)
{
    size_t candidate_bytes = strlen(candidate);
    if (nearest->name_bytes < 2 || nearest->name_bytes > NAME_BYTES_MAX ||
        candidate_bytes > NAME_BYTES_MAX)
        return;
    unsigned distance = distance_of(nearest->name, nearest->name_bytes, candidate, candidate_bytes);
    if (distance >= nearest->distance)
        return;
    nearest->best = candidate;
    nearest->distance = distance;
}
