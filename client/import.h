/*
 * import.h - files of flows into a server, each exactly once.
 *
 * Parsing happens here; batches travel over the native protocol; memory stays bounded whatever
 * the size of a file. A file is known by its content: XXH3-128 over the decompressed bytes, with
 * the upper 40 bits of the hash replaced by the size (so that a file that grew is recognised:
 * its beginning has the identity of what was imported before). What is durable is not sent
 * again: an import that was cut off goes on behind its last durable row.
 *
 * Layer: client, internal.
 */
#ifndef SLUICE_CLIENT_IMPORT_H
#define SLUICE_CLIENT_IMPORT_H

#include <signal.h>

#include "client/connection.h"

enum sl_import_type {
    SL_IMPORT_AUTO,
    SL_IMPORT_NPROBE,  /* text, first line the names, any one-character separator */
    SL_IMPORT_CSV,     /* RFC 4180 with a header line */
    SL_IMPORT_JSON,    /* one object a line, or one array of objects */
    SL_IMPORT_NETFLOW, /* pcap or pcapng that holds NetFlow or IPFIX packets */
};

/* False when `name` is none of auto, nprobe, csv, json, netflow. */
bool sl_import_type_parse(const char *name, enum sl_import_type *out_type);

enum { SL_IMPORT_REASONS_MAX = 5, SL_IMPORT_FAILURES_MAX = 50, SL_IMPORT_REASON_BYTES = 480 };

struct sl_import_options {
    enum sl_import_type type;
    const char *exporter;                     /* address for rows that name none; NULL: none */
    bool is_strict;                           /* the first bad line stops the import */
    bool is_again;                            /* import although the content was imported before */
    bool shows_progress;                      /* a bar on standard error */
    const volatile sig_atomic_t *interrupted; /* becomes not 0: stop, SL_CANCELLED; or NULL */
};

/* What became of all files so far. */
struct sl_import_totals {
    uint64_t files;
    uint64_t files_known;  /* imported before: nothing was sent */
    uint64_t files_failed; /* they cannot be read, hold no flows, or are damaged */
    uint64_t rows_read;
    uint64_t rows_stored; /* acknowledged: on the server's disk */
    uint64_t rows_rejected;
    int64_t elapsed_us;
    struct {
        uint64_t line;
        char text[SL_IMPORT_REASON_BYTES];
    } reasons[SL_IMPORT_REASONS_MAX]; /* the first bad lines */
    unsigned reason_count;
    char failures[SL_IMPORT_FAILURES_MAX][SL_IMPORT_REASON_BYTES]; /* of the first failed files */
    unsigned warning_count;                                        /* told already */
};

/* Import a file, a directory (walked; names that end in .temp are skipped), or "-". Totals are
 * added to. A file or directory that cannot be read, or not as flows, is counted as failed and no
 * error, unless is_strict. */
SL_MUST_CHECK
sl_status sl_import_path(struct sl_connection *connection, const char *path,
                         const struct sl_import_options *options, struct sl_import_totals *totals,
                         struct sl_error *err);

#endif
