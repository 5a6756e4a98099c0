// sluice.mjs - sluice as a system of the comparison: a server of its own, asked over one connection.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";

import { directoryBytes, endWithUs, seconds, sleep } from "./machine.mjs";

export const columns = "last_seen, first_seen, exporter_addr, src_addr, dst_addr, src_port, dst_port, protocol, tcp_flags, tos, " +
    "input_if, output_if, src_as, dst_as, src_mask, dst_mask, next_hop, bytes, packets, app";

export class Sluice {
    kind = "sluice";
    name = "sluice";

    // bin: folder of the programs; directory: a new one for data, log and port; options: of sluiced, besides those that say where.
    constructor(bin, directory, options = []) {
        this.bin = bin;
        this.options = options;
        this.directory = directory;
        this.data = `${directory}/data`;
    }

    literal(address) {
        return address;
    }

    // netflow: "HOST:PORT" to collect on, or "off".
    async open(netflow = "off") {
        const portFile = `${this.directory}/port`;
        mkdirSync(this.directory, { recursive: true });
        rmSync(portFile, { force: true });
        const log = openSync(`${this.directory}/log`, "a");
        this.server = endWithUs(spawn(`${this.bin}/sluiced`, ["--data", this.data, "--listen", "127.0.0.1:0", "--netflow-listen", netflow,
            "--port-file", portFile, ...this.options], { stdio: ["ignore", log, log] }));
        while (!existsSync(portFile) || readFileSync(portFile, "utf8") === "") {
            if (this.server.exitCode !== null) throw new Error(`sluiced did not start: see ${this.directory}/log`);
            await sleep(20);
        }
        this.address = `127.0.0.1:${readFileSync(portFile, "utf8").split("\n")[0]}`;
        this.ask = spawn(`${this.bin}/ask`, [this.address], { stdio: ["pipe", "pipe", "inherit"] });
        this.lines = createInterface({ input: this.ask.stdout })[Symbol.asyncIterator]();
    }

    async close() {
        this.ask.stdin.end();
        this.server.kill();
        while (this.server.exitCode === null && this.server.signalCode === null) await sleep(10);
    }

    // Run the command line against the server; its output.
    run(...args) {
        const done = spawnSync(`${this.bin}/sluice`, ["--connect", this.address, ...args], { encoding: "utf8" });
        if (done.status !== 0) throw new Error(`sluice ${args[0]}: ${done.stderr}`);
        return done.stdout;
    }

    // Load a CSV; seconds until its rows were durable, and until nothing was due to merge.
    async load(csv) {
        const load = await seconds(() => this.run("import", csv, "--no-progress"));
        const settle = await seconds(() => this.run("flush", "--merge"));
        return { load, settled: load + settle };
    }

    // Rows of text (only for "answer"), and milliseconds.
    async #statement(word, sql) {
        const rows = [];
        this.ask.stdin.write(`${word} ${sql}\n`);
        for (;;) {
            const { value, done } = await this.lines.next();
            if (done) throw new Error("ask ended");
            if (value.startsWith("row\t")) rows.push(value.slice(4).split("\t"));
            else if (value.startsWith("ok ")) return { rows, ms: Number(value.split(" ")[1]) / 1000 };
            else throw new Error(`sluice: ${value}`);
        }
    }

    async answer(sql) {
        return (await this.#statement("answer", sql)).rows;
    }

    async time(sql) {
        return (await this.#statement("time", sql)).ms;
    }

    // Bytes of columns, indexes and everything; by column.
    async sizes() {
        const byColumn = {};
        let index = 0;
        for (const [name, data, indexed] of await this.answer("SELECT name, data_bytes, index_bytes FROM system.columns")) {
            byColumn[name] = Number(data);
            index += Number(indexed);
        }
        const sum = Object.values(byColumn).reduce((a, b) => a + b, 0);
        return [{ name: this.name, columns: sum, index, all: directoryBytes(this.data), byColumn }];
    }

    files() {
        return [this.data];
    }

    // What the words of the questions stand for, from the rows themselves: { busy, rare, absent, net, minute, minute_end, columns }.
    async places() {
        const one = async (sql) => (await this.answer(sql))[0][0];
        const text = (ms) => new Date(ms).toISOString().slice(0, 19).replace("T", " ");
        const first = Date.parse(await one("SELECT MIN(last_seen) FROM flows"));
        const last = Date.parse(await one("SELECT MAX(last_seen) FROM flows"));
        const middle = Math.floor((first + last) / 2 / 60000) * 60000;
        const minute = text(middle);
        const minute_end = text(middle + 60000);
        const busy = await one("SELECT src_addr FROM flows WHERE src_addr IN 0.0.0.0/0 GROUP BY src_addr " +
            "ORDER BY COUNT(*) DESC, src_addr LIMIT 1 OFFSET 9");
        // Rare in the whole table, whatever its size: the first host with three flows.
        const rare = await one("SELECT h FROM (SELECT host AS h FROM flows WHERE src_addr IN 0.0.0.0/0 AND dst_addr IN 0.0.0.0/0 " +
            "GROUP BY host HAVING COUNT(*) = 3) AS t ORDER BY h LIMIT 1");
        return { busy, rare, absent: "203.0.113.77", net: busy.replace(/\d+$/, "0"), minute, minute_end, columns };
    }
}
