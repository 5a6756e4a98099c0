/*
 * row.h - rows of a result, from vectors to packets of text or of binary values.
 *
 * A text row is one text with a length for each value, 0xfb for NULL. A binary row is a zero byte,
 * a bitmap of NULLs that starts at its third bit, and the values that are there:
 *
 *   TINY 1, SHORT 2, LONG 4, LONGLONG 8, DOUBLE 8 bytes, little-endian
 *   DATE, DATETIME   length 0, 4, 7 or 11: year[2] month day [hour minute second [us[4]]]
 *   TIME             length 0, 8 or 12: negative days[4] hours minutes seconds [us[4]]
 *   the rest         as text, with its length
 *
 * Times are shown in the session's time zone, as MySQL shows a TIMESTAMP.
 *
 * Layer: client/mysql, internal.
 */
#ifndef SLUICE_CLIENT_MYSQL_ROW_H
#define SLUICE_CLIENT_MYSQL_ROW_H

#include "client/mysql/column.h"
#include "storage/base/zone.h"
#include "storage/batch.h"

enum sl_row_form { SL_ROW_TEXT, SL_ROW_BINARY };

struct sl_rows {
    const struct sl_mysql_column *columns; /* borrowed */
    const struct sl_vector *vectors;       /* borrowed; as many */
    uint32_t column_count;
    const struct sl_zone *zone; /* the session's; NULL: UTC */
};

void sl_row_put(struct sl_buf *out, uint8_t *sequence, const struct sl_rows *rows, uint32_t row,
                enum sl_row_form form);

/* A double as MySQL writes it: the fewest digits that read back the same, without an exponent
 * while the point is at most 15 digits away. */
enum { SL_MYSQL_F64_BYTES = 40 };
size_t sl_mysql_f64_format(double value, char text[SL_MYSQL_F64_BYTES]);

#endif
