/*
 * mysql_hostile_test.c - the MySQL door, spoken to as attackers and broken clients do.
 *
 * A server and an adapter run in processes of their own (their exit status, under a sanitizer, is
 * part of the proof). After each attack a well-behaved client must be served at once, and in the
 * end the adapter holds no more descriptors and hardly more memory than before.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/mysql/greeting.h"
#include "client/mysql/mysql.h"
#include "storage/base/clock.h"
#include "storage/base/cursor.h"
#include "storage/base/file.h"
#include "storage/base/log.h"
#include "tests/support/peer.h"

enum {
    CONNECTIONS = 1000,
    STALL_MS = 700,
    PATIENCE_MS = 30000,
    ANSWER_BYTES_MAX = 1 << 20,
    RSS_GROWTH_BYTES = 64 << 20, /* of the allocator's, and of a sanitizer's quarantine */
};

static char *directory;
static struct test_server server;
static pid_t adapter;
static uint16_t port;
static uint64_t seed;

/* ---- the adapter ---- */

static void
on_signal(void *context)
{
    sl_mysql_stop(context);
}

static void
serve(int port_fd)
{
    struct sl_mysql_options options = sl_mysql_options_default();
    struct sl_mysql *mysql = NULL;
    struct sl_error err = {0};
    char text[64];
    (void)signal(SIGPIPE, SIG_IGN);
    sl_log_set_level(SL_LOG_ERROR);
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", (unsigned)server.port);
    TEST_OK(sl_endpoint_parse(text, &options.connect, &err), &err);
    TEST_OK(sl_endpoint_parse("127.0.0.1:0", &options.listen, &err), &err);
    options.connections_max = CONNECTIONS;
    options.stall_us = STALL_MS * 1000;
    TEST_OK(sl_mysql_create(&options, &mysql, &err), &err);
    struct sl_endpoint endpoint = sl_mysql_endpoint(mysql);
    struct sl_signal *signal_handle =
        sl_signal_open(sl_mysql_loop(mysql), SIGTERM, on_signal, mysql);
    if (write(port_fd, &endpoint.port, sizeof(endpoint.port)) != sizeof(endpoint.port))
        exit(4);
    (void)close(port_fd);
    sl_mysql_run(mysql);
    sl_signal_close(signal_handle);
    sl_mysql_destroy(mysql);
    exit(0);
}

static int
start(void **state)
{
    static const char *const options[] = {"connections", "3000", NULL};
    int ends[2];
    (void)state;
    sl_file_raise_limit();
    seed = test_seed();
    directory = test_dir_create();
    test_server_start(&server, directory, options);
    assert_int_equal(pipe(ends), 0);
    (void)fflush(stdout);
    adapter = fork();
    assert_true(adapter >= 0);
    if (adapter == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)close(ends[0]);
        serve(ends[1]);
    }
    (void)close(ends[1]);
    assert_int_equal(read(ends[0], &port, sizeof(port)), sizeof(port));
    (void)close(ends[0]);
    return 0;
}

static int
stop(void **state)
{
    int status = 0;
    (void)state;
    assert_int_equal(kill(adapter, SIGTERM), 0);
    assert_int_equal(waitpid(adapter, &status, 0), adapter);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    test_server_stop(&server);
    test_dir_remove(directory);
    return 0;
}

/* ---- a client ---- */

static int
reach(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    int window_bytes = 64 << 10;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &window_bytes, sizeof(window_bytes));
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* False: the peer has closed. */
static bool
receive(int fd, uint8_t *bytes, size_t size_bytes)
{
    while (size_bytes != 0) {
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        if (poll(&poller, 1, PATIENCE_MS) == 0)
            fail_msg("the adapter does not answer");
        ssize_t got = recv(fd, bytes, size_bytes, 0);
        if (got <= 0)
            return false;
        bytes += got;
        size_bytes -= (size_t)got;
    }
    return true;
}

/* The payload of the next packet; SIZE_MAX: the peer has closed. */
static size_t
receive_packet(int fd, uint8_t *payload, uint8_t *out_sequence)
{
    uint8_t header[4];
    if (!receive(fd, header, sizeof(header)))
        return SIZE_MAX;
    size_t size_bytes = (size_t)sl_read_le(header, 3);
    assert_true(size_bytes <= ANSWER_BYTES_MAX);
    *out_sequence = header[3];
    return receive(fd, payload, size_bytes) ? size_bytes : SIZE_MAX;
}

static void
send_all(int fd, const void *bytes, size_t size_bytes)
{
    const char *next = bytes;
    while (size_bytes != 0) {
        ssize_t sent = send(fd, next, size_bytes, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the adapter has had enough: the answer tells */
        next += sent;
        size_bytes -= (size_t)sent;
    }
}

/* A packet whose header tells the truth, or `told` bytes. */
static void
send_packet(int fd, const void *payload, size_t size_bytes, size_t told_bytes, uint8_t sequence)
{
    struct sl_buf out = sl_buf_empty(64 << 20);
    sl_buf_u32le(&out, (uint32_t)told_bytes | (uint32_t)sequence << 24);
    if (size_bytes != 0)
        sl_buf_append(&out, payload, size_bytes);
    send_all(fd, out.bytes, out.size_bytes);
    sl_buf_fini(&out);
}

static size_t
login_payload(uint8_t payload[256])
{
    static const char rest[] = "tester\0"
                               "\0" /* an empty token */
                               "flows\0"
                               "mysql_native_password\0"
                               "\x0d\x0c_client_name";
    const uint32_t capabilities = SL_CAP_PROTOCOL_41 | SL_CAP_SECURE_CONNECTION |
                                  SL_CAP_CONNECT_WITH_DB | SL_CAP_PLUGIN_AUTH | SL_CAP_LOCAL_FILES |
                                  SL_CAP_MULTI_STATEMENTS;
    memset(payload, 0, 256);
    for (int i = 0; i < 4; i++)
        payload[i] = (uint8_t)(capabilities >> i * 8);
    payload[7] = 1;
    payload[8] = SL_COLLATION_UTF8MB4;
    size_t rest_bytes = sizeof(rest) - 1 - 14; /* attributes are of another capability */
    memcpy(payload + 32, rest, rest_bytes);
    return 32 + rest_bytes;
}

/* Connect and read the greeting. -1: refused. */
static int
be_greeted(void)
{
    uint8_t *payload = sl_new(ANSWER_BYTES_MAX);
    uint8_t sequence = 0;
    int fd = reach();
    size_t size_bytes = receive_packet(fd, payload, &sequence);
    bool is_greeting = size_bytes != SIZE_MAX && payload[0] == SL_MYSQL_PROTOCOL_VERSION;
    free(payload);
    if (is_greeting)
        return fd;
    (void)close(fd);
    return -1;
}

/* A client that may ask; -1: refused. */
static int
log_in(void)
{
    uint8_t login[256];
    uint8_t *payload = sl_new(ANSWER_BYTES_MAX);
    uint8_t sequence = 0;
    size_t login_bytes = login_payload(login);
    int fd = be_greeted();
    if (fd >= 0) {
        send_packet(fd, login, login_bytes, login_bytes, 1);
        size_t size_bytes = receive_packet(fd, payload, &sequence);
        assert_true(size_bytes != SIZE_MAX && payload[0] == 0);
        assert_int_equal(sequence, 2);
    }
    free(payload);
    return fd;
}

/* Ask for one number, and get it. */
static bool
ask(int fd)
{
    static const char text[] = "\x03SELECT 40 + 2";
    uint8_t *payload = sl_new(ANSWER_BYTES_MAX);
    uint8_t sequence = 0;
    bool is_right = false;
    send_packet(fd, text, sizeof(text) - 1, sizeof(text) - 1, 0);
    for (int i = 0; i < 5; i++) { /* columns, a column, EOF, a row, EOF */
        size_t size_bytes = receive_packet(fd, payload, &sequence);
        if (size_bytes == SIZE_MAX)
            break;
        assert_int_equal(sequence, i + 1);
        if (i == 3)
            is_right = size_bytes == 3 && memcmp(payload,
                                                 "\x02"
                                                 "42",
                                                 3) == 0;
    }
    free(payload);
    return is_right;
}

/* A new client is served, and at once. */
static void
check_served(void)
{
    int64_t started_us = sl_clock_monotonic_us();
    int fd = log_in();
    assert_true(fd >= 0);
    assert_true(ask(fd));
    (void)close(fd);
    assert_true(sl_clock_monotonic_us() - started_us < 10 * SL_US_PER_S);
}

/* Read until the end, or until nothing comes for a while; the number of the last error, 0: none. */
static unsigned
drain(int fd)
{
    uint8_t *bytes = sl_new(ANSWER_BYTES_MAX);
    unsigned number = 0;
    for (;;) {
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        uint8_t header[4];
        if (poll(&poller, 1, 30) == 0 || !receive(fd, header, 4))
            break;
        size_t size_bytes = (size_t)sl_read_le(header, 3);
        if (size_bytes > ANSWER_BYTES_MAX || !receive(fd, bytes, size_bytes))
            break;
        if (size_bytes > 3 && bytes[0] == 0xff)
            number = (unsigned)sl_read_le(bytes + 1, 2);
    }
    free(bytes);
    return number;
}

/* The error that the next packets end with, however long it takes. */
static void
check_error(int fd, unsigned number)
{
    uint8_t *payload = sl_new(ANSWER_BYTES_MAX);
    uint8_t sequence = 0;
    size_t size_bytes = 0;
    do {
        size_bytes = receive_packet(fd, payload, &sequence);
        assert_true(size_bytes != SIZE_MAX && size_bytes != 0);
    } while (payload[0] != 0xff);
    assert_true(size_bytes > 3);
    assert_int_equal(sl_read_le(payload + 1, 2), number);
    free(payload);
}

/* ---- manners ---- */

/* As a client sees it that reads as soon as there is something: columns, row and end at once. The server may
 * be slow once in a while. */
static void
a_short_answer_comes_in_one_piece(void **state)
{
    static const char text[] = "\x03SELECT 40 + 2";
    static const uint8_t end[] = {5, 0, 0, 5, 0xfe}; /* length, sequence, EOF */
    enum { ROUNDS = 100, END_BYTES = 9 };
    uint8_t *bytes = sl_new(ANSWER_BYTES_MAX);
    unsigned whole = 0;
    (void)state;
    int fd = log_in();
    for (int i = 0; i < ROUNDS; i++) {
        size_t have_bytes = 0;
        unsigned pieces = 0;
        send_packet(fd, text, sizeof(text) - 1, sizeof(text) - 1, 0);
        while (have_bytes < END_BYTES ||
               memcmp(bytes + have_bytes - END_BYTES, end, sizeof(end)) != 0) {
            ssize_t got = recv(fd, bytes + have_bytes, ANSWER_BYTES_MAX - have_bytes, 0);
            assert_true(got > 0);
            have_bytes += (size_t)got;
            pieces++;
        }
        whole += pieces == 1;
    }
    assert_in_range(whole, ROUNDS * 3 / 4, ROUNDS);
    (void)close(fd);
    free(bytes);
}

/* ---- attacks ---- */

static void
logins_cut_lengthened_and_changed_end_alone(void **state)
{
    uint8_t login[256];
    size_t size_bytes = login_payload(login);
    (void)state;
    for (size_t cut = 0; cut < size_bytes; cut += 3) {
        int fd = be_greeted();
        send_packet(fd, login, cut, cut, 1); /* a true length */
        (void)close(fd);
        fd = be_greeted();
        send_packet(fd, login, cut, size_bytes, 1); /* the rest never comes */
        (void)close(fd);
    }
    for (size_t at = 0; at < size_bytes; at++) {
        uint8_t changed[256];
        memcpy(changed, login, sizeof(changed));
        changed[at] = (uint8_t)(test_random(&seed) | 1);
        int fd = be_greeted();
        send_packet(fd, changed, size_bytes, size_bytes, 1);
        (void)close(fd);
    }
    int fd = be_greeted();
    send_packet(fd, "x", 1, 1, 1);
    check_error(fd, SL_ER_HANDSHAKE);
    (void)close(fd);
    check_served();
}

static void
wrong_sequence_numbers_are_refused(void **state)
{
    static const uint8_t wrong[] = {0, 2, 7, 255};
    uint8_t login[256];
    size_t size_bytes = login_payload(login);
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(wrong); i++) {
        int fd = be_greeted();
        send_packet(fd, login, size_bytes, size_bytes, wrong[i]);
        check_error(fd, SL_ER_PACKETS_OUT_OF_ORDER);
        (void)close(fd);
        fd = log_in();
        send_packet(fd, "\x0e", 1, 1, (uint8_t)(wrong[i] | 1));
        check_error(fd, SL_ER_PACKETS_OUT_OF_ORDER);
        (void)close(fd);
    }
    check_served();
}

/* In the middle of a file, of a message of several packets, and while a statement runs. */
static void
wrong_sequence_numbers_in_the_middle_are_refused(void **state)
{
    static const char load[] = "\x03LOAD DATA LOCAL INFILE 'x' INTO TABLE flows (last_seen)";
    static const char slow[] = "\x03SELECT COUNT(*) FROM information_schema.COLUMNS";
    static const uint8_t wrong[] = {0, 1, 3, 255}; /* the file's first packet is number 2 */
    uint8_t *payload = sl_new(ANSWER_BYTES_MAX);
    uint8_t sequence = 0;
    (void)state;
    for (size_t i = 0; i < SL_COUNTOF(wrong); i++) {
        int fd = log_in();
        send_packet(fd, load, sizeof(load) - 1, sizeof(load) - 1, 0);
        assert_true(receive_packet(fd, payload, &sequence) != SIZE_MAX && payload[0] == 0xfb);
        send_packet(fd, "1795421730\n", 11, 11, wrong[i]);
        check_error(fd, SL_ER_PACKETS_OUT_OF_ORDER);
        (void)close(fd);
    }
    free(payload);

    int fd = log_in();
    uint8_t *part = sl_new(SL_MYSQL_PART_BYTES_MAX);
    send_packet(fd, part, SL_MYSQL_PART_BYTES_MAX, SL_MYSQL_PART_BYTES_MAX, 0);
    send_packet(fd, part, 10, 10, 2);
    check_error(fd, SL_ER_PACKETS_OUT_OF_ORDER);
    (void)close(fd);
    free(part);

    fd = log_in();
    send_packet(fd, slow, sizeof(slow) - 1, sizeof(slow) - 1, 0);
    send_packet(fd, "\x0e", 1, 1, 1); /* a PING that comes as if it went on */
    check_error(fd, SL_ER_PACKETS_OUT_OF_ORDER);
    (void)close(fd);
    check_served();
}

static void
lengths_that_lie_are_refused_before_they_are_read(void **state)
{
    (void)state;
    int fd = be_greeted();
    send_packet(fd, NULL, 0, 0xfffffe, 1); /* before a login: 72 KiB are the most */
    check_error(fd, SL_ER_PACKET_TOO_LARGE);
    (void)close(fd);

    fd = log_in();
    uint8_t *part = sl_new(SL_MYSQL_PART_BYTES_MAX);
    uint8_t parts = SL_MYSQL_PACKET_BYTES_MAX / SL_MYSQL_PART_BYTES_MAX;
    for (uint8_t i = 0; i < parts; i++)
        send_packet(fd, part, SL_MYSQL_PART_BYTES_MAX, SL_MYSQL_PART_BYTES_MAX, i);
    send_packet(fd, NULL, 0, SL_MYSQL_PART_BYTES_MAX, parts); /* goes on beyond the limit */
    check_error(fd, SL_ER_PACKET_TOO_LARGE);
    (void)close(fd);
    free(part);
    check_served();
}

static void
commands_of_noise_are_answered_or_end_alone(void **state)
{
    int fd = log_in();
    (void)state;
    for (unsigned command = 0; command < 256; command++) {
        for (size_t body_bytes = 0; body_bytes < 80; body_bytes = body_bytes * 3 + 1) {
            uint8_t payload[128];
            payload[0] = (uint8_t)command;
            for (size_t i = 1; i <= body_bytes; i++)
                payload[i] = (uint8_t)test_random(&seed);
            send_packet(fd, payload, body_bytes + 1, body_bytes + 1, 0);
        }
        if (command % 8 != 7)
            continue;
        (void)drain(fd);
        (void)close(fd);
        fd = log_in();
    }
    send_packet(fd, NULL, 0, 0, 0); /* no command at all */
    check_error(fd, SL_ER_MALFORMED_PACKET);
    send_packet(fd, "\x2f", 1, 1, 0);
    check_error(fd, SL_ER_UNKNOWN_COMMAND);
    assert_true(ask(fd)); /* and the connection lives */
    (void)close(fd);
    check_served();
}

static void
executes_cut_and_changed_end_alone(void **state)
{
    static const uint8_t good[] = {0x17, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1,   0x08, 0,
                                   0xfd, 0, 5, 0, 0, 0, 0, 0, 0, 0, 3, 'a', 'b',  'c'};
    static const char text[] = "\x16SELECT ? + 1, CONCAT(?, 'x')";
    (void)state;
    int fd = log_in();
    send_packet(fd, text, sizeof(text) - 1, sizeof(text) - 1, 0);
    assert_int_equal(drain(fd), 0);
    send_packet(fd, good, sizeof(good), sizeof(good), 0);
    assert_int_equal(drain(fd), 0);
    for (size_t cut = 1; cut < sizeof(good); cut++)
        send_packet(fd, good, cut, cut, 0);
    for (size_t at = 1; at < sizeof(good); at++) {
        uint8_t changed[sizeof(good)];
        memcpy(changed, good, sizeof(good));
        changed[at] ^= (uint8_t)(1 + test_random_below(&seed, 255));
        send_packet(fd, changed, sizeof(changed), sizeof(changed), 0);
    }
    (void)drain(fd);
    assert_true(ask(fd));
    (void)close(fd);
    check_served();
}

static void
half_a_packet_and_unread_answers_end_in_time(void **state)
{
    static const char much[] =
        "\x03SELECT LPAD(a.name, 60000, 'x'), LPAD(a.name, 60000, 'y'), LPAD(a.name, 60000, 'z'), "
        "LPAD(a.name, 60000, 'u'), LPAD(a.name, 60000, 'v'), LPAD(a.name, 60000, 'w') "
        "FROM system.columns AS a";
    (void)state;
    int writer = log_in();
    int reader = log_in();
    send_all(writer, "\x10\0", 2);
    send_packet(reader, much, sizeof(much) - 1, sizeof(much) - 1, 0);
    check_served();
    struct pollfd poller = {.fd = writer, .events = POLLIN};
    assert_int_equal(poll(&poller, 1, STALL_MS * 6), 1); /* closed by the adapter */
    (void)usleep(STALL_MS * 3000);
    size_t got_bytes = 0;
    uint8_t *bytes = sl_new(ANSWER_BYTES_MAX);
    for (;;) {
        ssize_t got = recv(reader, bytes, ANSWER_BYTES_MAX, 0);
        if (got <= 0)
            break;
        got_bytes += (size_t)got;
    }
    assert_true(got_bytes < (30U << 20)); /* it was cut off before the end */
    free(bytes);
    (void)close(writer);
    (void)close(reader);
    check_served();
}

static void
floods_of_logins_leave_room_for_others(void **state)
{
    enum { FLOOD = 200, ROUNDS = 3 };
    uint8_t login[256];
    size_t size_bytes = login_payload(login);
    (void)state;
    for (int round = 0; round < ROUNDS; round++) {
        int fds[FLOOD];
        for (int i = 0; i < FLOOD; i++)
            fds[i] = reach();
        check_served();
        for (int i = 0; i < FLOOD; i++) {
            if (i % 3 != 0) /* others never say a word: half-open */
                send_packet(fds[i], login, size_bytes, size_bytes, (uint8_t)(i % 3));
            if (i % 2 != 0)
                (void)shutdown(fds[i], SHUT_WR);
        }
        check_served();
        for (int i = 0; i < FLOOD; i++)
            (void)close(fds[i]);
    }
    check_served();
}

/* ---- resources ---- */

static size_t
rss_bytes(pid_t pid)
{
    char path[64];
    unsigned long pages = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%*s %lu", &pages), 1);
    (void)fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static unsigned
count_descriptors(pid_t pid)
{
    char path[64];
    unsigned count = 0;
    (void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

static void
wait_for_descriptors(pid_t pid, unsigned count)
{
    for (int waited_ms = 0; count_descriptors(pid) > count + 4; waited_ms += 20) {
        if (waited_ms > PATIENCE_MS)
            fail_msg("%u descriptors, not %u", count_descriptors(pid), count);
        (void)usleep(20000);
    }
}

static void
a_thousand_clients_are_served_and_leave_nothing_behind(void **state)
{
    (void)state;
    check_served();
    (void)usleep(1500000); /* those of the flood are gone */
    unsigned adapter_count = count_descriptors(adapter);
    unsigned server_count = count_descriptors(server.pid);
    size_t adapter_bytes = rss_bytes(adapter);
    int *fds = sl_new(CONNECTIONS * sizeof(*fds));
    for (int i = 0; i < CONNECTIONS; i++) {
        fds[i] = log_in();
        assert_true(fds[i] >= 0);
    }
    assert_int_equal(be_greeted(), -1); /* one too many */
    for (int i = 0; i < CONNECTIONS; i++)
        assert_true(ask(fds[i]));
    for (int i = 0; i < CONNECTIONS; i++)
        (void)close(fds[i]);
    free(fds);
    wait_for_descriptors(adapter, adapter_count);
    wait_for_descriptors(server.pid, server_count);
    check_served();
    assert_true(rss_bytes(adapter) < adapter_bytes + RSS_GROWTH_BYTES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_answer_comes_in_one_piece),
        cmocka_unit_test(logins_cut_lengthened_and_changed_end_alone),
        cmocka_unit_test(wrong_sequence_numbers_are_refused),
        cmocka_unit_test(wrong_sequence_numbers_in_the_middle_are_refused),
        cmocka_unit_test(lengths_that_lie_are_refused_before_they_are_read),
        cmocka_unit_test(commands_of_noise_are_answered_or_end_alone),
        cmocka_unit_test(executes_cut_and_changed_end_alone),
        cmocka_unit_test(half_a_packet_and_unread_answers_end_in_time),
        cmocka_unit_test(floods_of_logins_leave_room_for_others),
        cmocka_unit_test(a_thousand_clients_are_served_and_leave_nothing_behind),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
