// main.go PORT USER PASSWORD - go-sql-driver/mysql, with the parameters that Grafana sets.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"os"
	"time"

	_ "github.com/go-sql-driver/mysql"
)

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	port, user, password := os.Args[1], os.Args[2], os.Args[3]
	db, err := sql.Open("mysql", fmt.Sprintf(
		"%s:%s@tcp(127.0.0.1:%s)/flows?collation=utf8mb4_unicode_ci&parseTime=true&loc=UTC&allowNativePasswords=true",
		user, password, port))
	must(err)
	must(db.Ping())
	fmt.Println("connected")

	rows, err := db.Query("SELECT * FROM flows LIMIT 0")
	must(err)
	names, err := rows.Columns()
	must(err)
	for _, name := range names {
		if name == "src_addr" {
			fmt.Println("list src_addr")
		}
	}
	must(rows.Close())

	var count int64
	var first string
	must(db.QueryRow("SELECT COUNT(*) FROM flows").Scan(&count))
	must(db.QueryRow("SELECT src_addr FROM flows ORDER BY src_addr LIMIT 1").Scan(&first))
	fmt.Println("query", count, first)

	var number, seconds int64
	var text string
	var null sql.NullString
	moment := time.Date(2026, 11, 18, 11, 6, 40, 0, time.UTC)
	must(db.QueryRow("SELECT ? + 2, ?, ?, UNIX_TIMESTAMP(?)", int64(40), "a'b", nil, moment).
		Scan(&number, &text, &null, &seconds))
	if null.Valid {
		log.Fatal("not NULL")
	}
	fmt.Println("prepare", number, text, "null", seconds)

	insert, err := db.Prepare("INSERT INTO flows (src_addr, dst_port, in_bytes, last_seen, app) VALUES (?, ?, ?, ?, ?)")
	must(err)
	for i := 1; i <= 3; i++ {
		_, err = insert.Exec(fmt.Sprintf("10.9.8.%d", i), 443, int64(1000*i), moment, "inserted")
		must(err)
	}
	must(insert.Close())
	must(db.QueryRow("SELECT COUNT(*), SUM(in_bytes) FROM flows WHERE app = ?", "inserted").Scan(&count, &number))
	fmt.Println("insert", count, number)
	_, err = db.Exec("DELETE FROM flows WHERE app = 'inserted'")
	must(err)

	// This driver cancels by closing the socket.
	ctx, cancel := context.WithCancel(context.Background())
	rows, err = db.QueryContext(ctx, "SELECT LPAD(in_bytes, 2000, 'x') FROM flows")
	must(err)
	rows.Next()
	cancel()
	for rows.Next() {
	}
	if rows.Err() == context.Canceled {
		fmt.Println("cancel")
	} else {
		fmt.Println("cancel:", rows.Err())
	}
	_ = rows.Close()
	must(db.QueryRow("SELECT 1").Scan(&count))
	fmt.Println("again", count)
}
