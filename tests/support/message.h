/*
 * message.h - messages of NetFlow v9 and IPFIX that are written by hand, field by field.
 *
 * Header only: tests of the decoder include it once each.
 */
#ifndef SLUICE_TESTS_SUPPORT_MESSAGE_H
#define SLUICE_TESTS_SUPPORT_MESSAGE_H

#include "storage/base/cursor.h"
#include "tests/support/collect.h"

enum { EXPORT_S = 1600000000, UPTIME_MS = 100000 };
static const int64_t SL_UNUSED received_us = INT64_C(1600000001000000);

/* A message that is being written. */
struct message {
    struct sl_buf buf;
    size_t set_at;
};

static struct message SL_UNUSED
begin(uint16_t version, uint32_t sequence, uint32_t domain)
{
    struct message m = {.buf = sl_buf_empty(65535)};
    sl_buf_u16be(&m.buf, version);
    sl_buf_u16be(&m.buf, 0);
    if (version == 9)
        sl_buf_u32be(&m.buf, UPTIME_MS);
    sl_buf_u32be(&m.buf, EXPORT_S);
    sl_buf_u32be(&m.buf, sequence);
    sl_buf_u32be(&m.buf, domain);
    return m;
}

static void SL_UNUSED
begin_set(struct message *m, uint16_t id)
{
    m->set_at = m->buf.size_bytes;
    sl_buf_u16be(&m->buf, id);
    sl_buf_u16be(&m->buf, 0);
}

static void SL_UNUSED
end_set(struct message *m)
{
    size_t size_bytes = m->buf.size_bytes - m->set_at;
    m->buf.bytes[m->set_at + 2] = (uint8_t)(size_bytes >> 8);
    m->buf.bytes[m->set_at + 3] = (uint8_t)size_bytes;
}

struct pair {
    uint16_t id, bytes;
    uint32_t pen; /* IPFIX only */
};

static void SL_UNUSED
put_template(struct message *m, uint16_t version, uint16_t id, const struct pair *fields,
             uint16_t count)
{
    begin_set(m, version == 9 ? 0 : 2);
    sl_buf_u16be(&m->buf, id);
    sl_buf_u16be(&m->buf, count);
    for (uint16_t i = 0; i < count; i++) {
        sl_buf_u16be(&m->buf, (uint16_t)(fields[i].id | (fields[i].pen != 0 ? 0x8000 : 0)));
        sl_buf_u16be(&m->buf, fields[i].bytes);
        if (fields[i].pen != 0)
            sl_buf_u32be(&m->buf, fields[i].pen);
    }
    end_set(m);
}

static void SL_UNUSED
send_from_addr(struct collect *c, struct message *m, struct sl_addr addr, uint16_t port)
{
    if (sl_read_be(m->buf.bytes, 2) == 10) {
        m->buf.bytes[2] = (uint8_t)(m->buf.size_bytes >> 8);
        m->buf.bytes[3] = (uint8_t)m->buf.size_bytes;
    }
    collect_datagram(c, addr, port, received_us, m->buf.bytes, m->buf.size_bytes);
    sl_buf_fini(&m->buf);
}

static void SL_UNUSED
send_from(struct collect *c, struct message *m, uint16_t port)
{
    send_from_addr(c, m, sl_addr_from_v4(0x0a000001), port);
}

static void SL_UNUSED
send_message(struct collect *c, struct message *m)
{
    send_from(c, m, 2055);
}

/* One record whose fields are these numbers, at the lengths of the template. */
static void SL_UNUSED
put_record(struct message *m, const struct pair *fields, uint16_t count, const uint64_t *values)
{
    for (uint16_t i = 0; i < count; i++)
        for (unsigned k = 0; k < fields[i].bytes; k++) {
            unsigned behind = fields[i].bytes - 1U - k;
            sl_buf_u8(&m->buf, (uint8_t)(behind >= 8 ? 0 : values[i] >> (8 * behind)));
        }
}

/* Template and one record in one message of a fresh decoder. */
static void SL_UNUSED
decode_one(struct collect *c, uint16_t version, const struct pair *fields, uint16_t count,
           const uint64_t *values)
{
    collect_init(c, NULL);
    struct message m = begin(version, 0, 7);
    put_template(&m, version, 256, fields, count);
    begin_set(&m, 256);
    put_record(&m, fields, count, values);
    end_set(&m);
    send_message(c, &m);
    collect_flush(c);
    assert_int_equal(c->row_count, 1);
}

/* An address and a counter. */
static const struct pair SL_UNUSED plain[] = {{.id = 8, .bytes = 4}, {.id = 1, .bytes = 4}};

static void SL_UNUSED
put_plain_data(struct message *m, uint16_t id, unsigned count)
{
    begin_set(m, id);
    for (unsigned i = 0; i < count; i++)
        put_record(m, plain, 2, (const uint64_t[]){0x0a000000 + i, 100 + i});
    end_set(m);
}

/* v9 options: sampler 3 samples one in 100; records name their sampler. */
static void SL_UNUSED
put_sampler(struct message *m)
{
    begin_set(m, 1);
    sl_buf_u16be(&m->buf, 257);
    sl_buf_u16be(&m->buf, 4);
    sl_buf_u16be(&m->buf, 8);
    const uint16_t fields[] = {1, 4, 48, 1, 50, 4};
    for (size_t i = 0; i < SL_COUNTOF(fields); i++)
        sl_buf_u16be(&m->buf, fields[i]);
    end_set(m);
    begin_set(m, 257);
    sl_buf_u32be(&m->buf, 0);
    sl_buf_u8(&m->buf, 3);
    sl_buf_u32be(&m->buf, 100);
    end_set(m);
}

#define EXPECT(column, text) assert_string_equal(collect_text(&c, column, 0), text)

#endif
