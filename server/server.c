/*
 * server.c - see server.h.
 */
#include "server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "ingest/ingest.h"
#include "server/door.h"
#include "server/inserts.h"
#include "server/ipfix_listener.h"
#include "server/machine.h"
#include "server/net/loop.h"
#include "server/net/tls.h"
#include "server/registry.h"
#include "server/service.h"
#include "server/stats.h"
#include "server/system_tables.h"
#include "server/users.h"
#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/log.h"
#include "storage/clause.h"
#include "storage/scan.h"
#include "storage/store.h"

enum {
    SERVER_MAGIC = 0x53525652,
    INSERT_THREADS = 4, /* they wait for the store more than they compute */
    RANGES_MAX = 1024,
    OTHER_BYTES = 64 << 20,
    QUERIES_BYTES_MIN = 64 << 20,
    QUERIES_RESERVE = 32,   /* one part in so many for those that need little */
    READY_WORKERS_MAX = 4,  /* that have memory from the start: 4 MiB each of OTHER_BYTES, */
    READY_THREADS_MAX = 12, /* and threads: 1.5 MiB each */
};

/* A share of the machine's memory is no less: so much ingest, connections and queries are made for. */
#define SHARE_BYTES_MIN (UINT64_C(2) << 30)

/* Where exporters' templates and sampling are kept in the store (sl_store_meta_put). */
static const char exporter_kind[] = "exporter";

struct sl_server {
    uint32_t magic;
    struct sl_service service;
    struct sl_budget stream_budget;
    struct sl_budget insert_budget;
    struct sl_budget query_budget;
    struct sl_budget spill_budget;   /* disk */
    struct sl_door *native;          /* owned */
    struct sl_door *local;           /* owned; NULL: no client within the process */
    struct sl_acceptor *acceptor;    /* owned; NULL: off, or closed */
    struct sl_ipfix_listener *ipfix; /* owned; NULL: off, or closed */
    struct sl_signal *signals[2];    /* owned */
    struct sl_timer *sampler;        /* owned */
    bool is_stopping;
    _Atomic int64_t put_logged_us;
    _Atomic int64_t state_logged_us;
};

/* ---- ingest's two ways out ---- */

/* Ingest's decode thread. */
static sl_status
put_flows(void *context, struct sl_batch *batch, struct sl_error *err)
{
    struct sl_server *server = context;
    struct sl_stats *stats = server->service.stats;
    struct sl_error story = {0};
    uint32_t row_count = batch->row_count;
    sl_status st = sl_store_append(server->service.store, batch, NULL, NULL, NULL, &story);
    sl_batch_release(batch);
    if (st == SL_OK) {
        sl_stats_add(stats, SL_COUNTER_LISTEN_BATCHES, 1);
        sl_stats_add(stats, SL_COUNTER_LISTEN_ROWS, row_count);
        return SL_OK;
    }
    /* Nobody can be asked to send them again: count, say so, and go on with the next ones. */
    sl_stats_add(stats, SL_COUNTER_LISTEN_ROWS_LOST, row_count);
    if (sl_log_due(&server->put_logged_us, SL_US_PER_MINUTE))
        sl_log(SL_LOG_ERROR, "server", "flows are lost, the store does not take them: %s",
               story.text);
    if (err != NULL)
        *err = story;
    return st;
}

/* Ingest's decode thread. */
static void
put_exporter(void *context, const void *key, size_t key_bytes, const void *value,
             size_t value_bytes)
{
    struct sl_server *server = context;
    struct sl_error err = {0};
    if (sl_store_meta_put(server->service.store, exporter_kind, key, key_bytes, value, value_bytes,
                          &err) != SL_OK &&
        sl_log_due(&server->state_logged_us, SL_US_PER_MINUTE))
        sl_log(SL_LOG_WARN, "server", "templates of exporters are not kept: %s", err.text);
}

static void
restore_exporter(void *context, const void *key, size_t key_bytes, const void *value,
                 size_t value_bytes)
{
    struct sl_server *server = context;
    struct sl_error err = {0};
    if (sl_ingest_restore(server->service.ingest, key, key_bytes, value, value_bytes, &err) !=
        SL_OK)
        sl_log(SL_LOG_WARN, "server", "the kept state of an exporter is not used: %s", err.text);
}

/* Call visit for each item of a list with commas. */
static sl_status
each_item(const char *list, sl_status (*visit)(void *, const char *, struct sl_error *),
          void *context, struct sl_error *err)
{
    char item[256];
    while (*list != '\0') {
        size_t size_bytes = strcspn(list, ",");
        const char *start = list + strspn(list, " ");
        size_t blank_bytes = (size_t)(start - list);
        if (blank_bytes >= size_bytes || size_bytes - blank_bytes >= sizeof(item))
            return sl_fail(err, SL_FORMAT, "an item of the list \"%.80s\" is empty or too long",
                           list);
        size_t item_bytes = size_bytes - blank_bytes;
        memcpy(item, start, item_bytes);
        while (item_bytes > 0 && item[item_bytes - 1] == ' ')
            item_bytes--;
        item[item_bytes] = '\0';
        SL_TRY(visit(context, item, err));
        list += size_bytes + (list[size_bytes] == ',');
    }
    return SL_OK;
}

struct ranges {
    struct sl_addr_range *list; /* owned */
    size_t count;
};

static sl_status
add_range(void *context, const char *item, struct sl_error *err)
{
    struct ranges *ranges = context;
    if (ranges->count == RANGES_MAX)
        return sl_fail(err, SL_LIMIT, "exporters: more than %d ranges", (int)RANGES_MAX);
    ranges->list = sl_grow(ranges->list, sizeof(*ranges->list), ranges->count + 1);
    struct sl_addr_range *range = &ranges->list[ranges->count];
    if (!sl_addr_parse_cidr(item, strlen(item), &range->first, &range->last))
        return sl_fail(err, SL_FORMAT, "exporters: \"%.80s\" is not an address or a CIDR", item);
    ranges->count++;
    return SL_OK;
}

static sl_status
listen_udp(void *context, const char *item, struct sl_error *err)
{
    struct sl_server *server = context;
    struct sl_error story = {0};
    uint16_t port = 0;
    sl_status st = sl_ingest_listen_udp(server->service.ingest, item, &port, &story);
    if (st != SL_OK)
        return sl_fail(err, st, "netflow-listen: %s", story.text);
    const char *colon = strrchr(item, ':');
    size_t host_bytes = colon == NULL ? strlen(item) : (size_t)(colon - item);
    sl_log(SL_LOG_INFO, "server", "NetFlow and IPFIX on udp %.*s:%u", (int)host_bytes, item,
           (unsigned)port);
    return SL_OK;
}

static sl_status
open_ingest(struct sl_server *server, struct sl_error *err)
{
    struct sl_service *service = &server->service;
    const struct sl_config *config = service->config;
    struct ranges ranges = {0};
    struct sl_ingest_options options = sl_ingest_options_default();
    sl_status st = SL_OK;

    if (!sl_config_is_off(config, SL_OPTION_EXPORTERS))
        st = each_item(sl_config_text(config, SL_OPTION_EXPORTERS), add_range, &ranges, err);
    if (st != SL_OK) {
        free(ranges.list);
        return st;
    }
    options.allowed = ranges.list;
    options.allowed_count = ranges.count;
    options.put_state = put_exporter;
    options.put_context = server;
    struct sl_sink sink = {.put = put_flows, .context = server};
    service->ingest = sl_ingest_create(&options, service->schema, sink);
    free(ranges.list);
    SL_TRY(sl_store_meta_walk(service->store, exporter_kind, restore_exporter, server, err));
    if (!sl_config_is_off(config, SL_OPTION_NETFLOW_LISTEN))
        SL_TRY(
            each_item(sl_config_text(config, SL_OPTION_NETFLOW_LISTEN), listen_udp, server, err));
    return sl_ingest_start(service->ingest, err);
}

/* ---- store and pools ---- */

static unsigned
thread_count(const struct sl_config *config)
{
    uint64_t wanted = sl_config_number(config, SL_OPTION_THREADS);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (wanted == 0)
        wanted = online < 1 ? 1 : (uint64_t)online;
    return (unsigned)sl_min_size(wanted, SL_THREADS_MAX);
}

/* A size, or that share of `whole`. */
static uint64_t
cap_bytes(const struct sl_config *config, enum sl_option option, uint64_t whole_bytes)
{
    uint64_t number = sl_config_number(config, option);
    return sl_config_is_percent(config, option) ? whole_bytes / 100 * number : number;
}

/* memory-limit in bytes. */
static uint64_t
memory_limit(const struct sl_config *config)
{
    uint64_t bytes = cap_bytes(config, SL_OPTION_MEMORY_LIMIT, sl_machine_memory_bytes(""));
    bool is_share = sl_config_is_percent(config, SL_OPTION_MEMORY_LIMIT);
    return is_share && bytes < SHARE_BYTES_MIN ? SHARE_BYTES_MIN : bytes;
}

static sl_status
open_store(struct sl_server *server, struct sl_error *err)
{
    struct sl_service *service = &server->service;
    const struct sl_config *config = service->config;
    struct sl_store_options options = sl_store_options_default();
    uint64_t cap = sl_config_number(config, SL_OPTION_DISK_CAP);
    bool is_percent = sl_config_is_percent(config, SL_OPTION_DISK_CAP);

    options.directory = sl_config_text(config, SL_OPTION_DATA);
    options.memory_limit_bytes = sl_config_number(config, SL_OPTION_INGEST_MEMORY);
    options.memory = &server->query_budget;
    options.cache_bytes =
        cap_bytes(config, SL_OPTION_CACHE_MEMORY, server->query_budget.limit_bytes);
    options.seal_rows = (uint32_t)sl_config_number(config, SL_OPTION_SEAL_ROWS);
    options.seal_age_us = (int64_t)sl_config_number(config, SL_OPTION_SEAL_AGE);
    options.commit_interval_us = (int64_t)sl_config_number(config, SL_OPTION_COMMIT_INTERVAL);
    options.retention_us = (int64_t)sl_config_number(config, SL_OPTION_RETENTION);
    options.disk_cap_percent = is_percent ? (unsigned)cap : 0;
    options.disk_cap_bytes = is_percent ? 0 : cap;
    return sl_store_open(&options, service->schema, &service->store, err);
}

/* Any thread. The connection is at one of the two doors. */
static void
on_kill(void *context, uint64_t connection_id, bool is_whole)
{
    struct sl_server *server = context;
    sl_door_kill(server->native, connection_id, is_whole);
    if (server->local != NULL)
        sl_door_kill(server->local, connection_id, is_whole);
}

/* A thread of a pool begins. */
static void
prepare_thread(void)
{
    static atomic_uint begun;
    if (atomic_fetch_add_explicit(&begun, 1, memory_order_relaxed) < READY_THREADS_MAX)
        sl_scan_prepare_thread();
}

/* The first question waits neither for threads to be started nor for pages of memory. */
static void
prepare_queries(const struct sl_service *service)
{
    sl_pool_start(service->work, prepare_thread);
    sl_pool_start(service->requests, prepare_thread);
    sl_scan_prepare((unsigned)sl_min_size(service->env.threads_max, READY_WORKERS_MAX));
}

/* Rows of INSERT statements; a statement that reads sees those that were answered for. */
static void
open_inserts(struct sl_service *service)
{
    service->sql_inserts = sl_inserts_create(service->store, service->stats);
    service->env.store = service->store;
    service->env.settle = sl_inserts_settle;
    service->env.settle_context = service->sql_inserts;
}

/*
 * What memory-limit leaves for queries. Ingest has its limit; frames that are not whole yet, batches
 * that wait, and MySQL's packets have that of input each; OTHER_BYTES is for what is bounded by its
 * number: connections, templates, the catalog's pages.
 */
static sl_status
share_memory(struct sl_server *server, struct sl_error *err)
{
    const struct sl_config *config = server->service.config;
    uint64_t limit_bytes = memory_limit(config);
    uint64_t input_bytes = sl_config_number(config, SL_OPTION_INPUT_MEMORY);
    uint64_t ingest_bytes = sl_config_number(config, SL_OPTION_INGEST_MEMORY);
    unsigned inputs = sl_config_is_off(config, SL_OPTION_MYSQL_LISTEN) ? 2 : 3;
    uint64_t left_bytes = limit_bytes < OTHER_BYTES ? 0 : limit_bytes - OTHER_BYTES;

    left_bytes -= sl_min_size(left_bytes, ingest_bytes);
    for (unsigned i = 0; i < inputs; i++)
        left_bytes -= sl_min_size(left_bytes, input_bytes);
    if (left_bytes < QUERIES_BYTES_MIN)
        return sl_fail(
            err, SL_LIMIT,
            "memory-limit %s leaves less than %d MiB for queries, after ingest-memory %s "
            "and %u times input-memory %s: raise it, or lower these",
            sl_config_text(config, SL_OPTION_MEMORY_LIMIT), QUERIES_BYTES_MIN >> 20,
            sl_config_text(config, SL_OPTION_INGEST_MEMORY), inputs,
            sl_config_text(config, SL_OPTION_INPUT_MEMORY));
    server->query_budget.limit_bytes = left_bytes;
    server->query_budget.reserve_bytes = left_bytes / QUERIES_RESERVE;
    server->spill_budget.limit_bytes = sl_config_number(config, SL_OPTION_QUERY_SPILL);
    server->stream_budget.limit_bytes = input_bytes;
    server->insert_budget.limit_bytes = input_bytes;
    return SL_OK;
}

static void
make_parts(struct sl_server *server)
{
    struct sl_service *service = &server->service;
    const struct sl_config *config = service->config;
    unsigned threads = thread_count(config);

    service->stream_budget = &server->stream_budget;
    service->insert_budget = &server->insert_budget;
    service->data_directory = sl_config_text(config, SL_OPTION_DATA);
    service->loop = sl_loop_create();
    service->schema = sl_schema_create();
    service->stats = sl_stats_create();
    service->registry = sl_registry_create(on_kill, server);
    service->work = sl_pool_create("work", threads, SL_NICENESS_QUERY);
    service->requests = sl_pool_create(
        "request", (unsigned)sl_config_number(config, SL_OPTION_QUERIES), SL_NICENESS_QUERY);
    service->inserts = sl_pool_create("insert", INSERT_THREADS, 0);
    service->env = (struct sl_query_env){
        .schema = service->schema,
        .pool = service->work,
        .threads_max = threads,
        .memory_bytes = sl_config_number(config, SL_OPTION_QUERY_MEMORY),
        .memory = &server->query_budget,
        .spill = &server->spill_budget,
        .timeout_us = (int64_t)sl_config_number(config, SL_OPTION_QUERY_TIMEOUT),
        .tables = sl_system_tables(),
        .tables_context = service,
        .prune = SL_PRUNE_ALL,
        .mysql_delete = (enum sl_delete_rule)sl_config_number(config, SL_OPTION_MYSQL_DELETE),
    };
}

/* ---- the native door ---- */

static void
on_accept(void *context, struct sl_tcp *tcp, const struct sl_endpoint *peer)
{
    struct sl_server *server = context;
    sl_door_take(server->native, tcp, peer);
}

void
sl_server_open_door(struct sl_server *server, struct sl_loop *loop)
{
    SL_ASSERT(server->magic == SERVER_MAGIC && server->local == NULL);
    server->local = sl_door_create(&server->service, loop);
}

struct sl_tcp *
sl_server_join(struct sl_server *server, const struct sl_endpoint *peer)
{
    SL_ASSERT(server->magic == SERVER_MAGIC);
    return sl_door_join(server->local, peer);
}

void
sl_server_leave(struct sl_server *server)
{
    SL_ASSERT(server->magic == SERVER_MAGIC);
    sl_door_leave(server->local);
}

static sl_status
write_port_file(const char *path, uint16_t port, struct sl_error *err)
{
    char text[16];
    int size_bytes = snprintf(text, sizeof(text), "%u\n", (unsigned)port);
    int fd = -1;
    SL_TRY(sl_file_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, &fd, err));
    sl_status st = sl_file_write_at(fd, 0, text, (size_t)size_bytes, err);
    sl_file_close(fd);
    return st;
}

static sl_status
open_users(struct sl_server *server, struct sl_error *err)
{
    struct sl_service *service = &server->service;
    SL_TRY(sl_users_open(service->store, service->data_directory, &service->users, err));
    if (!sl_users_are_none(service->users))
        return SL_OK;
    sl_log(SL_LOG_WARN, "server", "there are no users: %s with any name and password",
           sl_config_number(service->config, SL_OPTION_INSECURE) != 0
               ? "--insecure lets everybody in"
               : "clients of this machine get in");
    return SL_OK;
}

/* service->tls stays NULL without a certificate. */
static sl_status
open_tls(struct sl_service *service, struct sl_error *err)
{
    const struct sl_config *config = service->config;
    bool has_certificate = !sl_config_is_off(config, SL_OPTION_TLS_CERTIFICATE);
    bool has_key = !sl_config_is_off(config, SL_OPTION_TLS_KEY);
    if (has_certificate != has_key)
        return sl_fail(err, SL_FORMAT, "tls-certificate and tls-key need each other");
    if (!has_certificate)
        return SL_OK;
    return sl_tls_context_open(sl_config_text(config, SL_OPTION_TLS_CERTIFICATE),
                               sl_config_text(config, SL_OPTION_TLS_KEY), &service->tls, err);
}

/* Where the native protocol listens. Beyond this machine what it carries is not to be read on the way. */
static sl_status
native_endpoint(const struct sl_service *service, struct sl_endpoint *out_endpoint,
                struct sl_error *err)
{
    const struct sl_config *config = service->config;
    SL_TRY(sl_endpoint_parse(sl_config_text(config, SL_OPTION_LISTEN), out_endpoint, err));
    if (out_endpoint->is_loopback || sl_config_number(config, SL_OPTION_INSECURE) != 0)
        return SL_OK;
    /* Users are known when the store is open. */
    bool has_users = service->users == NULL || !sl_users_are_none(service->users);
    if (service->tls != NULL && has_users)
        return SL_OK;
    return sl_fail(err, SL_DENIED,
                   "listen = %s is not a loopback address: that needs users (sluice user add), "
                   "tls-certificate and tls-key, or --insecure, which opens it all the same",
                   sl_config_text(config, SL_OPTION_LISTEN));
}

static sl_status
open_native(struct sl_server *server, struct sl_error *err)
{
    const struct sl_config *config = server->service.config;
    struct sl_endpoint endpoint;
    char text[SL_ENDPOINT_TEXT_BYTES];
    const char *wanted = sl_config_text(config, SL_OPTION_LISTEN);
    if (sl_config_is_off(config, SL_OPTION_LISTEN))
        return SL_OK;
    SL_TRY(native_endpoint(&server->service, &endpoint, err));
    sl_status st = sl_acceptor_open(server->service.loop, &endpoint, on_accept, server,
                                    &server->acceptor, err);
    if (st != SL_OK) {
        sl_error_prefix(err, "listen = %s", wanted);
        return st;
    }
    endpoint = sl_acceptor_endpoint(server->acceptor);
    sl_endpoint_format(&endpoint, text);
    if (!endpoint.is_loopback && sl_config_number(config, SL_OPTION_INSECURE) != 0)
        sl_log(SL_LOG_WARN, "server", "--insecure: what passes %s can be read on the way", text);
    sl_log(SL_LOG_INFO, "server", "listening on %s%s", text,
           server->service.tls != NULL ? ", with TLS" : "");
    if (sl_config_is_off(config, SL_OPTION_PORT_FILE))
        return SL_OK;
    return write_port_file(sl_config_text(config, SL_OPTION_PORT_FILE), endpoint.port, err);
}

static sl_status
open_ipfix(struct sl_server *server, struct sl_error *err)
{
    const struct sl_config *config = server->service.config;
    struct sl_endpoint endpoint;
    char text[SL_ENDPOINT_TEXT_BYTES];
    if (sl_config_is_off(config, SL_OPTION_IPFIX_LISTEN))
        return SL_OK;
    SL_TRY(sl_endpoint_parse(sl_config_text(config, SL_OPTION_IPFIX_LISTEN), &endpoint, err));
    sl_status st = sl_ipfix_listener_open(&server->service, &endpoint, &server->ipfix, err);
    if (st != SL_OK) {
        sl_error_prefix(err, "ipfix-listen = %s", sl_config_text(config, SL_OPTION_IPFIX_LISTEN));
        return st;
    }
    endpoint = sl_ipfix_listener_endpoint(server->ipfix);
    sl_endpoint_format(&endpoint, text);
    sl_log(SL_LOG_INFO, "server", "IPFIX on tcp %s", text);
    return SL_OK;
}

/* ---- stop ---- */

static void
on_signal(void *context)
{
    struct sl_server *server = context;
    SL_ASSERT(server->magic == SERVER_MAGIC);
    if (server->is_stopping) {
        sl_log(SL_LOG_WARN, "server", "stopped at once");
        _exit(1);
    }
    server->is_stopping = true;
    sl_log(SL_LOG_INFO, "server", "stopping");
    sl_acceptor_close(server->acceptor);
    server->acceptor = NULL;
    sl_ipfix_listener_close(server->ipfix);
    server->ipfix = NULL;
    sl_door_stop(server->native);
}

static void
on_second(void *context)
{
    struct sl_server *server = context;
    sl_stats_sample(server->service.stats);
}

/* ---- open, run, close ---- */

sl_status
sl_server_open(const struct sl_config *config, struct sl_server **out_server, struct sl_error *err)
{
    struct sl_server *server = sl_new(sizeof(*server));
    *out_server = NULL;
    server->magic = SERVER_MAGIC;
    server->service.config = config;
    sl_log_set_level((enum sl_log_level)sl_config_number(config, SL_OPTION_LOG_LEVEL));
    make_parts(server);

    /* A wish that is to be refused is refused before anything is opened. */
    struct sl_endpoint endpoint;
    sl_status st = share_memory(server, err);
    if (st == SL_OK)
        st = open_tls(&server->service, err);
    if (st == SL_OK && !sl_config_is_off(config, SL_OPTION_LISTEN))
        st = native_endpoint(&server->service, &endpoint, err);
    if (st == SL_OK)
        st = open_store(server, err);
    if (st == SL_OK) {
        prepare_queries(&server->service);
        open_inserts(&server->service);
        st = sl_definitions_open(server->service.store, &server->service.env.definitions, err);
    }
    if (st == SL_OK)
        st = open_users(server, err);
    if (st == SL_OK)
        st = open_ingest(server, err);
    if (st == SL_OK)
        server->native = sl_door_create(&server->service, server->service.loop);
    if (st == SL_OK)
        st = open_ipfix(server, err);
    if (st == SL_OK)
        st = open_native(server, err);
    if (st != SL_OK) {
        sl_server_close(server);
        return st;
    }
    server->signals[0] = sl_signal_open(server->service.loop, SIGTERM, on_signal, server);
    server->signals[1] = sl_signal_open(server->service.loop, SIGINT, on_signal, server);
    server->sampler =
        sl_timer_open(server->service.loop, SL_US_PER_S, SL_US_PER_S, on_second, server);
    *out_server = server;
    return SL_OK;
}

void
sl_server_run(struct sl_server *server)
{
    SL_ASSERT(server->magic == SERVER_MAGIC);
    sl_loop_run(server->service.loop);
}

bool
sl_server_has_users(const struct sl_server *server)
{
    return !sl_users_are_none(server->service.users);
}

const struct sl_tls_context *
sl_server_tls(const struct sl_server *server)
{
    return server->service.tls;
}

void
sl_server_close(struct sl_server *server)
{
    if (server == NULL)
        return;
    SL_ASSERT(server->magic == SERVER_MAGIC);
    struct sl_service *service = &server->service;
    sl_ipfix_listener_close(server->ipfix);
    sl_acceptor_close(server->acceptor);
    for (size_t i = 0; i < SL_COUNTOF(server->signals); i++)
        sl_signal_close(server->signals[i]);
    sl_timer_close(server->sampler);

    /* Listeners first: what they have received still goes into the store. */
    sl_ingest_destroy(service->ingest);
    sl_pool_destroy(service->requests);
    sl_pool_destroy(service->inserts);
    sl_users_close(service->users);
    sl_inserts_destroy(service->sql_inserts);
    sl_definitions_close(service->env.definitions);
    if (service->store != NULL)
        sl_store_close(service->store);
    sl_pool_destroy(service->work);
    sl_scan_prepare(0);
    sl_loop_destroy(service->loop); /* runs what a KILL posted late, which looks into a door */
    sl_door_destroy(server->native);
    sl_door_destroy(server->local);
    sl_registry_destroy(service->registry);
    sl_stats_destroy(service->stats);
    sl_schema_destroy(service->schema);
    sl_tls_context_close(service->tls);
    sl_retire(&server->magic);
    free(server);
}
