/*
 * load_fuzz.c - lines of a client's file, in pieces: the first byte tells how they are written and cut.
 */
#include "query/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes);

enum { WIDTH = 3 };

static void
drain(struct sl_load *load)
{
    struct sl_cell cells[WIDTH];
    bool found = true;
    uint32_t fields = 0;
    volatile uint8_t sum = 0;
    while (found) {
        sl_load_row(load, cells, WIDTH, &found, &fields);
        for (unsigned i = 0; found && i < WIDTH; i++)
            for (uint32_t k = 0; cells[i].kind == SL_CELL_TEXT && k < cells[i].size_bytes; k++)
                sum = (uint8_t)(sum + cells[i].as.bytes[k]);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size_bytes)
{
    if (size_bytes == 0)
        return 0;
    uint8_t how = bytes[0];
    struct sl_load_format format = {
        .field_end = {.bytes = (const uint8_t *)(how & 1 ? "||" : ","),
                      .size_bytes = how & 1 ? 2 : 1},
        .line_end = {.bytes = (const uint8_t *)"\r\n", .size_bytes = how & 2 ? 2 : 1},
        .has_enclosure = (how & 4) != 0,
        .enclosure = '"',
        .has_escape = (how & 8) != 0,
        .escape = '\\',
        .skip_lines = how >> 4 & 1,
    };
    size_t piece_bytes = (size_t)(how >> 5) + 1;
    struct sl_load load;
    sl_load_init(&load, &format);
    for (size_t at = 1; at < size_bytes; at += piece_bytes) {
        size_t left_bytes = size_bytes - at;
        if (sl_load_feed(&load, bytes + at, left_bytes < piece_bytes ? left_bytes : piece_bytes,
                         NULL) != SL_OK)
            break;
        drain(&load);
    }
    if (sl_load_feed(&load, NULL, 0, NULL) == SL_OK)
        drain(&load);
    sl_load_fini(&load);
    return 0;
}
