package main

// Numbers of panels against what Go counts from the flows themselves.

import (
	"fmt"
	"math"
	"sort"
	"strconv"
)

// Rows of panels for all values of the variables, by "dashboard, panel title".
var shown = map[string][][]string{}

func number(text string) float64 {
	value, err := strconv.ParseFloat(text, 64)
	must(err)
	return value
}

func isNear(a, b float64) bool {
	return math.Abs(a-b) <= 1e-6*math.Max(math.Abs(a), math.Abs(b))
}

// The value below which 95 of 100 lie, between two neighbours where it falls there.
func percentile95(values []float64) float64 {
	sort.Float64s(values)
	rank := 0.95 * float64(len(values)-1)
	low := int(rank)
	if low+1 == len(values) {
		return values[low]
	}
	return values[low] + (rank-float64(low))*(values[low+1]-values[low])
}

// Bits a second of each five minutes with traffic, by "exporter interface direction".
func ratesOfInterfaces(r timeRange) map[string][]float64 {
	rows, err := db.Query("SELECT IFNULL(exporter_addr, '(none)'), input_if, output_if, UNIX_TIMESTAMP(last_seen), bytes FROM flows "+
		"WHERE last_seen BETWEEN FROM_UNIXTIME(?) AND FROM_UNIXTIME(?)", r.from.Unix(), r.to.Unix())
	must(err)
	defer rows.Close()
	bits := map[string]map[int64]float64{}
	for rows.Next() {
		var exporter, input, output string
		var seconds, bytes float64
		must(rows.Scan(&exporter, &input, &output, &seconds, &bytes))
		for _, key := range []string{exporter + " " + input + " in", exporter + " " + output + " out"} {
			if bits[key] == nil {
				bits[key] = map[int64]float64{}
			}
			bits[key][int64(seconds)/300] += bytes * 8
		}
	}
	must(rows.Err())
	rates := map[string][]float64{}
	for key, buckets := range bits {
		for _, sum := range buckets {
			rates[key] = append(rates[key], sum/300)
		}
	}
	return rates
}

func checkPercentiles(r timeRange) error {
	rates := ratesOfInterfaces(r)
	rows := shown["Interfaces, panel 95th percentile of interfaces"]
	if len(rows) == 0 || len(rows) != len(rates) && len(rows) < 200 {
		return fmt.Errorf("%d interfaces, not %d", len(rows), len(rates))
	}
	for _, row := range rows {
		values := rates[row[0]+" "+row[1]+" "+row[2]]
		if len(values) == 0 || !isNear(number(row[3]), percentile95(values)) {
			return fmt.Errorf("%v, of %v", row, values)
		}
	}
	return nil
}

// The buckets of the series hold what the total counts.
func checkTotal(r timeRange) error {
	total := shown["Overview, panel Bytes"]
	sum := 0.0
	for _, row := range shown["Overview, panel Traffic by protocol"] {
		sum += number(row[2]) * r.interval.Seconds() / 8
	}
	if len(total) != 1 || !isNear(sum, number(total[0][0])) {
		return fmt.Errorf("%v bytes, the series have %v", total, sum)
	}
	return nil
}

func checkValues(r timeRange) {
	for what, err := range map[string]error{"95th percentile": checkPercentiles(r), "total": checkTotal(r)} {
		if err != nil {
			fail("values of "+what, "", err)
		} else {
			fmt.Println("ok: values of", what)
		}
	}
}
