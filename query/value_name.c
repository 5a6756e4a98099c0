/*
 * value_name.c - names of protocols and services, both ways.
 */
#include "query/bind.h"
#include "query/lex.h"

struct name {
    uint16_t number;
    const char *name;
};

static const struct name protocols[] = {
#define SL_PROTOCOL(number, name) {(number), (name)},
#define SL_SERVICE(port, name)
#include "query/value_name.def"
#undef SL_PROTOCOL
#undef SL_SERVICE
};

static const struct name services[] = {
#define SL_PROTOCOL(number, name)
#define SL_SERVICE(port, name) {(port), (name)},
#include "query/value_name.def"
#undef SL_PROTOCOL
#undef SL_SERVICE
};

static const struct name *
find_name(const struct name *names, size_t count, struct sl_slice wanted)
{
    for (size_t i = 0; i < count; i++)
        if (sl_slice_is(wanted, names[i].name))
            return &names[i];
    return NULL;
}

static const char *
find_number(const struct name *names, size_t count, uint16_t number)
{
    for (size_t i = 0; i < count; i++)
        if (names[i].number == number)
            return names[i].name;
    return NULL;
}

bool
sl_protocol_by_name(struct sl_slice name, uint8_t *out_protocol)
{
    const struct name *hit = find_name(protocols, SL_COUNTOF(protocols), name);

    if (hit != NULL)
        *out_protocol = (uint8_t)hit->number;
    return hit != NULL;
}

bool
sl_service_by_name(struct sl_slice name, uint16_t *out_port)
{
    const struct name *hit = find_name(services, SL_COUNTOF(services), name);

    if (hit != NULL)
        *out_port = hit->number;
    return hit != NULL;
}

const char *
sl_protocol_name(uint8_t protocol)
{
    return find_number(protocols, SL_COUNTOF(protocols), protocol);
}

const char *
sl_service_name(uint16_t port)
{
    return find_number(services, SL_COUNTOF(services), port);
}
