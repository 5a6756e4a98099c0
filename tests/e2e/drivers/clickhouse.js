// clickhouse.js - statements for ClickHouse in this process (chdb), one an argument; prints their rows, tab-separated.
const { query } = require("chdb");
for (const statement of process.argv.slice(2))
    process.stdout.write(query(statement, "TSV"));
