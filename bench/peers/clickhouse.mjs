// clickhouse.mjs - ClickHouse in this process (chdb), with MergeTree tables as its experts tune them.
//
// Two tables of the same rows, each with the codec that measured smallest for every column under its order (1 M flows,
// ZSTD(3) alone, behind T64, Delta and DoubleDelta): by_time is ordered as flows arrive, by_host in the smallest of the
// nine orders that were tried (source, destination, service port, time within the hour). Addresses are IPv6, duration is
// kept instead of a second time, names are LowCardinality; by_time has a bloom filter of both addresses, by_host a
// min-max index of time and a bloom filter of the destination.
import { createRequire } from "node:module";
import { directoryBytes, seconds } from "./machine.mjs";

const fileColumns = "first_seen DateTime64(3, \\'UTC\\'), last_seen DateTime64(3, \\'UTC\\'), exporter_addr IPv6, src_addr IPv6, dst_addr IPv6, " +
    "src_port UInt16, dst_port UInt16, protocol UInt8, tcp_flags UInt16, tos UInt8, input_if UInt32, output_if UInt32, src_as UInt32, " +
    "dst_as UInt32, src_mask UInt8, dst_mask UInt8, next_hop IPv6, in_bytes UInt64, in_packets UInt64, app LowCardinality(String)";

// Name, type, codec before ZSTD(3) by time, by host.
const tableColumns = [
    ["last_seen", "DateTime64(3, 'UTC')", "DoubleDelta", "T64"],
    ["duration_ms", "UInt32", "T64", "T64"],
    ["exporter_addr", "IPv6", "", ""],
    ["src_addr", "IPv6", "", ""],
    ["dst_addr", "IPv6", "", ""],
    ["src_port", "UInt16", "", ""],
    ["dst_port", "UInt16", "", ""],
    ["protocol", "UInt8", "", ""],
    ["tcp_flags", "UInt16", "", ""],
    ["tos", "UInt8", "", ""],
    ["input_if", "UInt32", "T64", "DoubleDelta"],
    ["output_if", "UInt32", "T64", "T64"],
    ["src_as", "UInt32", "T64", ""],
    ["dst_as", "UInt32", "T64", "T64"],
    ["src_mask", "UInt8", "", ""],
    ["dst_mask", "UInt8", "", ""],
    ["next_hop", "IPv6", "", ""],
    ["bytes", "UInt64", "T64", "T64"],
    ["packets", "UInt64", "T64", "T64"],
    ["app", "LowCardinality(String)", "", ""],
];

const tables = {
    by_time: {
        order: "last_seen",
        index: "INDEX hosts (src_addr, dst_addr) TYPE bloom_filter(0.001) GRANULARITY 1",
    },
    by_host: {
        order: "toStartOfHour(last_seen), src_addr, dst_addr, least(src_port, dst_port), last_seen",
        index: "INDEX times last_seen TYPE minmax GRANULARITY 1, INDEX hosts (src_addr, dst_addr) TYPE bloom_filter(0.001) GRANULARITY 1",
    },
};

// Both tables are of one session: the library has one for each process.
export class ClickHouse {
    kind = "clickhouse";
    name = "ClickHouse";

    constructor(modules, directory) {
        this.chdb = createRequire(modules)("chdb");
        this.directory = directory;
    }

    open() {
        this.session = new this.chdb.Session(this.directory);
        this.version = this.run("SELECT version()").trim();
    }

    close() {
        this.session.close();
    }

    run(sql) {
        return this.session.query(sql, "TSV");
    }

    // Load a CSV into both tables; seconds of the first, and until it was merged to one part.
    async load(csv) {
        const times = {};
        for (const [name, table] of Object.entries(tables)) {
            const place = name === "by_time" ? 2 : 3;
            const list = tableColumns.map((c) => `${c[0]} ${c[1]} CODEC(${c[place] === "" ? "" : c[place] + ", "}ZSTD(3))`);
            this.run(`CREATE DATABASE ${name}`);
            this.run(`CREATE TABLE ${name}.flows (${list.join(", ")}, first_seen DateTime64(3, 'UTC') ALIAS last_seen - toIntervalMillisecond(duration_ms), ` +
                `${table.index}) ENGINE = MergeTree ORDER BY (${table.order}) SETTINGS min_bytes_for_wide_part = 0`);
            const insert = `INSERT INTO ${name}.flows SELECT last_seen, dateDiff('millisecond', first_seen, last_seen), exporter_addr, src_addr, dst_addr, ` +
                "src_port, dst_port, protocol, tcp_flags, tos, input_if, output_if, src_as, dst_as, src_mask, dst_mask, next_hop, in_bytes, in_packets, app " +
                `FROM file('${csv}', CSVWithNames, '${fileColumns}') SETTINGS date_time_input_format = 'best_effort'`;
            const load = await seconds(() => this.run(insert));
            const merge = await seconds(() => this.run(`OPTIMIZE TABLE ${name}.flows FINAL`));
            times[name] = { load, settled: load + merge };
        }
        return times;
    }

    sizes() {
        return Object.keys(tables).map((name) => {
            const where = `database = '${name}' AND table = 'flows'`;
            const byColumn = Object.fromEntries(this.run(`SELECT name, data_compressed_bytes FROM system.columns WHERE ${where}`).trim().split("\n")
                .map((line) => line.split("\t")).map(([column, bytes]) => [column, Number(bytes)]));
            const columns = Object.values(byColumn).reduce((a, b) => a + b, 0);
            const all = Number(this.run(`SELECT sum(bytes_on_disk) FROM system.parts WHERE ${where} AND active`));
            return { name: `ClickHouse ${name}`, columns, index: all - columns, all, byColumn };
        });
    }

    files() {
        return [this.directory];
    }
}

// One table of it, as a system that is asked.
export class ClickHouseTable {
    kind = "clickhouse";

    constructor(clickhouse, table) {
        this.clickhouse = clickhouse;
        this.table = table;
        this.name = `ClickHouse ${table}`;
    }

    literal(address) {
        return `toIPv6('${address}')`;
    }

    // The query condition cache remembers which granules a filter kept: it would time the repetition, not the question.
    #text(sql) {
        return `${sql.replaceAll("FROM flows", `FROM ${this.table}.flows`)} SETTINGS use_query_condition_cache = 0`;
    }

    answer(sql) {
        const text = this.clickhouse.run(this.#text(sql));
        return text === "" ? [] : text.replace(/\n$/, "").split("\n").map((line) => line.split("\t"));
    }

    // As bytes of its native format: no text is made for a client that wants none.
    async time(sql) {
        const started = performance.now();
        const result = await this.clickhouse.session.queryAsync(this.#text(sql), { format: "Native" });
        result.bytes();
        return performance.now() - started;
    }
}
