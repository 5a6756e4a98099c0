// main.mjs - sluice beside ClickHouse, DuckDB and nfdump on the same flows (make bench-peers, see peers.sh).
//
//   node main.mjs --bin DIR --modules DIR --work NEW_DIR --out FILE --flows N --seed N --rate N --rounds N
import { execFileSync } from "node:child_process";
import { mkdirSync, statSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { askCold, askWarm, choosePlaces } from "./ask_all.mjs";
import { ClickHouse, ClickHouseTable } from "./clickhouse.mjs";
import { DuckDB } from "./duckdb.mjs";
import { describeMachine } from "./machine.mjs";
import { readQuestions } from "./questions.mjs";
import { number, questionSummary, questionTable, sizeTables, table } from "./report.mjs";
import { columns, Sluice } from "./sluice.mjs";

const names = ["bin", "modules", "work", "out", "flows", "seed", "rate", "rounds"];
const { values: options } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: "string" }])) });
const flows = Number(options.flows);
const rounds = Number(options.rounds);
const say = (text) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
const goal = 5;

async function loadAll(owners, csv) {
    const rows = [];
    for (const owner of owners) {
        say(`load: ${owner.name ?? "ClickHouse"}`);
        const times = await owner.load(csv);
        for (const [name, t] of Object.entries("load" in times ? { [owner.name]: times } : times))
            rows.push([name, number(flows / t.load / 1e6), number(t.load), number(t.settled)]);
    }
    return table(["system", "million rows/s", "s", "s until settled"], rows);
}

async function main() {
    const csv = `${options.work}/flows.csv`;
    const modules = `${options.modules}/package.json`;
    mkdirSync(options.work, { recursive: true });
    say(`generate ${flows} flows`);
    execFileSync("sh", ["-c", `"$0" --flows ${flows} --seed ${Number(options.seed)} --rate ${Number(options.rate)} --format csv >"$1"`, `${options.bin}/flowgen`, csv]);

    const sluice = new Sluice(options.bin, `${options.work}/sluice`);
    const clickhouse = new ClickHouse(modules, `${options.work}/clickhouse`);
    const duckdb = new DuckDB(modules, `${options.work}/duckdb`, "native");
    const parquet = new DuckDB(modules, `${options.work}/duckdb`, "parquet");
    const byTime = new ClickHouseTable(clickhouse, "by_time");
    const byHost = new ClickHouseTable(clickhouse, "by_host");
    const all = [sluice, clickhouse, duckdb, parquet];
    const systems = [sluice, byTime, byHost, duckdb, parquet];
    for (const owner of all) await owner.open();

    const loads = await loadAll(all, csv);
    const sizes = [];
    for (const owner of all) sizes.push(...await owner.sizes());
    const questions = readQuestions(new URL("questions.txt", import.meta.url));
    const places = await choosePlaces(duckdb);
    const show = (result) => say(`${result.name}: ${result.wrong.join("; ") || JSON.stringify(result.times)}`);
    const warm = await askWarm(questions, systems, places, columns, rounds, show);
    const owners = [
        { owner: sluice, systems: [sluice] },
        { owner: clickhouse, systems: [byTime, byHost] },
        { owner: duckdb, systems: [duckdb] },
        { owner: parquet, systems: [parquet] },
    ];
    const cold = await askCold(questions, owners, places, columns, Math.min(rounds, 3), show);
    const versions = [["ClickHouse (chdb)", clickhouse.version], ["DuckDB", duckdb.version]];
    for (const owner of all) await owner.close();

    const systemNames = systems.map((system) => system.name);
    writeFileSync(options.out, `# Beside its peers

What \`make bench-peers\` printed (peers/README.md says how). ${flows} **synthetic** flows (flowgen, seed ${options.seed}, ${options.rate} a second), the same in every system.

${table(["", ""], [...describeMachine(), ...versions])}

## Questions, warm

Medians of ${rounds} runs, in turn; every answer was the same in all systems before a time counted.

${questionSummary(warm, sluice.name, goal)}

${questionTable(warm, systemNames)}

## Questions, cold

After a restart, with the files dropped from the page cache.

${questionSummary(cold, sluice.name, 1)}

${questionTable(cold, systemNames)}

## Bytes a flow

${sizeTables(sizes, flows)}

## Loading the same CSV (${number(statSync(csv).size / flows, 0)} bytes a row)

${loads}
`);
    process.exit(warm.some((result) => result.wrong.length !== 0) ? 1 : 0);
}

await main();
