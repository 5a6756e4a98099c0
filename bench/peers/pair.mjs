// pair.mjs - two builds of sluice on the same data, in turn: what a change costs or gains.
//
//   node pair.mjs --a BIN_DIR --b BIN_DIR --data DATA_DIR [--data-b DATA_DIR] [--work NEW_DIR] [--questions REGEX] [--rounds N]
//
// DATA_DIR is copied for each build and not touched; --data-b is that of the second build, where formats differ. For each question of questions.txt whose name matches, the answers are
// compared, then the server's CPU time and the time of the answer are printed: medians, and b / a.
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { parseArgs } from "node:util";

import { median } from "./machine.mjs";
import { difference, readQuestions, textOf } from "./questions.mjs";
import { Sluice } from "./sluice.mjs";

const { values: options } = parseArgs({ options: {
    a: { type: "string" }, b: { type: "string" }, data: { type: "string" }, "data-b": { type: "string" }, work: { type: "string" },
    questions: { type: "string", default: "." }, rounds: { type: "string", default: "9" },
} });
for (const name of ["a", "b", "data"]) if (options[name] === undefined) throw new Error(`--${name} is missing`);

// CPU milliseconds of a process: what the scheduler counted for its threads.
function cpuMs(pid) {
    return readdirSync(`/proc/${pid}/task`).reduce((sum, thread) =>
        sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]) / 1e6, 0);
}

async function ask(question, builds, places) {
    const sql = textOf(question, "sluice", places);
    const results = builds.map(() => ({ cpu: [], ms: [] }));
    const answers = [];
    for (const build of builds) answers.push(await build.answer(sql));
    const what = difference(question, answers[0], answers[1]);
    for (let round = 0; round < Number(options.rounds); round++) {
        for (const [i, build] of builds.entries()) {
            const before = cpuMs(build.server.pid);
            results[i].ms.push(await build.time(sql));
            results[i].cpu.push(cpuMs(build.server.pid) - before);
        }
    }
    const [a, b] = results.map(({ cpu, ms }) => ({ cpu: median(cpu), ms: median(ms) }));
    const pair = (x, y) => `${x.toFixed(2).padStart(9)} ${y.toFixed(2).padStart(9)} ${(y / x).toFixed(2).padStart(6)}`;
    console.log(`${question.name.slice(0, 44).padEnd(44)} | CPU ms ${pair(a.cpu, b.cpu)} | ms ${pair(a.ms, b.ms)}${what === null ? "" : ` | answers differ: ${what}`}`);
}

const work = options.work ?? mkdtempSync(`${tmpdir()}/sluice-pair-`);
const builds = [options.a, options.b].map((bin, i) => new Sluice(bin, `${work}/${i}`));
try {
    for (const [i, build] of builds.entries()) {
        cpSync(i === 1 ? options["data-b"] ?? options.data : options.data, build.data, { recursive: true });
        await build.open();
    }
    const places = await builds[0].places();
    for (const question of readQuestions(new URL("questions.txt", import.meta.url))) {
        if (!new RegExp(options.questions).test(question.name)) continue;
        await ask(question, builds, places).catch((error) => console.log(`${question.name}: ${error.message}`));
    }
} finally {
    for (const build of builds) if (build.server !== undefined) await build.close();
    rmSync(work, { recursive: true, force: true });
}
