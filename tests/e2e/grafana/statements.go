package main

// Statements that are in no dashboard: each macro, the builder's and its introspection, alerting.

import (
	"fmt"
	"reflect"
	"time"
)

// first: what the first row must be; nil for any.
type statement struct {
	what, text, format string
	first              []string
}

// Macros in WHERE and in groups: all of them must read by time.
var macros = []statement{
	{"__timeFilter, __time", "SELECT $__time(last_seen), bytes FROM flows WHERE $__timeFilter(last_seen) ORDER BY last_seen", "time_series", nil},
	{"__timeEpoch", "SELECT $__timeEpoch(last_seen), bytes FROM flows WHERE $__timeFilter(last_seen) ORDER BY time_sec", "time_series", nil},
	{"__timeFrom, __timeTo", "SELECT COUNT(*) AS n FROM flows WHERE last_seen >= $__timeFrom() AND last_seen < $__timeTo()", "table", nil},
	{"__timeGroup, alias in GROUP BY", "SELECT $__timeGroup(last_seen,'5m') AS time_sec, SUM(bytes) AS value FROM flows WHERE $__timeFilter(last_seen) GROUP BY time_sec ORDER BY time_sec", "time_series", nil},
	{"__timeGroupAlias, numbers", "SELECT $__timeGroupAlias(last_seen,'5m',NULL), app AS metric, AVG(bytes) AS value FROM flows WHERE $__timeFilter(last_seen) GROUP BY 1,2 ORDER BY 1", "time_series", nil},
	{"__timeGroupAlias, name", "SELECT $__timeGroupAlias(last_seen,$__interval,previous), MAX(bytes) AS value FROM flows WHERE $__timeFilter(last_seen) GROUP BY time ORDER BY time", "time_series", nil},
	{"__timeGroup of a day", "SELECT $__timeGroupAlias(last_seen,'1d',0), MIN(bytes) AS value FROM flows WHERE $__timeFilter(last_seen) GROUP BY 1 ORDER BY 1", "time_series", nil},
	{"__unixEpochFilter", "SELECT LAST_SWITCHED AS time_sec, IN_BYTES FROM nfflows WHERE $__unixEpochFilter(LAST_SWITCHED) ORDER BY 1", "time_series", nil},
	{"__unixEpochFrom, __unixEpochTo", "SELECT COUNT(*) AS n FROM nfflows WHERE LAST_SWITCHED BETWEEN $__unixEpochFrom() AND $__unixEpochTo()", "table", nil},
	{"__unixEpochGroup", "SELECT $__unixEpochGroup(LAST_SWITCHED,'5m') AS time_sec, SUM(IN_BYTES) AS value FROM nfflows WHERE $__unixEpochFilter(LAST_SWITCHED) GROUP BY 1 ORDER BY 1", "time_series", nil},
	{"__unixEpochGroupAlias", "SELECT $__unixEpochGroupAlias(LAST_SWITCHED,'5m',0), SUM(IN_BYTES) AS value FROM flowsv4 WHERE $__unixEpochFilter(LAST_SWITCHED) GROUP BY time ORDER BY time", "time_series", nil},
	{"__unixEpochGroup of half a second", "SELECT $__unixEpochGroupAlias(LAST_SWITCHED,'500ms'), SUM(IN_BYTES) AS value FROM nfflows WHERE $__unixEpochFilter(LAST_SWITCHED) GROUP BY time ORDER BY time", "time_series", nil},
	{"seconds with a fraction", "SELECT s AS time, bytes FROM (SELECT UNIX_TIMESTAMP(last_seen) AS s, bytes FROM flows) AS f WHERE $__unixEpochFilter(s) ORDER BY 1", "time_series", nil},
	{"__unixEpochNanoFilter", "SELECT COUNT(*) AS n FROM nanoseconds WHERE $__unixEpochNanoFilter(ns)", "table", nil},
	{"__unixEpochNanoFrom, __unixEpochNanoTo", "SELECT COUNT(*) AS n FROM nanoseconds WHERE ns >= $__unixEpochNanoFrom() AND ns < $__unixEpochNanoTo()", "table", nil},
	{"times of Grafana 5", "SELECT COUNT(*) AS n FROM flows WHERE last_seen BETWEEN '2001-09-09T01:46:40Z' AND '2033-05-18T03:33:20Z'", "table", nil},
	{"the builder's aggregate", "SELECT app, SUM(bytes) AS x FROM flows.flows WHERE ($__timeFilter(last_seen) AND bytes > 1) GROUP BY app ORDER BY x DESC LIMIT 50 ", "table", nil},
	{"the builder's functions", "SELECT AVG(bytes), COUNT(bytes), MAX(bytes), MIN(bytes), SUM(bytes), VARIANCE(bytes), STDDEV(bytes) FROM flows.flows WHERE $__timeFilter(last_seen) LIMIT 50 ", "table", nil},
	{"alerting's one row", "SELECT SUM(bytes) * 8 / 300 AS value FROM flows WHERE $__timeFilter(last_seen)", "table", nil},
	{"alerting's rows of labels", "SELECT exporter_addr, COUNT(*) AS value FROM flows WHERE $__timeFilter(last_seen) GROUP BY exporter_addr", "table", nil},
	{"alerting's series", "SELECT $__timeGroupAlias(last_seen,'1m'), COUNT(*) AS value FROM flows WHERE $__timeFilter(last_seen) GROUP BY 1 ORDER BY 1", "time_series", nil},
}

// Introspection: no flows are read.
var introspection = []statement{
	{"datasets", "SELECT DISTINCT TABLE_SCHEMA from information_schema.TABLES where TABLE_TYPE != 'SYSTEM VIEW' ORDER BY TABLE_SCHEMA", "table", []string{"flows"}},
	{"tables", "SELECT table_name FROM information_schema.tables WHERE table_schema = 'flows' ORDER BY table_name", "table", []string{"flows"}},
	{"columns", "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'flows' AND table_name = 'flows' AND column_name = 'last_seen' ORDER BY column_name", "table", []string{"last_seen", "datetime"}},
	{"tables of the session's database", "SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'VIEW') ORDER BY TABLE_NAME", "table", []string{"flows"}},
	{"values of a column", "SELECT 'app' AS col_name, CAST(`app` AS CHAR) AS val FROM (SELECT DISTINCT `app` FROM `flows` WHERE `app` IS NOT NULL ORDER BY `app` LIMIT 100) sub_0 UNION ALL SELECT 'protocol' AS col_name, CAST(`protocol` AS CHAR) AS val FROM (SELECT DISTINCT `protocol` FROM `flows` WHERE `protocol` IS NOT NULL ORDER BY `protocol` LIMIT 100) sub_1", "table", nil},
	{"alerting without flows", "SELECT 1 AS value", "table", []string{"1"}},
}

func runIntrospection(s statement, args ...interface{}) {
	ran++
	rows, err := query(s.text, s.format, args...)
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("no rows")
	}
	if err == nil && s.first != nil && !reflect.DeepEqual(rows[0], s.first) {
		err = fmt.Errorf("first row %v", rows[0])
	}
	if err != nil {
		fail(s.what, s.text, err)
	}
}

func runStatements(r timeRange) {
	before := failures
	_, err := db.Exec("CREATE OR REPLACE VIEW nanoseconds AS SELECT UNIX_TIMESTAMP(last_seen) * 1000000000 AS ns, bytes FROM flows")
	must(err)
	for _, s := range macros {
		run(s.what, s.text, s.format, nil, r)
	}
	early := timeRange{time.Unix(-300, 0), r.to, r.interval}
	run("a range from before 1970", "SELECT COUNT(*) AS n FROM flows WHERE $__timeFilter(last_seen)", "table", nil, early)
	for _, s := range introspection {
		runIntrospection(s)
	}
	runIntrospection(statement{"columns, prepared", "SELECT COLUMN_NAME, DATA_TYPE, NUMERIC_PRECISION, NUMERIC_SCALE FROM INFORMATION_SCHEMA.COLUMNS " +
		"WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? ORDER BY ORDINAL_POSITION", "table", nil}, "flows")
	if failures == before {
		fmt.Println("ok: macros, builder, introspection, alerting")
	}
}
