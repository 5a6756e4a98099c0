/*
 * peer.h - a server in a process of its own, and blocking peers that speak (or misspeak) the
 * native protocol to it.
 *
 * The server runs in a forked child, so that it can be killed, and so that a sanitizer's finding
 * in it shows as its exit status.
 */
#ifndef SLUICE_TESTS_SUPPORT_PEER_H
#define SLUICE_TESTS_SUPPORT_PEER_H

#include <sys/types.h>

#include "server/wire/wire.h"
#include "tests/support/test.h"

struct test_server {
    pid_t pid;
    uint16_t port;
    char directory[512];
};

/* Start over `directory`, on a free port, with more options as "key", "value" ... NULL. Returns
 * when it listens. No thread may run in the test before. */
void test_server_start(struct test_server *server, const char *directory,
                       const char *const *options);
/* SIGTERM, and the exit status must be 0. */
void test_server_stop(struct test_server *server);
/* Wait for its end; the exit status must be 0. */
void test_server_reap(struct test_server *server);
void test_server_kill(struct test_server *server);

/* One server for a group of tests, over a directory of its own: what cmocka calls before and after. */
extern struct test_server test_served;
extern char *test_served_directory; /* the server's data lies in it; tests may put more there */
int test_served_start(void **state);
int test_served_stop(void **state);

struct test_peer {
    int fd;
    uint8_t *bytes; /* owned: received */
    size_t size_bytes;
    size_t capacity_bytes;
    size_t used_bytes; /* of the frame handed out last */
    uint64_t connection_id;
    struct sl_arena *arena; /* owned: for what a test decodes */
    struct sl_buf out;
};

/* Connect without a word. */
void test_peer_open(struct test_peer *peer, const struct test_server *server);
/* Connect and shake hands. */
void test_peer_greet(struct test_peer *peer, const struct test_server *server);
void test_peer_close(struct test_peer *peer);

/* Send what lies in peer->out. False when the server has gone. */
bool test_peer_send(struct test_peer *peer);
bool test_peer_send_bytes(struct test_peer *peer, const void *bytes, size_t size_bytes);

/* The next frame, good until the next call. False at the end of the connection. A test that
 * waits longer than 30 seconds fails. */
bool test_peer_frame(struct test_peer *peer, struct sl_wire_frame *out_frame);
/* The next frame, which must be of this type. */
struct sl_wire_frame test_peer_expect(struct test_peer *peer, enum sl_wire_type type);
/* The next frame must be an ERROR of this class; its story is returned, good until the next. */
const char *test_peer_expect_error(struct test_peer *peer, sl_status status);
/* Nothing more but at most one ERROR, then the end. */
void test_peer_expect_end(struct test_peer *peer);

/* Put a QUERY into peer->out. */
void test_peer_put_query(struct test_peer *peer, uint32_t tag, uint32_t flags, const char *text);
/* Run a query that gives one unsigned number. */
uint64_t test_peer_number(struct test_peer *peer, const char *text);

/* ---- producers ---- */

/* Rows of one second each thousand, whose src_as is `mark`; what is random in them follows from it. */
struct sl_batch *test_peer_batch(struct sl_schema *schema, uint32_t row_count, uint64_t mark);
/* Become the producer of this name: where it stands, and what it may send ahead. */
struct sl_wire_insert_ready test_peer_open_producer(struct test_peer *peer, const char *name);
/* Put an INSERT into peer->out; its number is also its tag. */
void test_peer_put_batch(struct test_peer *peer, struct sl_batch *batch, uint64_t number);
/* The next frame must be the ACK of this batch. */
struct sl_wire_insert_ack test_peer_expect_ack(struct test_peer *peer, uint64_t number);

#endif
