/*
 * column.h - a column of a result as MySQL's clients see it.
 *
 * The map of types, chosen so that drivers and Grafana convert every one of them:
 *
 *   BOOL                  INT, one digit            TIME        DATETIME(scale)
 *   U8 U16 U32            TINY..INT UNSIGNED        DATE        DATE
 *   U64, never NULL       BIGINT UNSIGNED           SPAN        TIME(scale)
 *   U64, may be NULL      DECIMAL(20, 0)            ADDR, MAC   VARCHAR
 *   I64                   BIGINT                    TEXT        VARCHAR, TEXT when long
 *   F64                   DOUBLE                    OCTETS      VARBINARY
 *   DECIMAL               DECIMAL(.., scale)        NULL        NULL
 *
 * A BIGINT UNSIGNED that may be NULL is what Grafana's driver has no type for; as a DECIMAL it is
 * a number everywhere. Text never has the collation "binary", which means bytes to clients.
 *
 * Layer: client/mysql, internal.
 */
#ifndef SLUICE_CLIENT_MYSQL_COLUMN_H
#define SLUICE_CLIENT_MYSQL_COLUMN_H

#include "client/mysql/packet.h"
#include "server/wire/wire.h"

struct sl_mysql_column {
    enum sl_type source; /* of the values in the vectors */
    enum sl_mysql_type type;
    uint16_t collation;
    uint32_t length; /* bytes that a value may be shown in */
    uint16_t flags;
    uint8_t decimals;
};

/* `wanted` is the collation of the client; what is no form of UTF-8 is answered with utf8mb4. */
struct sl_mysql_column sl_mysql_column_of(const struct sl_wire_column *column, uint16_t wanted);

/* The definition packet. `database` is told for columns of a table. */
void sl_mysql_column_put(struct sl_buf *out, uint8_t *sequence, const struct sl_wire_column *column,
                         const struct sl_mysql_column *shown, const char *database);
/* The same for FIELD_LIST, which adds the default value: none. */
void sl_mysql_field_put(struct sl_buf *out, uint8_t *sequence, const struct sl_wire_column *column,
                        const struct sl_mysql_column *shown, const char *database);
/* The definition of a parameter: its type is not known before a value comes. */
void sl_mysql_parameter_put(struct sl_buf *out, uint8_t *sequence);

#endif
