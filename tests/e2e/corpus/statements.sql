-- Statements beside the corpus whose answers must be MariaDB's: what dashboards and scripts ask over `raw`, and time zones.
SELECT app, COUNT(*) AS n, SUM(bytes) AS b, AVG(packets) AS p, MIN(ts) AS t0, MAX(ts) AS t1 FROM raw GROUP BY app ORDER BY app IS NULL, app
SELECT COUNT(*), COUNT(app), COUNT(DISTINCT src_ip), COUNT(DISTINCT src_ip, dst_port), SUM(rate > 1000), BIT_OR(proto) FROM raw
SELECT proto, ROUND(AVG(rate), 3), ROUND(STDDEV_POP(rate), 3) FROM raw WHERE dst_port < 100 GROUP BY proto ORDER BY proto
SELECT INET_NTOA(src_ip), HEX(src6), LENGTH(src6), INET6_NTOA(src6) FROM raw WHERE src_ip IS NOT NULL ORDER BY src_ip, ts, bytes, dst_port LIMIT 20
SELECT DATE(ts), HOUR(ts), MINUTE(ts), COUNT(*) FROM raw GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
SELECT DATE_FORMAT(ts, '%Y-%m-%d %H:%i:00') AS minute, SUM(bytes * 8) / 60 AS bps FROM raw GROUP BY minute ORDER BY minute
SELECT TIMESTAMPDIFF(SECOND, MIN(ts), MAX(ts)), DATEDIFF(MAX(ts), MIN(ts)), MAX(ts) - INTERVAL 5 MINUTE FROM raw
SELECT dst_port, SUM(bytes) AS b FROM raw WHERE proto = 6 GROUP BY dst_port HAVING b > 100000 ORDER BY b DESC, dst_port LIMIT 10
SELECT CASE WHEN dst_port < 1024 THEN 'low' WHEN dst_port IS NULL THEN 'none' ELSE 'high' END AS kind, COUNT(*) FROM raw GROUP BY kind ORDER BY kind
SELECT COUNT(*) FROM raw WHERE app LIKE 'ht%' OR note IN ('UDP', 'icmp') AND NOT (bytes BETWEEN 100 AND 1000)
SELECT COUNT(*) FROM raw WHERE ts >= '2026-11-23 08:00:30' AND ts < '2026-11-23 08:01:00' AND src_ip BETWEEN INET_ATON('10.0.0.0') AND INET_ATON('10.255.255.255')
SELECT 7 DIV 2, -7 DIV 2, 7 % 3, -7 % 3, 7 / 2, 1 / 0, 0.1 + 0.2, 1e3 + 1, '12abc' + 1, 5 & 3, 5 | 3, 5 ^ 3, 1 << 4
SELECT CONCAT('a', NULL), CONCAT_WS('-', 'a', NULL, 'b'), SUBSTRING_INDEX('a.b.c', '.', -2), LPAD('7', 3, '0'), TRIM('  x '), REPLACE('aba', 'a', 'c'), UPPER('ß'), CHAR_LENGTH('ü'), LENGTH('ü')
SELECT IF(NULL, 1, 2), IFNULL(NULL, 'x'), NULLIF(1, 1), COALESCE(NULL, NULL, 3), GREATEST(1, 2, 3), LEAST('a', 'b'), ISNULL(NULL), NULL <=> NULL
SET time_zone = 'Europe/Berlin'
SELECT @@time_zone, FROM_UNIXTIME(1779000000), FROM_UNIXTIME(1769000000), FROM_UNIXTIME(1792888200), FROM_UNIXTIME(1792891800), FROM_UNIXTIME(1774745999), FROM_UNIXTIME(1774746000)
SELECT UNIX_TIMESTAMP('2026-10-25 02:30:00'), UNIX_TIMESTAMP('2026-10-25 03:00:00'), UNIX_TIMESTAMP('2026-03-29 02:30:00'), UNIX_TIMESTAMP('2026-03-29 03:00:00'), UNIX_TIMESTAMP('2026-03-29 01:59:59')
SELECT HOUR(FROM_UNIXTIME(1779000000)), DATE(FROM_UNIXTIME(1779055200)), DATE_FORMAT(FROM_UNIXTIME(1779000000), '%H:%i'), FROM_UNIXTIME(1779000000) + INTERVAL 6 MONTH, TIMESTAMPDIFF(HOUR, FROM_UNIXTIME(1774735200), FROM_UNIXTIME(1774821600))
SELECT CONVERT_TZ('2026-03-29 02:30:00', 'Europe/Berlin', 'America/New_York'), CONVERT_TZ('2026-10-25 02:30:00', 'Europe/Berlin', 'UTC'), CONVERT_TZ('2026-07-01 12:00:00.125', '+00:00', 'Asia/Kathmandu'), CONVERT_TZ('2026-07-01 12:00:00', 'Nowhere/Town', 'UTC'), CONVERT_TZ(NULL, 'UTC', 'UTC')
SET time_zone = 'Australia/Lord_Howe'
SELECT UNIX_TIMESTAMP('2026-04-05 01:45:00'), UNIX_TIMESTAMP('2026-10-04 02:15:00'), FROM_UNIXTIME(1775313900), DATE(FROM_UNIXTIME(1775313900)), HOUR(FROM_UNIXTIME(1775313900))
SET time_zone = '-03:30'
SELECT FROM_UNIXTIME(0), UNIX_TIMESTAMP('2026-01-01 00:00:00'), CONVERT_TZ('2026-07-01 12:00:00', @@time_zone, 'Europe/London')
SET time_zone = 'No/Where'
SET time_zone = '+00:00'
SELECT t0.app, COUNT(*), SUM(t1.bytes) FROM raw t0 JOIN raw t1 ON t1.dst_ip = t0.src_ip AND t1.dst_port = t0.src_port GROUP BY t0.app ORDER BY t0.app IS NULL, t0.app
SELECT a.app, a.n, b.m FROM (SELECT app, COUNT(*) AS n FROM raw GROUP BY app) a LEFT JOIN (SELECT app, SUM(bytes) AS m FROM raw WHERE bytes > 100000 GROUP BY app) b ON a.app = b.app ORDER BY a.app IS NULL, a.app
SELECT * FROM (SELECT proto, COUNT(*) AS n FROM raw GROUP BY proto) a JOIN (SELECT SUM(bytes) AS m, proto FROM raw GROUP BY proto) b USING (proto) ORDER BY proto
SELECT b.*, a.app FROM (SELECT app, MIN(dst_port) AS dst_port FROM raw GROUP BY app) a LEFT OUTER JOIN (SELECT 53 AS p, 'name' AS what UNION SELECT 443, 'web') b ON b.p = a.dst_port AND a.app <> 'x' ORDER BY a.app IS NULL, a.app
SELECT r.dst_port, w.what, COUNT(*) FROM raw r, (SELECT 53 AS p, 'name' AS what UNION SELECT 443, 'web' UNION SELECT 80, 'web') w WHERE r.dst_port = w.p AND r.proto = 6 GROUP BY r.dst_port, w.what ORDER BY 1
SELECT w.what, COUNT(r.bytes), COUNT(*) FROM (SELECT 53 AS p, 'name' AS what UNION SELECT 1, 'none') w LEFT JOIN raw r ON r.dst_port = w.p AND r.ts >= '2026-11-23 08:00:30' WHERE w.p < 100 GROUP BY w.what ORDER BY w.what
SELECT app FROM raw a JOIN raw b ON a.dst_port = b.src_port
SELECT a.app FROM raw a JOIN v_top a ON a.app = a.app
SELECT a.x, b.y FROM (SELECT 1 AS x UNION SELECT 2 UNION SELECT NULL) a CROSS JOIN (SELECT 'p' AS y UNION SELECT 'q') b ORDER BY a.x, b.y
SELECT a.x, b.x, c.x FROM (SELECT 1 AS x UNION SELECT 2) a LEFT JOIN (SELECT 2 AS x UNION SELECT 3) b ON a.x = b.x LEFT JOIN (SELECT 2.0 AS x UNION SELECT 4) c ON c.x = b.x ORDER BY a.x
SELECT a.x FROM (SELECT 'A' AS x UNION SELECT 'b') a JOIN (SELECT 'a' AS x UNION SELECT 'B' UNION SELECT 'c') b ON a.x = b.x ORDER BY a.x
SELECT a.x FROM (SELECT 1 AS x UNION SELECT 2) a JOIN (SELECT '1' AS x UNION SELECT '2.0' UNION SELECT 'y') b ON a.x = b.x ORDER BY a.x
SELECT GROUP_CONCAT(DISTINCT app ORDER BY app SEPARATOR '|'), GROUP_CONCAT(DISTINCT proto ORDER BY proto DESC) FROM raw
SELECT proto, GROUP_CONCAT(dst_port ORDER BY dst_port DESC SEPARATOR ' ') AS p FROM (SELECT DISTINCT proto, dst_port FROM raw WHERE dst_port < 200) t GROUP BY proto ORDER BY proto
