// machine.mjs - what the comparison asks of the machine: time, bytes on disk, an empty page cache.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// End a process that we started with us, whatever ends us.
const ours = new Set();
process.on("exit", () => ours.forEach((child) => child.kill("SIGKILL")));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
export function endWithUs(child) {
    ours.add(child);
    child.on("exit", () => ours.delete(child));
    return child;
}

// Seconds that an action takes.
export async function seconds(action) {
    const started = performance.now();
    await action();
    return (performance.now() - started) / 1000;
}

export function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted.length % 2 ? sorted[(sorted.length - 1) / 2] : (sorted[sorted.length / 2 - 1] + sorted[sorted.length / 2]) / 2;
}

// What a file or a folder occupies (a sparse file counts by its blocks).
export function directoryBytes(path) {
    return Number(execFileSync("du", ["-s", "-B1", path], { encoding: "utf8" }).split("\t")[0]);
}

// Ask the kernel to forget the pages of every file below these paths; needs no privilege, and pages that are on disk (sync).
export function forgetPages(paths) {
    execFileSync("find", [...paths, "-type", "f", "-exec", "dd", "if={}", "of=/dev/null", "iflag=nocache", "count=0", "status=none", ";"]);
}

// CPU seconds, user and system, that a process has used.
export function cpuSeconds(pid) {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\) /, "").split(" ");
    return (Number(fields[11]) + Number(fields[12])) / 100;
}

// Lines of a table: what ran where.
export function describeMachine() {
    const say = (command, ...args) => execFileSync(command, args, { encoding: "utf8" }).trim();
    const changed = say("git", "status", "--porcelain", "-uno") === "" ? "" : " with changes";
    return [
        ["date", new Date().toISOString().slice(0, 10)],
        ["commit", say("git", "rev-parse", "--short", "HEAD") + changed],
        ["processor", `${cpus()[0].model}, ${cpus().length} cores`],
        ["memory", `${Math.round(totalmem() / 2 ** 30)} GiB`],
        ["kernel", `Linux ${release()}`],
        ["compiler", say("cc", "--version").split("\n")[0]],
        ["load before", loadavg()[0].toFixed(1)],
    ];
}
