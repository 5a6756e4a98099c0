// main.go PORT DASHBOARDS FROM TO LOG - the statements of dashboards, and those that Grafana itself sends.
//
// Each statement of a dashboard's panels, variables and annotations runs over the driver that
// Grafana uses, with its parameters, first for all values of the variables, then for two values of
// one after the other. Demanded of each: rows, names and types of columns that Grafana can show, time
// in order, a plan that reads by time and, where a variable has values, by an index of its columns.
// FROM and TO (seconds since 1970) are a range with flows. LOG gets the statements as they were sent.
package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"io/ioutil"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "github.com/go-sql-driver/mysql"
)

type target struct {
	RawSQL   string `json:"rawSql"`
	Format   string `json:"format"`
	RawQuery bool   `json:"rawQuery"`
}

type source struct{ Type, UID string }

type panel struct {
	ID         int
	Type       string
	Title      string
	Datasource source
	GridPos    struct{ X, Y, W, H int }
	Targets    []target
}

type dashboard struct {
	UID, Title    string
	SchemaVersion int
	Time          struct{ From, To string }
	Panels        []panel
	Annotations   struct {
		List []struct {
			Name       string
			Datasource source
			Target     target
		}
	}
	Templating struct {
		List []struct {
			Name, Type, Query, AllValue string
			Datasource                  source
			Multi, IncludeAll           bool
		}
	}
}

// Panels that Grafana has without a plug-in.
var panelTypes = map[string]bool{"timeseries": true, "table": true, "stat": true, "bargauge": true, "barchart": true, "piechart": true,
	"gauge": true, "text": true}

// What Grafana would load in silence and show wrongly: panels of no type or upon each other, another
// data source, a dashboard that takes another one's place.
func checkShape(d dashboard) {
	ours := source{"mysql", "sluice"}
	if uids[d.UID] || d.UID == "" || d.Title == "" || d.SchemaVersion < 30 || d.Time.From == "" || d.Time.To == "" {
		fail(d.Title, "", "its uid, title, schema or time is wrong")
	}
	uids[d.UID] = true
	for i, p := range d.Panels {
		g := p.GridPos
		if p.ID != i+1 || p.Title == "" || !panelTypes[p.Type] || p.Datasource != ours || len(p.Targets) == 0 ||
			g.X < 0 || g.Y < 0 || g.W < 1 || g.H < 1 || g.X+g.W > 24 {
			fail(d.Title+", panel "+p.Title, "", "its number, type, source, place or statement is wrong")
		}
		for _, other := range d.Panels[:i] {
			o := other.GridPos
			if g.X < o.X+o.W && o.X < g.X+g.W && g.Y < o.Y+o.H && o.Y < g.Y+g.H {
				fail(d.Title+", panel "+p.Title, "", "it lies upon "+other.Title)
			}
		}
	}
	for _, v := range d.Templating.List {
		if v.Type != "query" || v.Datasource != ours {
			fail(d.Title+", variable "+v.Name, "", "its type or source is wrong")
		}
	}
	for _, a := range d.Annotations.List {
		if a.Datasource != ours {
			fail(d.Title+", annotation "+a.Name, "", "its source is wrong")
		}
	}
}

var (
	db       *sql.DB
	uids     = map[string]bool{}
	sent     *os.File
	failures int
	ran      int
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func fail(what, statement string, reason interface{}) {
	fmt.Printf("FAILED: %s: %v\n  %s\n", what, reason, statement)
	failures++
}

// What Grafana can make a field of; text that is none (VARBINARY, BLOB) never names a series.
var numbers = map[string]bool{"DOUBLE": true, "FLOAT": true, "DECIMAL": true, "BIGINT": true, "INT": true,
	"SMALLINT": true, "TINYINT": true, "YEAR": true}
var texts = map[string]bool{"VARCHAR": true, "CHAR": true, "TEXT": true}
var times = map[string]bool{"DATETIME": true, "TIMESTAMP": true, "DATE": true}

func checkColumns(types []*sql.ColumnType, format string) error {
	seen := map[string]bool{}
	for _, column := range types {
		name, kind := column.Name(), column.DatabaseTypeName()
		if seen[name] {
			return fmt.Errorf("two columns %s", name)
		}
		seen[name] = true
		if !numbers[kind] && !texts[kind] && !times[kind] {
			return fmt.Errorf("column %s is %s", name, kind)
		}
		isTime := name == "time" || name == "time_sec" || name == "timeend"
		if isTime && texts[kind] {
			return fmt.Errorf("time is %s", kind)
		}
		if format == "time_series" && !isTime && name != "metric" && !numbers[kind] {
			return fmt.Errorf("value %s is %s", name, kind)
		}
		if name == "metric" && !texts[kind] {
			return fmt.Errorf("metric is %s", kind)
		}
	}
	if format == "time_series" && !seen["time"] && !seen["time_sec"] {
		return fmt.Errorf("no column is the time")
	}
	return nil
}

// A time as Grafana reads it: a DATETIME, or seconds.
func timeOf(value interface{}) (float64, error) {
	switch v := value.(type) {
	case time.Time:
		return float64(v.UnixNano()) / 1e9, nil
	case []byte:
		return strconv.ParseFloat(string(v), 64)
	case int64:
		return float64(v), nil
	}
	return 0, fmt.Errorf("time is %v", value)
}

// Rows of the statement as texts, after everything that Grafana demands of them.
func query(statement, format string, args ...interface{}) ([][]string, error) {
	rows, err := db.Query(statement, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return nil, err
	}
	if err := checkColumns(types, format); err != nil {
		return nil, err
	}
	result := [][]string{}
	last := 0.0
	for rows.Next() {
		values := make([]interface{}, len(types))
		into := make([]interface{}, len(types))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := make([]string, len(types))
		for i, value := range values {
			row[i] = fmt.Sprintf("%s", value)
			name := types[i].Name()
			if format != "time_series" || (name != "time" && name != "time_sec") {
				continue
			}
			moment, err := timeOf(value)
			if err != nil || moment < last {
				return nil, fmt.Errorf("time %v after %v: %v", moment, last, err)
			}
			last = moment
		}
		result = append(result, row)
	}
	return result, rows.Err()
}

// Columns of which one must be in the plan where the variable has values.
var indexed = map[string][]string{
	"host":        {"src_addr", "dst_addr"},
	"port":        {"src_port", "dst_port"},
	"application": {"app"},
	"interface":   {"input_if", "output_if"},
	"exporter":    {"exporter_addr"},
}

func hasOne(line string, words []string) bool {
	for _, word := range words {
		if strings.Contains(line, word) {
			return true
		}
	}
	return len(words) == 0
}

// Every scan of the plan leaves out what the time says, and what one of `columns` does.
func checkPlan(statement string, columns []string) error {
	rows, err := db.Query("EXPLAIN " + statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	scans := 0
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return err
		}
		if !strings.Contains(line, "scan flows") {
			continue
		}
		scans++
		parts := strings.SplitN(line, "pruned by", 2)
		if len(parts) < 2 || !strings.Contains(parts[1], "last_seen") {
			return fmt.Errorf("the plan reads all times: %s", line)
		}
		if !hasOne(parts[1], columns) {
			return fmt.Errorf("the plan uses no index of %v: %s", columns, line)
		}
	}
	if scans == 0 {
		return fmt.Errorf("the plan reads no flows")
	}
	return rows.Err()
}

// A statement over flows, with an index of `columns`; its rows.
func run(what, text, format string, columns []string, r timeRange) [][]string {
	ran++
	statement, err := expand(text, r)
	if err != nil {
		fail(what, text, err)
		return nil
	}
	_, err = fmt.Fprintf(sent, "%s;\n", statement)
	must(err)
	rows, err := query(statement, format)
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("no rows")
	}
	if err == nil {
		err = checkPlan(statement, columns)
	}
	if err != nil {
		fail(what, statement, err)
		return nil
	}
	return rows
}

// A panel's statement for all values; then for those of each variable that it has.
func runTarget(what string, t target, all, some map[string]choice, r timeRange) {
	if !t.RawQuery {
		fail(what, t.RawSQL, "the statement is not marked as one")
		return
	}
	shown[what] = run(what, putVariables(t.RawSQL, all), t.Format, nil, r)
	for name, values := range some {
		if !strings.Contains(t.RawSQL, "$"+name) {
			continue
		}
		choices := map[string]choice{}
		for other, every := range all {
			choices[other] = every
		}
		choices[name] = values
		run(what+", of a "+name, putVariables(t.RawSQL, choices), t.Format, indexed[name], r)
	}
}

// Values of a variable: the result's only column, or __value, which comes last. An application
// that no row has is among them, with a quote in its name.
func runDashboard(path string, r timeRange) {
	var d dashboard
	content, err := ioutil.ReadFile(path)
	must(err)
	must(json.Unmarshal(content, &d))
	checkShape(d)
	all, some := map[string]choice{}, map[string]choice{}
	for _, v := range d.Templating.List {
		what := d.Title + ", variable " + v.Name
		if !v.Multi || !v.IncludeAll {
			fail(what, v.Query, "the variable is not quoted")
		}
		rows := run(what, v.Query, "table", nil, r)
		all[v.Name] = choice{all: v.AllValue}
		some[v.Name] = choice{}
		for i := 0; i < len(rows) && i < 2; i++ {
			value := rows[i][len(rows[i])-1]
			some[v.Name] = choice{values: append(some[v.Name].values, value)}
		}
		if v.Name == "application" {
			some[v.Name] = choice{values: append(some[v.Name].values, "it's")}
		}
	}
	for _, p := range d.Panels {
		for _, t := range p.Targets {
			runTarget(d.Title+", panel "+p.Title, t, all, some, r)
		}
	}
	for _, a := range d.Annotations.List {
		runTarget(d.Title+", annotation "+a.Name, a.Target, all, some, r)
	}
}

func seconds(text string) time.Time {
	n, err := strconv.ParseInt(text, 10, 64)
	must(err)
	return time.Unix(n, 0)
}

func main() {
	var err error
	db, err = sql.Open("mysql", fmt.Sprintf("any:thing@tcp(127.0.0.1:%s)/flows?collation=utf8mb4_unicode_ci"+
		"&parseTime=true&loc=UTC&allowNativePasswords=true&time_zone=%%27%%2B00%%3A00%%27", os.Args[1]))
	must(err)
	must(db.Ping())
	sent, err = os.Create(os.Args[5])
	must(err)
	r := timeRange{seconds(os.Args[3]), seconds(os.Args[4]), time.Minute}
	paths, err := filepath.Glob(filepath.Join(os.Args[2], "*.json"))
	must(err)
	for _, path := range paths {
		before := failures
		runDashboard(path, r)
		if failures == before {
			fmt.Println("ok:", filepath.Base(path))
		}
	}
	checkValues(r)
	runStatements(r)
	fmt.Println(len(paths), "dashboards,", ran, "statements,", failures, "failures")
	if failures != 0 || len(paths) == 0 {
		os.Exit(1)
	}
}
