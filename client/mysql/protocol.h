/*
 * protocol.h - numbers of the MySQL client/server protocol, as far as the adapter speaks it.
 *
 * Layer: client/mysql, internal.
 */
#ifndef SLUICE_CLIENT_MYSQL_PROTOCOL_H
#define SLUICE_CLIENT_MYSQL_PROTOCOL_H

#include "storage/base/limits.h"

enum {
    /* What clients are told: greeting and @@version say the same, since some decide by one and
     * some by the other. */
    SL_MYSQL_PROTOCOL_VERSION = 10,
    SL_MYSQL_PART_BYTES_MAX = 0xffffff, /* payload of one packet; a full one is continued */
    SL_MYSQL_HEADER_BYTES = 4,

    /* @@max_allowed_packet: what the server takes as one statement. */
    SL_MYSQL_PACKET_BYTES_MAX = SL_SQL_TEXT_BYTES_MAX,
    /* Before a client has proven who it is: names, a token and 64 KiB of attributes. */
    SL_MYSQL_LOGIN_BYTES_MAX = 72 << 10,

    SL_MYSQL_NAME_BYTES_MAX = 255,
    SL_MYSQL_ERROR_TEXT_BYTES_MAX = 512, /* MySQL's own limit */
};
#define SL_MYSQL_SERVER_VERSION "8.0.36-sluice"

/* Capabilities. */
enum {
    SL_CAP_LONG_PASSWORD = 1 << 0,
    SL_CAP_FOUND_ROWS = 1 << 1,
    SL_CAP_LONG_FLAG = 1 << 2,
    SL_CAP_CONNECT_WITH_DB = 1 << 3,
    SL_CAP_COMPRESS = 1 << 5,
    SL_CAP_LOCAL_FILES = 1 << 7,
    SL_CAP_PROTOCOL_41 = 1 << 9,
    SL_CAP_SSL = 1 << 11,
    SL_CAP_TRANSACTIONS = 1 << 13,
    SL_CAP_SECURE_CONNECTION = 1 << 15,
    SL_CAP_MULTI_STATEMENTS = 1 << 16,
    SL_CAP_MULTI_RESULTS = 1 << 17,
    SL_CAP_PS_MULTI_RESULTS = 1 << 18,
    SL_CAP_PLUGIN_AUTH = 1 << 19,
    SL_CAP_CONNECT_ATTRS = 1 << 20,
    SL_CAP_PLUGIN_AUTH_LENENC = 1 << 21,
    SL_CAP_DEPRECATE_EOF = 1 << 24,

    /* What is offered, and SSL besides where there is a certificate: some clients upgrade by
     * themselves whenever they see the bit. Not SESSION_TRACK, QUERY_ATTRIBUTES:
     * clients do without, and a bit that is not offered is masked off what they ask for. */
    SL_CAP_OFFERED = SL_CAP_LONG_PASSWORD | SL_CAP_FOUND_ROWS | SL_CAP_LONG_FLAG |
                     SL_CAP_CONNECT_WITH_DB | SL_CAP_COMPRESS | SL_CAP_LOCAL_FILES |
                     SL_CAP_PROTOCOL_41 | SL_CAP_TRANSACTIONS | SL_CAP_SECURE_CONNECTION |
                     SL_CAP_MULTI_STATEMENTS | SL_CAP_MULTI_RESULTS | SL_CAP_PS_MULTI_RESULTS |
                     SL_CAP_PLUGIN_AUTH | SL_CAP_CONNECT_ATTRS | SL_CAP_PLUGIN_AUTH_LENENC |
                     SL_CAP_DEPRECATE_EOF,
};

/* Bits of the status in OK and EOF. */
enum {
    SL_STATUS_IN_TRANSACTION = 0x0001,
    SL_STATUS_AUTOCOMMIT = 0x0002,
    SL_STATUS_MORE_RESULTS = 0x0008,
};

enum sl_mysql_command {
    SL_COM_QUIT = 0x01,
    SL_COM_INIT_DB = 0x02,
    SL_COM_QUERY = 0x03,
    SL_COM_FIELD_LIST = 0x04,
    SL_COM_STATISTICS = 0x09,
    SL_COM_PROCESS_KILL = 0x0c,
    SL_COM_PING = 0x0e,
    SL_COM_CHANGE_USER = 0x11,
    SL_COM_STMT_PREPARE = 0x16,
    SL_COM_STMT_EXECUTE = 0x17,
    SL_COM_STMT_SEND_LONG_DATA = 0x18,
    SL_COM_STMT_CLOSE = 0x19,
    SL_COM_STMT_RESET = 0x1a,
    SL_COM_SET_OPTION = 0x1b,
    SL_COM_STMT_FETCH = 0x1c,
    SL_COM_RESET_CONNECTION = 0x1f,
};

/* Types of columns and parameters. */
enum sl_mysql_type {
    SL_MYSQL_DECIMAL = 0x00,
    SL_MYSQL_TINY = 0x01,
    SL_MYSQL_SHORT = 0x02,
    SL_MYSQL_LONG = 0x03,
    SL_MYSQL_FLOAT = 0x04,
    SL_MYSQL_DOUBLE = 0x05,
    SL_MYSQL_NULL = 0x06,
    SL_MYSQL_TIMESTAMP = 0x07,
    SL_MYSQL_LONGLONG = 0x08,
    SL_MYSQL_INT24 = 0x09,
    SL_MYSQL_DATE = 0x0a,
    SL_MYSQL_TIME = 0x0b,
    SL_MYSQL_DATETIME = 0x0c,
    SL_MYSQL_YEAR = 0x0d,
    SL_MYSQL_VARCHAR = 0x0f,
    SL_MYSQL_JSON = 0xf5,
    SL_MYSQL_NEWDECIMAL = 0xf6,
    SL_MYSQL_ENUM = 0xf7,
    SL_MYSQL_SET = 0xf8,
    SL_MYSQL_TINY_BLOB = 0xf9,
    SL_MYSQL_MEDIUM_BLOB = 0xfa,
    SL_MYSQL_LONG_BLOB = 0xfb,
    SL_MYSQL_BLOB = 0xfc,
    SL_MYSQL_VAR_STRING = 0xfd,
    SL_MYSQL_STRING = 0xfe,
};

/* Flags of a column. */
enum {
    SL_FLAG_NOT_NULL = 0x0001,
    SL_FLAG_BLOB = 0x0010,
    SL_FLAG_UNSIGNED = 0x0020,
    SL_FLAG_BINARY = 0x0080,
};

/* Collations. */
enum {
    SL_COLLATION_UTF8MB3 = 33, /* utf8mb3_general_ci */
    SL_COLLATION_UTF8MB4 = 45, /* utf8mb4_general_ci */
    SL_COLLATION_UTF8MB4_BIN = 46,
    SL_COLLATION_BINARY = 63,
};

/* Errors that the adapter itself answers with. */
enum {
    SL_ER_HANDSHAKE = 1043,            /* 08S01 */
    SL_ER_ACCESS_DENIED = 1045,        /* 28000 */
    SL_ER_CON_COUNT = 1040,            /* 08004 */
    SL_ER_OUT_OF_RESOURCES = 1041,     /* HY000 */
    SL_ER_UNKNOWN_COMMAND = 1047,      /* 08S01 */
    SL_ER_BAD_DB = 1049,               /* 42000 */
    SL_ER_SERVER_SHUTDOWN = 1053,      /* 08S01 */
    SL_ER_NO_SUCH_THREAD = 1094,       /* HY000 */
    SL_ER_UNKNOWN = 1105,              /* HY000 */
    SL_ER_PACKET_TOO_LARGE = 1153,     /* 08S01 */
    SL_ER_PACKETS_OUT_OF_ORDER = 1156, /* 08S01 */
    SL_ER_UNCOMPRESS = 1157,           /* 08S01 */
    SL_ER_NET_READ_INTERRUPTED = 1159, /* 08S01 */
    SL_ER_WRONG_ARGUMENTS = 1210,      /* HY000 */
    SL_ER_UNKNOWN_STATEMENT = 1243,    /* HY000 */
    SL_ER_NO_OPEN_CURSOR = 1421,       /* HY000 */
    SL_ER_PREPARED_COUNT = 1461,       /* 42000 */
    SL_ER_MALFORMED_PACKET = 1835,     /* HY000 */
    SL_ER_SECURE_REQUIRED = 3159,      /* HY000 */
};

#endif
