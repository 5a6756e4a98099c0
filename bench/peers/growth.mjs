// growth.mjs - sluice alone at two sizes: what ten times the flows cost each question (make bench-growth, see growth.sh).
//
//   node growth.mjs --bin DIR --work NEW_DIR --out FILE --small N --large N --seed N --rate N --rounds N
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { cpuSeconds, describeMachine, directoryBytes, median, seconds } from "./machine.mjs";
import { readQuestions, textOf } from "./questions.mjs";
import { table } from "./report.mjs";
import { Sluice } from "./sluice.mjs";

const names = ["bin", "work", "out", "small", "large", "seed", "rate", "rounds"];
const { values: options } = parseArgs({ options: Object.fromEntries(names.map((name) => [name, { type: "string" }])) });
for (const name of names) if (options[name] === undefined) throw new Error(`--${name} is missing`);
const [small, large, rounds] = ["small", "large", "rounds"].map((name) => Number(options[name]));

const say = (text) => process.stderr.write(`${new Date().toISOString().slice(11, 19)} ${text}\n`);

const peakMiB = (pid) => Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1024);

// Load `count` flows and ask everything: { rate, bytes, loadMiB, askMiB, times: { question: { ms, cpu } or text of the error } }.
async function measure(count) {
    const directory = `${options.work}/${count}`;
    const sluice = new Sluice(options.bin, directory, ["--memory-limit", "2GiB"]);
    await sluice.open();
    say(`load ${count} flows`);
    const pipe = `"$0/flowgen" --flows ${count} --seed ${options.seed} --rate ${options.rate} --format csv |
        "$0/sluice" --connect ${sluice.address} import - --type csv --no-progress`;
    const load = await seconds(() => execFileSync("sh", ["-c", pipe, options.bin], { stdio: ["ignore", "ignore", "inherit"] }));
    const merge = await seconds(() => sluice.run("flush", "--merge"));
    const result = { load, merge, bytes: directoryBytes(sluice.data), loadMiB: peakMiB(sluice.server.pid), times: {} };
    const places = await sluice.places();
    for (const question of readQuestions(new URL("questions.txt", import.meta.url))) {
        const sql = textOf(question, "sluice", places);
        try {
            await sluice.time(sql);
            const ms = [];
            const before = cpuSeconds(sluice.server.pid);
            for (let round = 0; round < rounds; round++) ms.push(await sluice.time(sql));
            result.times[question.name] = { ms: median(ms), cpu: (cpuSeconds(sluice.server.pid) - before) * 1000 / rounds };
        } catch (error) {
            result.times[question.name] = { error: String(error.message).slice(0, 120) };
        }
        say(`${question.name}: ${result.times[question.name].ms?.toFixed(2) ?? result.times[question.name].error}`);
    }
    result.askMiB = peakMiB(sluice.server.pid);
    await sluice.close();
    rmSync(directory, { recursive: true });
    return result;
}

async function main() {
    mkdirSync(options.work, { recursive: true });
    const machine = describeMachine();
    const results = [await measure(small), await measure(large)];
    const [a, b] = results;
    const cell = (time) => time.ms?.toFixed(2) ?? time.error;
    const growth = (name) => (a.times[name].ms && b.times[name].ms ? (b.times[name].ms / a.times[name].ms).toFixed(2) : "");
    writeFileSync(options.out, `# From ${small} to ${large} flows

What \`make bench-growth\` printed: sluice alone, **synthetic** flows (flowgen, seed ${options.seed}, ${options.rate} a second),
\`memory-limit\` 2 GiB, merged, warm, medians of ${rounds} runs inside one connection. The questions are those of peers/questions.txt; ${large / small} is linear.

${table(["", ""], machine)}

${table(["", ...[small, large].map((n) => `${n} flows`)], [
        ["loaded through one import, million rows/s", ...results.map((r, i) => ([small, large][i] / r.load / 1e6).toFixed(2))],
        ["s until nothing was due to merge", ...results.map((r) => r.merge.toFixed(1))],
        ["bytes a flow, the whole directory", ...results.map((r, i) => (r.bytes / [small, large][i]).toFixed(2))],
        ["peak resident memory of sluiced after the load, MiB", ...results.map((r) => r.loadMiB)],
        ["and after all questions, MiB", ...results.map((r) => r.askMiB)],
    ])}

${table(["question", `${small}, ms`, `${large}, ms`, "growth", `CPU ms, ${large}`], Object.keys(a.times).map((name) =>
        [name, cell(a.times[name]), cell(b.times[name]), growth(name), b.times[name].cpu?.toFixed(0) ?? ""]))}
`);
}

await main();
