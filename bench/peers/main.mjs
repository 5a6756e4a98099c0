// main.mjs - sluice beside ClickHouse, DuckDB and nfdump on the same flows (make bench-peers, see peers.sh).
//
//   node main.mjs --bin DIR --modules DIR --work DIR --out FILE --shared DIR --flows N --seed N --rate N --rounds N --seconds N
//                 [--without "nfdump forms real collectors"] [--server "OPTIONS OF sluiced"] [--questions REGEX]
//
// What an earlier run has loaded below --work is not loaded again.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { askCold, askWarm, choosePlaces } from "./ask_all.mjs";
import { ClickHouse, ClickHouseTable } from "./clickhouse.mjs";
import { measureCpu, measureLoss } from "./collect.mjs";
import { DuckDB } from "./duckdb.mjs";
import { describeMachine } from "./machine.mjs";
import { Nfdump } from "./nfdump.mjs";
import { readQuestions } from "./questions.mjs";
import { writeRealFlows } from "./real.mjs";
import { collectTables, loadTable, questionSummary, questionTable, sizeTables, table } from "./report.mjs";
import { columns, Sluice } from "./sluice.mjs";

const names = ["bin", "modules", "work", "out", "shared", "flows", "seed", "rate", "rounds", "seconds"];
const { values: options } = parseArgs({ options: Object.fromEntries([...names, "without", "server", "questions"].map((name) => [name, { type: "string" }])) });
const without = (options.without ?? "").split(" ");
const serverOptions = (options.server ?? "").split(" ").filter((word) => word !== "");
for (const name of names) if (options[name] === undefined) throw new Error(`--${name} is missing`);
const [flows, seed, rate, rounds, length] = ["flows", "seed", "rate", "rounds", "seconds"].map((name) => Number(options[name]));
const goal = 5;
const asked = options.questions || ".";

const say = (text) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);
const milliseconds = (times) => Object.entries(times).map(([name, ms]) => `${name} ${ms === null ? "-" : ms.toFixed(2)}`).join(", ");
const show = (result) => say(`${result.name}: ${[milliseconds(result.times), ...result.wrong, ...Object.values(result.failed)].join("; ")}`);

// New systems over a new directory, open.
async function openAll(directory) {
    const modules = `${options.modules}/package.json`;
    const all = {
        sluice: new Sluice(options.bin, `${directory}/sluice`, serverOptions),
        clickhouse: new ClickHouse(modules, `${directory}/clickhouse`),
        duckdb: new DuckDB(modules, `${directory}/duckdb`, "native", without.includes("forms")),
        parquet: new DuckDB(modules, `${directory}/duckdb`, "parquet"),
    };
    for (const system of Object.values(all)) await system.open();
    return all;
}

// Seconds and sizes of a system's load: of an earlier run's, when `directory` says that it was done.
async function loadOnce(system, directory, load) {
    const note = `${directory}/${system.name}.loaded.json`;
    if (existsSync(note)) return JSON.parse(readFileSync(note, "utf8"));
    say(`load: ${system.name}`);
    const done = { times: await load(), sizes: await system.sizes() };
    writeFileSync(note, JSON.stringify(done));
    return done;
}

// Load a CSV everywhere: seconds by system, and sizes.
async function loadAll(all, directory, csv) {
    const loads = {};
    const sizes = [];
    for (const system of Object.values(all)) {
        const { times, sizes: own } = await loadOnce(system, directory, () => system.load(csv));
        if ("load" in times) loads[system.name] = times;
        else for (const [name, t] of Object.entries(times)) loads[`${system.name} ${name}`] = t;
        sizes.push(...own);
    }
    return { loads, sizes };
}

async function generated() {
    const csv = `${options.work}/flows.csv`;
    if (!existsSync(csv)) {
        say(`generate ${flows} flows`);
        execFileSync("sh", ["-c", `"$0" --flows ${flows} --seed ${seed} --rate ${rate} --format csv >"$1.part" && mv "$1.part" "$1"`,
            `${options.bin}/flowgen`, csv]);
    }
    const directory = `${options.work}/generated`;
    const all = await openAll(directory);
    const { loads, sizes } = await loadAll(all, directory, csv);
    const tables = ["by_time", "by_host"].map((name) => new ClickHouseTable(all.clickhouse, name));
    const systems = [all.sluice, ...tables, all.duckdb, all.parquet];
    const versions = [["ClickHouse (chdb)", all.clickhouse.version], ["DuckDB", all.duckdb.version]];
    if (!without.includes("nfdump")) {
        const nfdump = new Nfdump(options.bin, `${directory}/nfdump`);
        await nfdump.open();
        sizes.push(...(await loadOnce(nfdump, directory, () => nfdump.load(flows, seed, rate))).sizes);
        systems.push(nfdump);
        versions.push(["nfdump", nfdump.version]);
    }

    const questions = readQuestions(new URL("questions.txt", import.meta.url)).filter((q) => new RegExp(asked).test(q.name));
    const places = await choosePlaces(all.duckdb);
    const warm = await askWarm(questions, systems, places, columns, rounds, show);
    say("cold");
    const owners = [
        { owner: all.sluice, systems: [all.sluice] },
        { owner: all.clickhouse, systems: tables },
        { owner: all.duckdb, systems: [all.duckdb] },
        ...systems.slice(4).map((system) => ({ owner: system, systems: [system] })),
    ];
    const cold = await askCold(questions, owners, places, columns, Math.min(rounds, 3), show);
    for (const system of Object.values(all)) await system.close();
    return { loads, sizes, warm, cold, versions, systemNames: systems.map((s) => s.name), csvBytes: statSync(csv).size };
}

async function real() {
    if (without.includes("real")) return "left out";
    const csv = `${options.work}/real.csv`;
    const count = writeRealFlows(`${options.shared}/data/flows/rita-cloudhost-zeek-conn-2024-04-19_20.csv.zst`, csv);
    if (count === 0) return "skipped: the file is not here";
    say(`${count} real flows`);
    const all = await openAll(`${options.work}/real`);
    const { sizes } = await loadAll(all, `${options.work}/real`, csv);
    for (const system of Object.values(all)) await system.close();
    return `${count} flows.\n\n${sizeTables(sizes, count)}`;
}

async function collected() {
    if (without.includes("collectors")) return "left out";
    say("collectors");
    const cpu = await measureCpu(options.bin, options.work, Math.min(flows, 3000000), Math.min(rounds, 3));
    const loss = await measureLoss(options.bin, options.work, 1000000, length);
    return collectTables(cpu, loss, length);
}

async function main() {
    mkdirSync(options.work, { recursive: true });
    const machine = describeMachine();
    const { loads, sizes, warm, cold, versions, systemNames, csvBytes } = await generated();
    const realSizes = await real();
    const collectors = await collected();
    const own = systemNames[0];
    writeFileSync(options.out, `# Beside its peers

What \`make bench-peers\` printed; how is in peers/README.md. ${flows} **synthetic** flows (flowgen, seed ${seed}, ${rate} a second), the
same in every system, where a heading does not say otherwise. sluiced ran with ${serverOptions.length === 0 ? "its defaults" : serverOptions.join(" ")}.${asked === "." ? "" : ` Only questions whose name matches \`${asked}\` were asked.`}

${table(["", ""], [...machine, ...versions])}

## Questions, warm

Medians of ${rounds} runs, in turn. Every answer was the same in all systems before a time counted.

${questionSummary(warm, own, goal)}

${questionTable(warm, systemNames)}

## Questions, cold

After a restart, with the files dropped from the page cache.

${questionSummary(cold, own, 1)}

${questionTable(cold, systemNames)}

## Bytes a flow

${sizeTables(sizes, flows)}

## Bytes a flow, real flows (rita-cloudhost-zeek-conn-2024-04-19_20)

${realSizes}

## Loading the same CSV (${Math.round(csvBytes / flows)} bytes a row)

${loadTable(loads, flows, own)}

## Collecting NetFlow over loopback UDP

${collectors}
`);
    process.exit(warm.some((result) => result.wrong.length !== 0 || Object.keys(result.failed).length !== 0) ? 1 : 0);
}

await main();
