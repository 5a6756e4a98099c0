// nfdump.mjs - nfdump as a system of the comparison: files of nfcapd, and a new nfdump for each question, as it is used.
import { execFile, spawn } from "node:child_process";
import { mkdirSync, openSync } from "node:fs";
import { createServer } from "node:net";
import { promisify } from "node:util";

import { directoryBytes, endWithUs, seconds, sleep } from "./machine.mjs";

const run = promisify(execFile);

// A port that nobody has bound now.
export async function freePort() {
    const server = createServer();
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    return port;
}

// Start a collector with LZ4 (-y) and the largest socket buffer it asks for; files go to `directory`.
export async function startCollector(directory, port) {
    mkdirSync(directory, { recursive: true });
    const log = openSync(`${directory}/../nfcapd.log`, "a");
    const collector = endWithUs(spawn("nfcapd", ["-w", directory, "-b", "127.0.0.1", "-p", String(port), "-t", "86400", "-y", "-B", "67108864"],
        { stdio: ["ignore", log, log] }));
    await sleep(500);
    if (collector.exitCode !== null) throw new Error("nfcapd did not start");
    return collector;
}

export async function stopCollector(collector) {
    collector.kill("SIGTERM");
    while (collector.exitCode === null && collector.signalCode === null) await sleep(10);
}

// Send flows of flowgen_send; { flows, datagrams, bytes, packets, seconds } as it printed them.
export async function sendFlows(bin, port, args) {
    const { stdout } = await run(`${bin}/flowgen_send`, ["--to", `127.0.0.1:${port}`, ...args]);
    const words = stdout.trim().split(" ");
    return Object.fromEntries(words.flatMap((word, i) => (i % 2 === 0 ? [[word, Number(words[i + 1])]] : [])));
}

// Flows in the files of a directory.
export async function storedFlows(directory) {
    const { stdout } = await run("nfdump", ["-R", directory, "-N", "-o", "null"]);
    return Number(/total flows: (\d+)/.exec(stdout)[1]);
}

export class Nfdump {
    kind = "nfdump";
    name = "nfdump";

    constructor(bin, directory) {
        this.bin = bin;
        this.data = `${directory}/files`;
    }

    literal(address) {
        return address;
    }

    async open() {
        this.version = (await run("nfdump", ["-V"])).stdout.replace(/^.*Version: *(NSEL-NEL)?/s, "").trim().split("\n")[0];
    }

    async close() {}

    // The same flows by NetFlow v9 over UDP, so slowly that none is lost.
    async load(flows, seed, rate) {
        mkdirSync(this.data, { recursive: true });
        const port = await freePort();
        const collector = await startCollector(this.data, port);
        const load = await seconds(() => sendFlows(this.bin, port, ["--flows", String(flows), "--seed", String(seed), "--rate", String(rate), "--pace", "300000"]));
        await sleep(1000);
        await stopCollector(collector);
        const stored = await storedFlows(this.data);
        if (stored !== flows) throw new Error(`nfcapd stored ${stored} of ${flows} flows`);
        return { load, settled: load };
    }

    #command(text) {
        return `nfdump -R ${this.data} ${text.split(" => ")[0]}`;
    }

    // Rows of the fields behind " => ": of a statistic's CSV, or of the summary line.
    async answer(text) {
        const fields = text.split(" => ")[1].split(" ");
        const { stdout } = await run("sh", ["-c", this.#command(text)], { maxBuffer: 1 << 28 });
        const summary = /Summary: total flows: (\d+), total bytes: (\d+), total packets: (\d+)/.exec(stdout);
        if (summary !== null) {
            const values = { flows: summary[1], bytes: summary[2], packets: summary[3] };
            return [fields.map((field) => values[field])];
        }
        const lines = stdout.split("\n");
        const names = lines[0].split(",");
        return lines.slice(1, lines.indexOf("")).map((line) => fields.map((field) => line.split(",")[names.indexOf(field)]));
    }

    async time(text) {
        return 1000 * await seconds(() => run("sh", ["-c", this.#command(text)], { maxBuffer: 1 << 28 }));
    }

    async sizes() {
        return [{ name: this.name, all: directoryBytes(this.data) }];
    }

    files() {
        return [this.data];
    }
}
