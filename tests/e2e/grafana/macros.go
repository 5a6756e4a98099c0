package main

// What Grafana makes of a statement's text before it is sent: variables in the browser, then the
// interval, then the macros of its MySQL data source.

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

type timeRange struct {
	from, to time.Time
	interval time.Duration
}

var (
	macro    = regexp.MustCompile(`\$([_a-zA-Z0-9]+)\(([^\)]*)\)`)
	variable = regexp.MustCompile(`\$(\w+)`)
	refused  = regexp.MustCompile(`(?im)([\s]*show[\s]+grants|[\s,]session_user\([^\)]*\)|[\s,]current_user(\([^\)]*\))?|` +
		`[\s,]system_user\([^\)]*\)|[\s,]user\([^\)]*\))([\s,;]|$)`)
)

// A variable that may have many values is quoted, each value for itself. An own value for "All" is
// put in as it is.
type choice struct {
	values []string
	all    string
}

func (c choice) text() string {
	if c.all != "" {
		return c.all
	}
	quoted := make([]string, len(c.values))
	for i, value := range c.values {
		quoted[i] = "'" + strings.ReplaceAll(value, "'", "''") + "'"
	}
	return strings.Join(quoted, ",")
}

func putVariables(sql string, choices map[string]choice) string {
	return variable.ReplaceAllStringFunc(sql, func(name string) string {
		if c, found := choices[name[1:]]; found {
			return c.text()
		}
		return name
	})
}

// "1m", "30s", "500ms": whole units, the greatest that divides it.
func intervalText(d time.Duration) string {
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}} {
		if d%unit.size == 0 {
			return fmt.Sprintf("%d%s", d/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%dms", d/time.Millisecond)
}

func parseInterval(text string) (time.Duration, error) {
	text = strings.Trim(text, `'"`)
	if strings.HasSuffix(text, "d") {
		days, err := strconv.Atoi(strings.TrimSuffix(text, "d"))
		return time.Duration(days) * 24 * time.Hour, err
	}
	return time.ParseDuration(text)
}

func bucket(args []string, format string) (string, error) {
	if len(args) < 2 {
		return "", fmt.Errorf("a bucket needs a column and an interval")
	}
	interval, err := parseInterval(args[1])
	seconds := interval.Seconds()
	return fmt.Sprintf(format, args[0], seconds, seconds), err
}

func expandMacro(r timeRange, name string, args []string) (string, error) {
	from, to := r.from.Unix(), r.to.Unix()
	switch name {
	case "__time", "__timeEpoch":
		return fmt.Sprintf("UNIX_TIMESTAMP(%s) as time_sec", args[0]), nil
	case "__timeFilter":
		if from < 0 {
			return fmt.Sprintf("%s BETWEEN DATE_ADD(FROM_UNIXTIME(0), INTERVAL %d SECOND) AND FROM_UNIXTIME(%d)",
				args[0], from, to), nil
		}
		return fmt.Sprintf("%s BETWEEN FROM_UNIXTIME(%d) AND FROM_UNIXTIME(%d)", args[0], from, to), nil
	case "__timeFrom":
		return fmt.Sprintf("FROM_UNIXTIME(%d)", from), nil
	case "__timeTo":
		return fmt.Sprintf("FROM_UNIXTIME(%d)", to), nil
	case "__timeGroup":
		return bucket(args, "UNIX_TIMESTAMP(%s) DIV %.0f * %.0f")
	case "__unixEpochFilter":
		return fmt.Sprintf("%s >= %d AND %s <= %d", args[0], from, args[0], to), nil
	case "__unixEpochFrom":
		return fmt.Sprint(from), nil
	case "__unixEpochTo":
		return fmt.Sprint(to), nil
	case "__unixEpochNanoFilter":
		return fmt.Sprintf("%s >= %d AND %s <= %d", args[0], r.from.UnixNano(), args[0], r.to.UnixNano()), nil
	case "__unixEpochNanoFrom":
		return fmt.Sprint(r.from.UnixNano()), nil
	case "__unixEpochNanoTo":
		return fmt.Sprint(r.to.UnixNano()), nil
	case "__unixEpochGroup":
		return bucket(args, "%s DIV %v * %v")
	case "__timeGroupAlias", "__unixEpochGroupAlias":
		text, err := expandMacro(r, strings.TrimSuffix(name, "Alias"), args)
		return text + ` AS "time"`, err
	}
	return "", fmt.Errorf("unknown macro %s", name)
}

func expand(sql string, r timeRange) (string, error) {
	var failed error
	sql = strings.NewReplacer("$__interval_ms", fmt.Sprint(r.interval.Milliseconds()),
		"$__interval", intervalText(r.interval)).Replace(sql)
	if refused.MatchString(sql) {
		return "", fmt.Errorf("Grafana refuses this statement")
	}
	sql = macro.ReplaceAllStringFunc(sql, func(call string) string {
		parts := macro.FindStringSubmatch(call)
		args := strings.Split(parts[2], ",")
		for i := range args {
			args[i] = strings.Trim(args[i], " ")
		}
		text, err := expandMacro(r, parts[1], args)
		if err != nil {
			failed = err
		}
		return text
	})
	if failed == nil && strings.Contains(sql, "$") {
		failed = fmt.Errorf("something was not put in")
	}
	return sql, failed
}
