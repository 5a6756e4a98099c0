/*
 * function_row.h - the row functions that function.def names, by family.
 *
 * Layer: query, internal to the function table.
 */
#ifndef SLUICE_QUERY_FUNCTION_ROW_H
#define SLUICE_QUERY_FUNCTION_ROW_H

#include "query/function.h"

sl_row_fn sl_row_abs;
sl_row_fn sl_row_addtime;
sl_row_fn sl_row_and;
sl_row_fn sl_row_arithmetic;
sl_row_fn sl_row_ascii;
sl_row_fn sl_row_atan;
sl_row_fn sl_row_between;
sl_row_fn sl_row_bit_count;
sl_row_fn sl_row_bit_not;
sl_row_fn sl_row_bits;
sl_row_fn sl_row_broadcast;
sl_row_fn sl_row_cast;
sl_row_fn sl_row_ceil;
sl_row_fn sl_row_char;
sl_row_fn sl_row_char_length;
sl_row_fn sl_row_compare;
sl_row_fn sl_row_compress;
sl_row_fn sl_row_concat;
sl_row_fn sl_row_concat_ws;
sl_row_fn sl_row_conv;
sl_row_fn sl_row_crc32;
sl_row_fn sl_row_date_add;
sl_row_fn sl_row_date_format;
sl_row_fn sl_row_datediff;
sl_row_fn sl_row_dayname;
sl_row_fn sl_row_divide;
sl_row_fn sl_row_elt;
sl_row_fn sl_row_exp;
sl_row_fn sl_row_field;
sl_row_fn sl_row_find_in_set;
sl_row_fn sl_row_floor;
sl_row_fn sl_row_flow_duration;
sl_row_fn sl_row_flow_idx;
sl_row_fn sl_row_flow_rate;
sl_row_fn sl_row_flow_total;
sl_row_fn sl_row_format;
sl_row_fn sl_row_from_base64;
sl_row_fn sl_row_from_days;
sl_row_fn sl_row_from_unixtime;
sl_row_fn sl_row_greatest;
sl_row_fn sl_row_hex;
sl_row_fn sl_row_if;
sl_row_fn sl_row_in;
sl_row_fn sl_row_in_network;
sl_row_fn sl_row_in_ranges;
sl_row_fn sl_row_inet6_aton;
sl_row_fn sl_row_inet6_ntoa;
sl_row_fn sl_row_inet_aton;
sl_row_fn sl_row_inet_ntoa;
sl_row_fn sl_row_instr;
sl_row_fn sl_row_int_div;
sl_row_fn sl_row_is_false;
sl_row_fn sl_row_is_ipv4;
sl_row_fn sl_row_is_ipv6;
sl_row_fn sl_row_is_null;
sl_row_fn sl_row_is_private;
sl_row_fn sl_row_is_true;
sl_row_fn sl_row_last_day;
sl_row_fn sl_row_least;
sl_row_fn sl_row_left;
sl_row_fn sl_row_length;
sl_row_fn sl_row_like;
sl_row_fn sl_row_ln;
sl_row_fn sl_row_locate;
sl_row_fn sl_row_log10;
sl_row_fn sl_row_log2;
sl_row_fn sl_row_log;
sl_row_fn sl_row_lower;
sl_row_fn sl_row_lpad;
sl_row_fn sl_row_ltrim;
sl_row_fn sl_row_makedate;
sl_row_fn sl_row_maketime;
sl_row_fn sl_row_md5;
sl_row_fn sl_row_mod;
sl_row_fn sl_row_monthname;
sl_row_fn sl_row_negate;
sl_row_fn sl_row_network;
sl_row_fn sl_row_not;
sl_row_fn sl_row_null_eq;
sl_row_fn sl_row_or;
sl_row_fn sl_row_pi;
sl_row_fn sl_row_pow;
sl_row_fn sl_row_prefix;
sl_row_fn sl_row_protocol_name;
sl_row_fn sl_row_rand;
sl_row_fn sl_row_regexp;
sl_row_fn sl_row_repeat;
sl_row_fn sl_row_replace;
sl_row_fn sl_row_reverse;
sl_row_fn sl_row_right;
sl_row_fn sl_row_round;
sl_row_fn sl_row_rpad;
sl_row_fn sl_row_rtrim;
sl_row_fn sl_row_same;
sl_row_fn sl_row_sec_to_time;
sl_row_fn sl_row_service_name;
sl_row_fn sl_row_sha1;
sl_row_fn sl_row_sha2;
sl_row_fn sl_row_sign;
sl_row_fn sl_row_single;
sl_row_fn sl_row_sorted;
sl_row_fn sl_row_space;
sl_row_fn sl_row_sqrt;
sl_row_fn sl_row_str_to_date;
sl_row_fn sl_row_strcmp;
sl_row_fn sl_row_substring;
sl_row_fn sl_row_substring_index;
sl_row_fn sl_row_tcp_flags_text;
sl_row_fn sl_row_time_bucket;
sl_row_fn sl_row_time_field;
sl_row_fn sl_row_time_to_sec;
sl_row_fn sl_row_timediff;
sl_row_fn sl_row_timestampdiff;
sl_row_fn sl_row_to_base64;
sl_row_fn sl_row_to_days;
sl_row_fn sl_row_to_local, sl_row_to_utc, sl_row_convert_tz;
sl_row_fn sl_row_trigonometry;
sl_row_fn sl_row_trim;
sl_row_fn sl_row_truncate;
sl_row_fn sl_row_tuple;
sl_row_fn sl_row_uncompress;
sl_row_fn sl_row_uncompressed_length;
sl_row_fn sl_row_unhex;
sl_row_fn sl_row_unix_bucket;
sl_row_fn sl_row_unix_timestamp;
sl_row_fn sl_row_upper;
sl_row_fn sl_row_uuid;
sl_row_fn sl_row_week;
sl_row_fn sl_row_xor;

/* (in + out) * rate / divisor, rounded; a divisor of 0 is 1, and what does not fit is the greatest
 * number: a lie in one record must not fail a query. */
uint64_t sl_flow_total(uint64_t in, uint64_t out, uint64_t rate, uint64_t divisor);

#endif
