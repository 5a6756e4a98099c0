/*
 * print.h - results for people and programs.
 *
 * table     libsmartcols, for a terminal
 * csv       RFC 4180, a header line, addresses in text form, times as ISO 8601
 * tsv       a header line, tab-separated, MySQL's escapes (\t \n \\ \0, NULL as \N)
 * json      one array of objects; numbers as numbers, 64-bit ones too; NULL as null
 * vertical  a line a value, a heading a row
 *
 * Layer: client, internal.
 */
#ifndef SLUICE_CLIENT_PRINT_H
#define SLUICE_CLIENT_PRINT_H

#include <stdio.h>

#include "client/result.h"

enum sl_print_format {
    SL_PRINT_TABLE,
    SL_PRINT_CSV,
    SL_PRINT_TSV,
    SL_PRINT_JSON,
    SL_PRINT_VERTICAL,
};

/* False when `name` is none of the five. */
bool sl_print_format_parse(const char *name, enum sl_print_format *out_format);

/* All rows of `result` to `file`; *out_rows counts them. SL_IO when the file cannot be written. */
SL_MUST_CHECK
sl_status sl_print_result(struct sl_result *result, enum sl_print_format format, FILE *file,
                          uint64_t *out_rows, struct sl_error *err);

/* print_table.c: the same as a table, which is laid out in steps of some thousand rows. */
SL_MUST_CHECK
sl_status sl_print_table(struct sl_result *result, FILE *file, uint64_t *out_rows,
                         struct sl_error *err);

#endif
