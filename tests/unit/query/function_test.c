/*
 * function_test.c - every function by examples, through the whole front: a constant expression is
 * folded when it is bound. What MySQL 8 answers is what is expected.
 */
#include "tests/unit/query/front_support.h"

struct example {
    const char *expr;
    const char *value;
};

static void
check(const struct example *examples, size_t count)
{
    struct front f;

    front_open(&f);
    for (size_t i = 0; i < count; i++) {
        char text[512];
        (void)snprintf(text, sizeof(text), "SELECT %s", examples[i].expr);
        f.session.dialect = SL_DIALECT_MYSQL;
        if (front_bind(&f, text) != SL_OK)
            fail_msg("%s: %s", text, f.err.text);
        const struct sl_expr *e = f.statement.select->outputs[0].expr;
        if (e->kind != SL_EXPR_CONST)
            fail_msg("%s: not folded", text);
        const char *shown = front_text(&f, &e->value);
        if (strcmp(shown, examples[i].value) != 0)
            fail_msg("%s: is %s, expected %s", text, shown, examples[i].value);
    }
    front_close(&f);
}

#define CHECK(examples) check((examples), SL_COUNTOF(examples))

static void
arithmetic_has_the_types_of_mysql(void **state)
{
    static const struct example examples[] = {
        {"1 + 2", "3"},
        {"7 / 2", "3.5000"},
        {"1 / 3", "0.3333"},
        {"2 / 3", "0.6667"},
        {"-2 / 3", "-0.6667"},
        {"1.5 * 2.25", "3.375"},
        {"1.5 + 1", "2.5"},
        {"1 / 0", "NULL"},
        {"1 % 0", "NULL"},
        {"5 DIV 0", "NULL"},
        {"7 DIV 2", "3"},
        {"-7 DIV 2", "-3"},
        {"-7 % 3", "-1"},
        {"5.5 % 2", "1.5"},
        {"'12abc' + 1", "13"},
        {"'abc' + 1", "1"},
        {"1e0 / 4", "0.25"},
        {"2 + 3 * 4", "14"},
        {"(2 + 3) * 4", "20"},
        {"100 DIV 60 * 60", "60"},
        {"1 - -1", "2"},
        {"- 5", "-5"},
        {"~0", "18446744073709551615"},
        {"5 & 3 | 8", "9"},
        {"1 << 4", "16"},
        {"1 << 64", "0"},
        {"6 ^ 3", "5"},
        {"0xff + 0", "255"},
        {"18446744073709551615 - 1", "18446744073709551614"},
        {"NULL + 1", "NULL"},
        {"10 DIV 0.5", "20"},
        {"MOD(10, 3)", "1"},
    };
    (void)state;
    CHECK(examples);
}

static void
logic_is_three_valued(void **state)
{
    static const struct example examples[] = {
        {"NULL AND 0", "0"},
        {"NULL AND 1", "NULL"},
        {"NULL OR 1", "1"},
        {"NULL OR 0", "NULL"},
        {"NOT NULL", "NULL"},
        {"1 XOR NULL", "NULL"},
        {"1 XOR 1", "0"},
        {"NULL IS NULL", "1"},
        {"NULL = NULL", "NULL"},
        {"NULL <=> NULL", "1"},
        {"1 <=> NULL", "0"},
        {"1 IS NOT NULL", "1"},
        {"NULL IS TRUE", "0"},
        {"NULL IS NOT TRUE", "1"},
        {"0 IS FALSE", "1"},
        {"1 IN (1, NULL)", "1"},
        {"2 IN (1, NULL)", "NULL"},
        {"2 NOT IN (1, 3)", "1"},
        {"NULL IN (1)", "NULL"},
        {"2 BETWEEN 1 AND 3", "1"},
        {"0 BETWEEN NULL AND -1", "0"},
        {"2 BETWEEN NULL AND 3", "NULL"},
        {"5 NOT BETWEEN 1 AND 3", "1"},
        {"NOT 1 = 2", "1"},
        {"1 = 1 = 1", "1"},
        {"1 || 0 && 0", "1"},
        {"!0", "1"},
        {"'a' = 'A'", "1"},
        {"BINARY 'a' = 'A'", "0"},
        {"'a' < 'B'", "1"},
        {"'10' = 10", "1"},
        {"'10x' = 10", "1"},
        {"1 = 1.0", "1"},
        {"'1.0' = 1", "1"},
        {"2 > '10'", "0"},
        {"'2' > '10'", "1"},
        {"18446744073709551615 > -1", "1"},
        {"IF(NULL, 1, 2)", "2"},
        {"IF(1, 'x', 2)", "x"},
        {"IFNULL(NULL, 7)", "7"},
        {"IFNULL(3, 7)", "3"},
        {"NULLIF(1, 1)", "NULL"},
        {"NULLIF(1, 2)", "1"},
        {"COALESCE(NULL, NULL, 4)", "4"},
        {"ISNULL(NULL)", "1"},
        {"CASE WHEN 0 THEN 1 END", "NULL"},
        {"CASE 2 WHEN 1 THEN 'a' WHEN 2 THEN 'b' ELSE 'c' END", "b"},
        {"CASE WHEN NULL THEN 1 ELSE 2.5 END", "2.5"},
        {"GREATEST(1, 3, 2)", "3"},
        {"LEAST(2, 1.5)", "1.5"},
        {"GREATEST(1, NULL)", "NULL"},
    };
    (void)state;
    CHECK(examples);
}

static void
texts_count_characters(void **state)
{
    static const struct example examples[] = {
        {"CONCAT('a', 1, 2.50)", "a12.50"},
        {"CONCAT('a', NULL)", "NULL"},
        {"CONCAT_WS(',', 'a', NULL, 'b')", "a,b"},
        {"LENGTH('h\xc3\xa9')", "3"},
        {"CHAR_LENGTH('h\xc3\xa9')", "2"},
        {"LOWER('ABc')", "abc"},
        {"UCASE('abC')", "ABC"},
        {"SUBSTRING('abcdef', 2, 3)", "bcd"},
        {"SUBSTRING('abcdef', -2)", "ef"},
        {"SUBSTRING('abc', 0)", ""},
        {"SUBSTRING('abcdef' FROM 3 FOR 2)", "cd"},
        {"MID('\xc3\xa9\xc3\xa8x', 2, 1)", "\xc3\xa8"},
        {"SUBSTRING_INDEX('www.mysql.com', '.', 2)", "www.mysql"},
        {"SUBSTRING_INDEX('www.mysql.com', '.', -2)", "mysql.com"},
        {"SUBSTRING_INDEX('www', '.', -2)", "www"},
        {"LEFT('abc', 2)", "ab"},
        {"RIGHT('abc', 2)", "bc"},
        {"RIGHT('abc', 9)", "abc"},
        {"TRIM('  a ')", "a"},
        {"TRIM(LEADING 'x' FROM 'xxax')", "ax"},
        {"TRIM('x' FROM 'xax')", "a"},
        {"RTRIM('a ')", "a"},
        {"REPLACE('aXbX', 'X', '--')", "a--b--"},
        {"REVERSE('a\xc3\xa9')", "\xc3\xa9"
                                 "a"},
        {"REPEAT('ab', 3)", "ababab"},
        {"REPEAT('abc', 7)", "abcabcabcabcabcabcabc"},
        {"LPAD('5', 3, '0')", "005"},
        {"LPAD('5', 12, 'xyz')", "xyzxyzxyzxy5"},
        {"RPAD('abc', 2, 'x')", "ab"},
        {"LOCATE('b', 'abcb')", "2"},
        {"LOCATE('b', 'abcb', 3)", "4"},
        {"INSTR('abc', 'C')", "3"},
        {"STRCMP('a', 'b')", "-1"},
        {"ASCII('A')", "65"},
        {"HEX('Az')", "417A"},
        {"HEX(255)", "FF"},
        {"UNHEX('417A')", "Az"},
        {"UNCOMPRESS(COMPRESS(REPEAT('ab', 100))) = REPEAT('ab', 100)", "1"},
        {"UNCOMPRESS(UNHEX('03000000789C4B4C4A0600024D0127'))", "abc"},
        {"UNCOMPRESSED_LENGTH(COMPRESS('abc'))", "3"},
        {"LENGTH(COMPRESS('abc'))", "15"},
        {"COMPRESS('')", ""},
        {"UNCOMPRESS('abc')", "NULL"},
        {"UNCOMPRESS(UNHEX('FFFFFFFF789C4B4C4A0600024D0127'))", "NULL"},
        {"UNHEX('x')", "NULL"},
        {"FORMAT(1234567.891, 2)", "1,234,567.89"},
        {"FIELD('b', 'a', 'B')", "2"},
        {"ELT(2, 'a', 'b')", "b"},
        {"ELT(3, 'a')", "NULL"},
        {"CONV('ff', 16, 10)", "255"},
        {"CHAR(65, 66)", "AB"},
        {"SPACE(2)", "  "},
        {"'abc' LIKE 'A%'", "1"},
        {"'abc' LIKE 'a_c'", "1"},
        {"'a%c' LIKE 'a\\%c'", "1"},
        {"'abc' LIKE 'a\\%c'", "0"},
        {"'a%' LIKE 'a|%' ESCAPE '|'", "1"},
        {"'abc' NOT LIKE '%b%'", "0"},
        {"'' LIKE '%'", "1"},
        {"'aXbXc' LIKE '%X%c'", "1"},
        {"NULL LIKE 'a'", "NULL"},
        {"'a' 'b'", "ab"},
        {"'it''s'", "it's"},
        {"_utf8mb4'x'", "x"},
        {"N'x'", "x"},
        {"x'4142'", "AB"},
        {"CRC32('MySQL')", "3259397556"},
        {"BIT_COUNT(7)", "3"},
    };
    (void)state;
    CHECK(examples);
}

static void
numbers_round_as_mysql_does(void **state)
{
    static const struct example examples[] = {
        {"ROUND(2.5)", "3"},
        {"ROUND(-2.5)", "-3"},
        {"ROUND(2.345, 2)", "2.35"},
        {"ROUND(1234, -2)", "1200"},
        {"TRUNCATE(2.789, 1)", "2.7"},
        {"FLOOR(-1.5)", "-2"},
        {"CEIL(1.2)", "2"},
        {"CEILING(-1.2)", "-1"},
        {"ABS(-5)", "5"},
        {"ABS(-1.5)", "1.5"},
        {"SIGN(-3)", "-1"},
        {"SQRT(16)", "4"},
        {"SQRT(-1)", "NULL"},
        {"POW(2, 10)", "1024"},
        {"LOG2(8)", "3"},
        {"LOG10(1000)", "3"},
        {"LN(0)", "NULL"},
        {"LOG(2, 8)", "3"},
        {"CAST('12.7' AS SIGNED)", "12"},
        {"CAST(12.7 AS SIGNED)", "13"},
        {"CAST(-1 AS UNSIGNED)", "18446744073709551615"},
        {"CAST('1.239' AS DECIMAL(5,2))", "1.24"},
        {"CAST(5 AS CHAR)", "5"},
        {"CAST('abc' AS CHAR(2))", "ab"},
        {"CONVERT('5', SIGNED)", "5"},
        {"CONVERT('x' USING utf8)", "x"},
        {"CAST(1.5 AS DOUBLE)", "1.5"},
    };
    (void)state;
    CHECK(examples);
}

static void
times_follow_the_calendar(void **state)
{
    static const struct example examples[] = {
        {"NOW()", "2026-11-23 08:00:00"},
        {"NOW(3)", "2026-11-23 08:00:00.123"},
        {"CURRENT_TIMESTAMP", "2026-11-23 08:00:00"},
        {"CURDATE()", "2026-11-23"},
        {"UNIX_TIMESTAMP('2026-11-23 08:00:00')", "1795420800"},
        {"UNIX_TIMESTAMP('2026-11-23T08:00:00Z')", "1795420800"},
        {"UNIX_TIMESTAMP()", "1795420800"},
        {"FROM_UNIXTIME(1795420800)", "2026-11-23 08:00:00"},
        {"FROM_UNIXTIME(1795420800.5)", "2026-11-23 08:00:00.5"},
        {"FROM_UNIXTIME(1795420800, '%Y/%m/%d')", "2026/11/23"},
        {"FROM_UNIXTIME(-1)", "NULL"},
        {"UNIX_TIMESTAMP('2026-11-23 08:01:30') DIV 60 * 60", "1795420860"},
        {"TIME_BUCKET('2026-11-23 08:01:30', 60)", "2026-11-23 08:01:00.000000"},
        {"YEAR('2026-11-23')", "2026"},
        {"QUARTER('2026-11-23')", "4"},
        {"MONTH('2026-11-23')", "11"},
        {"DAY('2026-11-23')", "23"},
        {"HOUR('2026-11-23 08:09:10')", "8"},
        {"MINUTE('2026-11-23 08:09:10')", "9"},
        {"SECOND('2026-11-23 08:09:10')", "10"},
        {"EXTRACT(YEAR FROM '2026-11-23')", "2026"},
        {"DAYOFWEEK('2026-11-23')", "2"},
        {"WEEKDAY('2026-11-23')", "0"},
        {"DAYOFYEAR('2026-02-01')", "32"},
        {"WEEK('2026-11-23')", "47"},
        {"DAYNAME('2026-11-23')", "Monday"},
        {"MONTHNAME('2026-11-23')", "November"},
        {"DATE('2026-11-23 08:09:10')", "2026-11-23"},
        {"DATE_FORMAT('2026-11-23 18:09:10', '%Y-%m-%d %H:%i:%s %p %W %D %j')",
         "2026-11-23 18:09:10 PM Monday 23rd 327"},
        {"DATE_ADD('2026-01-31', INTERVAL 1 MONTH)", "2026-02-28 00:00:00"},
        {"DATE_ADD(DATE '2026-01-31', INTERVAL 1 DAY)", "2026-02-01"},
        {"DATE_SUB('2026-01-01 00:00:00', INTERVAL 1 SECOND)", "2025-12-31 23:59:59"},
        {"NOW() - INTERVAL 5 MINUTE", "2026-11-23 07:55:00"},
        {"INTERVAL 1 HOUR + NOW()", "2026-11-23 09:00:00"},
        {"DATE_ADD(FROM_UNIXTIME(0), INTERVAL -3600 SECOND)", "1969-12-31 23:00:00"},
        {"TIMESTAMPDIFF(MINUTE, '2026-01-01 00:00:00', '2026-01-01 01:30:59')", "90"},
        {"TIMESTAMPDIFF(MONTH, '2026-01-31', '2026-02-28')", "0"},
        {"TIMESTAMPADD(DAY, 2, '2026-01-01')", "2026-01-03 00:00:00"},
        {"DATEDIFF('2026-01-03', '2026-01-01')", "2"},
        {"TO_DAYS('1970-01-01')", "719528"},
        {"SEC_TO_TIME(3661)", "01:01:01"},
        {"CAST('2026-11-23' AS DATETIME)", "2026-11-23 00:00:00"},
        {"TIMESTAMP '2026-11-23 08:00:00' > '2026-11-23'", "1"},
        {"NOW() + 0", "20261123080000"},
        {"NOW() IS NULL", "0"},
    };
    (void)state;
    CHECK(examples);
}

static void
addresses_convert(void **state)
{
    static const struct example examples[] = {
        {"INET_ATON('10.0.0.1')", "167772161"},
        {"INET_ATON('x')", "NULL"},
        {"INET_NTOA(167772161)", "10.0.0.1"},
        {"INET_NTOA(-1)", "NULL"},
        {"HEX(INET6_ATON('::1'))", "00000000000000000000000000000001"},
        {"INET6_NTOA(INET6_ATON('2001:db8::1'))", "2001:db8::1"},
        {"INET6_NTOA(INET6_ATON('1.2.3.4'))", "1.2.3.4"},
        {"NETWORK('10.1.2.3', 8)", "10.0.0.0"},
        {"BROADCAST('10.1.2.3', 24)", "10.1.2.255"},
        {"PREFIX('2001:db8:1::5', 32)", "2001:db8::/32"},
        {"IN_NETWORK('10.1.2.3', '10.0.0.0/8')", "1"},
        {"IS_IPV4('1.2.3.4')", "1"},
        {"IS_IPV4('::1')", "0"},
        {"IS_IPV6('::1')", "1"},
        {"IS_IPV4(NULL)", "NULL"},
        {"IS_PRIVATE('172.31.0.1')", "1"},
        {"IS_PRIVATE('172.32.0.1')", "0"},
        {"IS_PRIVATE('fd00::1')", "1"},
        {"IS_PRIVATE('fe80::1')", "1"},
        {"PROTOCOL_NAME(6)", "tcp"},
        {"PROTOCOL_NAME(200)", "200"},
        {"SERVICE_NAME(443)", "https"},
        {"SERVICE_NAME(1)", "NULL"},
        {"TCP_FLAGS_TEXT(18)", "SA"},
    };
    (void)state;
    CHECK(examples);
}

static void
what_does_not_fit_is_an_error(void **state)
{
    static const char *const texts[] = {"SELECT 18446744073709551615 + 1",
                                        "SELECT CAST(1 AS UNSIGNED) - 2",
                                        "SELECT 9223372036854775807 + 1",
                                        "SELECT 9223372036854775807 * 2",
                                        "SELECT POW(10, 400)",
                                        "SELECT 99999999999999999999.0 * 99999999999999999999.0",
                                        "SELECT 18446744073709551615 * 18446744073709551615"};
    struct front f;

    (void)state;
    front_open(&f);
    for (size_t i = 0; i < SL_COUNTOF(texts); i++) {
        assert_int_equal(front_bind(&f, texts[i]), SL_LIMIT);
        assert_int_equal(f.err.sql_number, 1690);
    }
    front_close(&f);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_has_the_types_of_mysql),
        cmocka_unit_test(logic_is_three_valued),
        cmocka_unit_test(texts_count_characters),
        cmocka_unit_test(numbers_round_as_mysql_does),
        cmocka_unit_test(times_follow_the_calendar),
        cmocka_unit_test(addresses_convert),
        cmocka_unit_test(what_does_not_fit_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
