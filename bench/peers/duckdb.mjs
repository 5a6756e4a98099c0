// duckdb.mjs - DuckDB in this process: its native file, and a Parquet file that it reads.
//
// Native: rows in time order, source and destination as 128-bit numbers (twice as fast to compare and group as text), exporter and
// next hop, of which there are few, as text (several times as fast to read as such numbers). Parquet: version 2, ZSTD, sorted by source, destination and time within the hour, addresses as text, because Parquet has no such number.
// For the sizes there is also a native file with addresses as text, sorted: its smallest form.
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { totalmem } from "node:os";
import { directoryBytes, seconds } from "./machine.mjs";

const types = "{first_seen: 'TIMESTAMP', last_seen: 'TIMESTAMP', exporter_addr: 'VARCHAR', src_addr: 'VARCHAR', dst_addr: 'VARCHAR', " +
    "src_port: 'USMALLINT', dst_port: 'USMALLINT', protocol: 'UTINYINT', tcp_flags: 'USMALLINT', tos: 'UTINYINT', input_if: 'UINTEGER', " +
    "output_if: 'UINTEGER', src_as: 'UINTEGER', dst_as: 'UINTEGER', src_mask: 'UTINYINT', dst_mask: 'UTINYINT', next_hop: 'VARCHAR', " +
    "bytes: 'UBIGINT', packets: 'UBIGINT', app: 'VARCHAR'}";
const order = "date_trunc('hour', last_seen), src_addr, dst_addr, least(src_port, dst_port), last_seen";

// Text to number: IPv4 as ::ffff:a.b.c.d.
const numberMacros = [
    "v4(a) AS split_part(a, '.', 1)::UHUGEINT * 16777216 + split_part(a, '.', 2)::UHUGEINT * 65536 + split_part(a, '.', 3)::UHUGEINT * 256 + " +
        "split_part(a, '.', 4)::UHUGEINT + 281470681743360::UHUGEINT",
    "parts(s) AS CASE WHEN s = '' THEN []::UHUGEINT[] ELSE list_transform(string_split(s, ':'), lambda x: TRY_CAST('0x' || x AS UINTEGER)::UHUGEINT) END",
    "groups(a) AS CASE WHEN contains(a, '::') THEN parts(split_part(a, '::', 1)) || list_resize([]::UHUGEINT[], 8 - len(parts(split_part(a, '::', 1))) - " +
        "len(parts(split_part(a, '::', 2))), 0::UHUGEINT) || parts(split_part(a, '::', 2)) ELSE parts(a) END",
    "addr(a) AS CASE WHEN contains(a, ':') THEN list_reduce(groups(a), lambda p, x: p * 65536 + x) ELSE v4(a) END",
    "is_v4(a) AS a BETWEEN 281470681743360::UHUGEINT AND 281474976710655::UHUGEINT",
    "net24(a) AS (a >> 8) << 8",
    "in_net24(a, net) AS a BETWEEN v4(net) AND v4(net) + 255",
];
const textMacros = [
    "is_v4(a) AS NOT contains(a, ':')",
    "net24(a) AS regexp_replace(a, '[0-9]+$', '0')",
    "in_net24(a, net) AS starts_with(a, net[1:-2]) AND NOT contains(a, ':')",
];

// "10.1.2.3", or the canonical text of an IPv6 address (RFC 5952).
function addressText(number) {
    if (number >> 32n === 0xffffn) return [24n, 16n, 8n, 0n].map((shift) => Number((number >> shift) & 255n)).join(".");
    const words = [...Array(8).keys()].map((i) => ((number >> BigInt(112 - 16 * i)) & 0xffffn).toString(16)).join(":");
    const runs = (words.match(/(?<![0-9a-f])0(?::0)+(?![0-9a-f])/g) ?? []).sort((a, b) => b.length - a.length);
    return runs.length === 0 ? words : words.replace(new RegExp(`(^|:)${runs[0]}(:|$)`), "::");
}

export class DuckDB {
    kind = "duckdb";

    // form: "native" or "parquet"; isOneForm: its native file is made from the CSV at once, and no other for the sizes
    constructor(modules, directory, form, isOneForm = false) {
        this.library = createRequire(modules)("@duckdb/node-api");
        this.directory = directory;
        this.form = form;
        this.isOneForm = isOneForm;
        this.name = form === "native" ? "DuckDB" : "DuckDB, Parquet";
        this.path = `${directory}/${form === "native" ? "flows.duckdb" : "flows.parquet"}`;
    }

    literal(address) {
        return this.form === "native" && !address.includes(":")
            ? `${281470681743360n + address.split(".").reduce((sum, part) => sum * 256n + BigInt(part), 0n)}::UHUGEINT`
            : this.form === "native" ? `addr('${address}')` : `'${address}'`;
    }

    async open() {
        mkdirSync(this.directory, { recursive: true });
        this.instance = await this.library.DuckDBInstance.create(this.form === "native" ? this.path : ":memory:");
        this.connection = await this.instance.connect();
        await this.run(`SET memory_limit = '${Math.floor(totalmem() / 3 / 2 ** 20)}MiB'`); // its default is 80 %, but others are here too
        for (const macro of this.form === "native" ? numberMacros : textMacros) await this.run(`CREATE OR REPLACE TEMP MACRO ${macro}`);
        if (this.form === "parquet" && existsSync(this.path)) await this.run(`CREATE VIEW flows AS SELECT * FROM '${this.path}'`);
        this.version = (await this.answer("SELECT version()"))[0][0];
    }

    async close() {
        this.connection.closeSync();
        this.instance.closeSync();
    }

    run(sql) {
        return this.connection.run(sql);
    }

    // Load a CSV: seconds as text addresses into a native table (the plain way), and until the form that is asked was there.
    async load(csv) {
        const textPath = `${this.directory}/text.duckdb`;
        const source = `read_csv('${csv}', header = true, columns = ${types})`;
        if (this.form === "parquet") {
            const settled = await seconds(() => this.run(`COPY (SELECT * FROM ${source} ORDER BY ${order}) TO '${this.path}' ` +
                "(FORMAT parquet, COMPRESSION zstd, PARQUET_VERSION v2)"));
            await this.run(`CREATE VIEW flows AS SELECT * FROM '${this.path}'`);
            return { load: settled, settled };
        }
        const numbers = "SELECT * REPLACE (addr(src_addr) AS src_addr, addr(dst_addr) AS dst_addr)";
        if (this.isOneForm) {
            const settled = await seconds(() => this.run(`CREATE TABLE flows AS ${numbers} FROM ${source} ORDER BY last_seen`));
            await this.run("CHECKPOINT");
            return { load: settled, settled };
        }
        await this.run(`ATTACH '${textPath}' AS t`);
        const load = await seconds(async () => {
            await this.run(`CREATE TABLE t.plain AS SELECT * FROM ${source}`);
            await this.run("CHECKPOINT t");
        });
        const convert = await seconds(() => this.run(`CREATE TABLE flows AS ${numbers} FROM t.plain ORDER BY last_seen`));
        await this.run("CHECKPOINT");
        await this.run(`ATTACH '${this.directory}/sorted.duckdb' AS s`);
        await this.run(`CREATE TABLE s.flows AS SELECT * FROM t.plain ORDER BY ${order}`);
        await this.run("CHECKPOINT s");
        await this.run("DETACH t");
        await this.run("DETACH s");
        return { load, settled: load + convert };
    }

    async answer(sql) {
        const reader = await this.connection.runAndReadAll(sql);
        // The only 128-bit unsigned numbers of the questions are addresses.
        const isAddress = reader.columnTypes().map((type) => String(type) === "UHUGEINT");
        return reader.getRows().map((row) => row.map((value, i) => (isAddress[i] && value !== null ? addressText(value) : value === null ? "\\N" : String(value))));
    }

    // As chunks of its own vectors: no value is made for a client that wants none.
    async time(sql) {
        const started = performance.now();
        const result = await this.connection.run(sql);
        await result.fetchAllChunks();
        return performance.now() - started;
    }

    async sizes() {
        if (this.form === "parquet") {
            const rows = await this.answer(`SELECT path_in_schema, SUM(total_compressed_size) FROM parquet_metadata('${this.path}') GROUP BY path_in_schema`);
            const byColumn = Object.fromEntries(rows.map(([name, bytes]) => [name, Number(bytes)]));
            const columns = Object.values(byColumn).reduce((a, b) => a + b, 0);
            const all = directoryBytes(this.path);
            return [{ name: this.name, columns, index: all - columns, all, byColumn }];
        }
        const native = { name: "DuckDB, addresses as numbers, by time", all: directoryBytes(this.path) };
        return this.isOneForm ? [native] : [
            native,
            { name: "DuckDB, addresses as text, by time", all: directoryBytes(`${this.directory}/text.duckdb`) },
            { name: "DuckDB, addresses as text, sorted", all: directoryBytes(`${this.directory}/sorted.duckdb`) },
        ];
    }

    files() {
        return [this.path];
    }
}
