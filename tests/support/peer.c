/*
 * peer.c - see peer.h.
 */
#include "tests/support/peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/config.h"
#include "server/server.h"
#include "storage/base/clock.h"
#include "storage/batch_codec.h"

enum { OUT_BYTES_MAX = 128 << 20, ARENA_BYTES = 256 << 20, PATIENCE_MS = 30000 };

/* ---- server ---- */

static void
serve(const char *directory, const char *port_file, const char *const *options)
{
    struct sl_config *config = sl_config_create();
    struct sl_server *server = NULL;
    struct sl_error err = {0};
    const char *const fixed[] = {"data",    directory,        "listen", "127.0.0.1:0", "port-file",
                                 port_file, "netflow-listen", "off",    "log-level",   "error",
                                 NULL};
    sl_status st = SL_OK;
    for (size_t i = 0; fixed[i] != NULL && st == SL_OK; i += 2)
        st = sl_config_set(config, fixed[i], fixed[i + 1], &err);
    for (size_t i = 0; options != NULL && options[i] != NULL && st == SL_OK; i += 2)
        st = sl_config_set(config, options[i], options[i + 1], &err);
    (void)signal(SIGPIPE, SIG_IGN);
    if (st == SL_OK)
        st = sl_server_open(config, &server, &err);
    if (st != SL_OK) {
        fprintf(stderr, "the server did not start: %s\n", err.text);
        exit(3);
    }
    sl_server_run(server);
    sl_server_close(server);
    sl_config_destroy(config);
    exit(0);
}

static bool
read_port(const char *path, uint16_t *out_port)
{
    unsigned port = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL)
        return false;
    bool is_read = fscanf(file, "%u\n", &port) == 1;
    (void)fclose(file);
    *out_port = (uint16_t)port;
    return is_read && port != 0;
}

void
test_server_start(struct test_server *server, const char *directory, const char *const *options)
{
    char port_file[600];
    (void)snprintf(server->directory, sizeof(server->directory), "%s", directory);
    (void)snprintf(port_file, sizeof(port_file), "%s.port", directory);
    (void)unlink(port_file);
    (void)fflush(stdout);
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves no server behind */
        serve(directory, port_file, options);
    }
    for (int waited_ms = 0; !read_port(port_file, &server->port); waited_ms += 2) {
        int status = 0;
        if (waitpid(server->pid, &status, WNOHANG) == server->pid)
            fail_msg("the server ended with status %d", status);
        assert_true(waited_ms < PATIENCE_MS);
        (void)usleep(2000);
    }
    (void)unlink(port_file);
}

void
test_server_stop(struct test_server *server)
{
    assert_int_equal(kill(server->pid, SIGTERM), 0);
    test_server_reap(server);
}

void
test_server_reap(struct test_server *server)
{
    int status = 0;
    assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

void
test_server_kill(struct test_server *server)
{
    int status = 0;
    assert_int_equal(kill(server->pid, SIGKILL), 0);
    assert_int_equal(waitpid(server->pid, &status, 0), server->pid);
    assert_true(WIFSIGNALED(status)); /* and did not die of something else before */
}

struct test_server test_served;
char *test_served_directory;

int
test_served_start(void **state)
{
    char path[600];
    (void)state;
    test_served_directory = test_dir_create();
    (void)snprintf(path, sizeof(path), "%s/data", test_served_directory);
    test_server_start(&test_served, path, NULL);
    return 0;
}

int
test_served_stop(void **state)
{
    (void)state;
    test_server_stop(&test_served);
    test_dir_remove(test_served_directory);
    return 0;
}

/* ---- peer ---- */

void
test_peer_open(struct test_peer *peer, const struct test_server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(server->port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1;
    *peer = (struct test_peer){.out = sl_buf_empty(OUT_BYTES_MAX)};
    peer->arena = sl_arena_create(ARENA_BYTES);
    peer->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(peer->fd >= 0);
    int window_bytes = 64 << 10; /* little hides between a server and a peer that does not read */
    (void)setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUF, &window_bytes, sizeof(window_bytes));
    (void)setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    assert_int_equal(connect(peer->fd, (const struct sockaddr *)&address, sizeof(address)), 0);
}

void
test_peer_close(struct test_peer *peer)
{
    (void)close(peer->fd);
    free(peer->bytes);
    sl_buf_fini(&peer->out);
    sl_arena_destroy(peer->arena);
    *peer = (struct test_peer){.fd = -1};
}

bool
test_peer_send_bytes(struct test_peer *peer, const void *bytes, size_t size_bytes)
{
    const char *next = bytes;
    while (size_bytes != 0) {
        ssize_t sent = send(peer->fd, next, size_bytes, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        next += sent;
        size_bytes -= (size_t)sent;
    }
    return true;
}

bool
test_peer_send(struct test_peer *peer)
{
    assert_false(peer->out.bad);
    bool is_sent = test_peer_send_bytes(peer, peer->out.bytes, peer->out.size_bytes);
    sl_buf_clear(&peer->out);
    return is_sent;
}

/* Receive something; false at the end. */
static bool
receive(struct test_peer *peer, size_t wanted_bytes)
{
    if (wanted_bytes > peer->capacity_bytes) {
        peer->bytes = realloc(peer->bytes, wanted_bytes);
        assert_non_null(peer->bytes);
        peer->capacity_bytes = wanted_bytes;
    }
    struct pollfd poller = {.fd = peer->fd, .events = POLLIN};
    int ready = poll(&poller, 1, PATIENCE_MS);
    if (ready == 0)
        fail_msg("the server does not answer");
    ssize_t got =
        recv(peer->fd, peer->bytes + peer->size_bytes, peer->capacity_bytes - peer->size_bytes, 0);
    if (got <= 0)
        return false;
    peer->size_bytes += (size_t)got;
    return true;
}

bool
test_peer_frame(struct test_peer *peer, struct sl_wire_frame *out_frame)
{
    struct sl_error err = {0};
    peer->size_bytes -= peer->used_bytes;
    if (peer->size_bytes != 0 && peer->used_bytes != 0)
        memmove(peer->bytes, peer->bytes + peer->used_bytes, peer->size_bytes);
    peer->used_bytes = 0;
    for (;;) {
        size_t wanted_bytes = 0;
        TEST_OK(sl_wire_next(peer->bytes, peer->size_bytes, SL_WIRE_FRAME_BYTES_MAX, out_frame,
                             &peer->used_bytes, &wanted_bytes, &err),
                &err);
        if (peer->used_bytes != 0)
            return true;
        if (!receive(peer, sl_max_size(wanted_bytes, 65536)))
            return false;
    }
}

static const char *
error_text(const struct sl_wire_frame *frame)
{
    static struct sl_wire_error error;
    if (frame->type != SL_WIRE_ERROR || sl_wire_error_decode(frame, &error, NULL) != SL_OK)
        return "";
    return error.text;
}

struct sl_wire_frame
test_peer_expect(struct test_peer *peer, enum sl_wire_type type)
{
    struct sl_wire_frame frame = {0};
    if (!test_peer_frame(peer, &frame))
        fail_msg("the connection ended, %s was expected", sl_wire_type_name(type));
    if (frame.type != type)
        fail_msg("%s (%s) came, %s was expected", sl_wire_type_name(frame.type), error_text(&frame),
                 sl_wire_type_name(type));
    return frame;
}

const char *
test_peer_expect_error(struct test_peer *peer, sl_status status)
{
    static struct sl_wire_error error;
    struct sl_error err = {0};
    struct sl_wire_frame frame = test_peer_expect(peer, SL_WIRE_ERROR);
    TEST_OK(sl_wire_error_decode(&frame, &error, &err), &err);
    if (error.status != status)
        fail_msg("status %d (%s), %d was expected", (int)error.status, error.text, (int)status);
    return error.text;
}

void
test_peer_expect_end(struct test_peer *peer)
{
    struct sl_wire_frame frame = {0};
    if (!test_peer_frame(peer, &frame))
        return;
    assert_int_equal(frame.type, SL_WIRE_ERROR);
    assert_false(test_peer_frame(peer, &frame));
}

void
test_peer_greet(struct test_peer *peer, const struct test_server *server)
{
    struct sl_error err = {0};
    struct sl_wire_welcome welcome;
    test_peer_open(peer, server);
    sl_wire_hello_encode(&peer->out, 1,
                         &(struct sl_wire_hello){SL_WIRE_VERSION, SL_WIRE_VERSION, 15, "test"});
    sl_wire_auth_encode(&peer->out, 2, &(struct sl_wire_auth){"tester", "none", {NULL, 0}});
    assert_true(test_peer_send(peer));
    struct sl_wire_frame frame = test_peer_expect(peer, SL_WIRE_WELCOME);
    TEST_OK(sl_wire_welcome_decode(&frame, peer->arena, &welcome, &err), &err);
    peer->connection_id = welcome.connection_id;
    assert_null(memchr(welcome.challenge, 0, sizeof(welcome.challenge)));
    (void)test_peer_expect(peer, SL_WIRE_AUTH_OK);
}

void
test_peer_put_query(struct test_peer *peer, uint32_t tag, uint32_t flags, const char *text)
{
    const struct sl_wire_query query = {
        .session = {.flags = flags, .database = "flows", .time_zone = "UTC"},
        .text = {(const uint8_t *)text, (uint32_t)strlen(text)},
    };
    sl_wire_query_encode(&peer->out, SL_WIRE_QUERY, tag, &query);
}

uint64_t
test_peer_number(struct test_peer *peer, const char *text)
{
    struct sl_error err = {0};
    struct sl_vector *vectors = NULL;
    uint32_t column_count = 0;
    uint32_t row_count = 0;
    test_peer_put_query(peer, 900, 0, text);
    assert_true(test_peer_send(peer));
    (void)test_peer_expect(peer, SL_WIRE_RESULT);
    struct sl_wire_frame frame = test_peer_expect(peer, SL_WIRE_DATA);
    TEST_OK(sl_vectors_decode(frame.payload, frame.payload_bytes, peer->arena, &vectors, NULL,
                              &column_count, &row_count, &err),
            &err);
    assert_int_equal(row_count, 1);
    assert_int_equal(column_count, 1);
    uint64_t number = vectors[0].type == SL_TYPE_DECIMAL ? (uint64_t)sl_vector_i128(vectors, 0)
                                                         : sl_vector_u64(vectors, 0);
    (void)test_peer_expect(peer, SL_WIRE_DONE);
    return number;
}

/* ---- producers ---- */

struct sl_batch *
test_peer_batch(struct sl_schema *schema, uint32_t row_count, uint64_t mark)
{
    static const uint32_t noise[] = {SL_COLUMN_IN_PACKETS, SL_COLUMN_OUT_BYTES,
                                     SL_COLUMN_OUT_PACKETS};
    struct sl_builder *b = sl_builder_create(row_count);
    uint64_t seed = mark;
    for (uint32_t i = 0; i < row_count; i++) {
        int64_t at_us = INT64_C(1795000000000000) + (int64_t)i * 1000;
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_FIRST_SEEN)),
                           (uint64_t)at_us);
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_LAST_SEEN)),
                           (uint64_t)at_us);
        sl_builder_set_addr(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_SRC_ADDR)),
                            sl_addr_from_v4(0x0a000000 + i % 5000));
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_SRC_AS)), mark);
        sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, SL_COLUMN_IN_BYTES)),
                           i * 7919 % 100003);
        for (int c = 0; c < 3; c++) /* incompressible: results that fill the buffers on the way */
            sl_builder_set_u64(b, sl_builder_column(b, sl_schema_at(schema, noise[c])),
                               test_random(&seed));
        sl_builder_next(b);
    }
    struct sl_batch *batch = sl_builder_finish(b);
    sl_builder_destroy(b);
    return batch;
}

struct sl_wire_insert_ready
test_peer_open_producer(struct test_peer *peer, const char *name)
{
    struct sl_error err = {0};
    struct sl_wire_insert_ready ready;
    sl_wire_insert_open_encode(&peer->out, 1, name);
    assert_true(test_peer_send(peer));
    struct sl_wire_frame frame = test_peer_expect(peer, SL_WIRE_INSERT_READY);
    TEST_OK(sl_wire_insert_ready_decode(&frame, &ready, &err), &err);
    return ready;
}

void
test_peer_put_batch(struct test_peer *peer, struct sl_batch *batch, uint64_t number)
{
    const struct sl_wire_insert insert = {.batch_number = number};
    sl_wire_insert_encode(&peer->out, (uint32_t)number, &insert, batch);
}

struct sl_wire_insert_ack
test_peer_expect_ack(struct test_peer *peer, uint64_t number)
{
    struct sl_error err = {0};
    struct sl_wire_insert_ack ack;
    struct sl_wire_frame frame = test_peer_expect(peer, SL_WIRE_INSERT_ACK);
    TEST_OK(sl_wire_insert_ack_decode(&frame, &ack, &err), &err);
    assert_int_equal(ack.batch_number, number);
    assert_int_equal(frame.tag, number);
    return ack;
}
