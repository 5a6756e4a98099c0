// collect.mjs - sluiced and nfcapd as collectors of the same datagrams over loopback UDP.
import { rmSync } from "node:fs";

import { cpuSeconds, median, sleep } from "./machine.mjs";
import { freePort, sendFlows, startCollector, stopCollector, storedFlows } from "./nfdump.mjs";
import { Sluice } from "./sluice.mjs";

// { stored, sent, cpu: seconds until all is sealed, merged: also with merges, drops: of the kernel }
async function collectSluice(bin, directory, args) {
    const port = await freePort();
    const sluice = new Sluice(bin, directory);
    await sluice.open(`127.0.0.1:${port}`);
    const before = cpuSeconds(sluice.server.pid);
    const sent = await sendFlows(bin, port, args);
    await sleep(500);
    sluice.run("flush");
    const cpu = cpuSeconds(sluice.server.pid) - before;
    sluice.run("flush", "--merge");
    const merged = cpuSeconds(sluice.server.pid) - before;
    const stored = Number((await sluice.answer("SELECT COUNT(*) FROM flows"))[0][0]);
    const drops = Number((await sluice.answer("SELECT SUM(kernel_drops) FROM system.sources"))[0][0]);
    await sluice.close();
    rmSync(directory, { recursive: true });
    return { stored, sent, cpu, merged, drops };
}

async function collectNfcapd(bin, directory, args) {
    const port = await freePort();
    const collector = await startCollector(`${directory}/files`, port);
    const before = cpuSeconds(collector.pid);
    const sent = await sendFlows(bin, port, args);
    await sleep(500);
    const cpu = cpuSeconds(collector.pid) - before;
    await stopCollector(collector);
    const stored = await storedFlows(`${directory}/files`);
    rmSync(directory, { recursive: true });
    return { stored, sent, cpu, merged: cpu, drops: null };
}

// One row for each version and collector: microseconds of CPU a flow, medians of `rounds` pairs.
export async function measureCpu(bin, directory, flows, rounds) {
    const rows = [];
    for (const version of ["5", "9"]) {
        const args = ["--flows", String(flows), "--version", version, "--pace", "250000", "--rate", "250000", "--until", "now"];
        const runs = { sluice: [], "nfcapd -y": [] };
        for (let round = 0; round < rounds; round++) {
            runs.sluice.push(await collectSluice(bin, `${directory}/collect-sluice`, args));
            runs["nfcapd -y"].push(await collectNfcapd(bin, `${directory}/collect-nfcapd`, args));
        }
        for (const [name, list] of Object.entries(runs)) {
            const perFlow = (field) => median(list.map((run) => run[field] * 1e6 / run.stored));
            const lost = list.reduce((sum, run) => sum + run.sent.flows - run.stored, 0);
            rows.push({ version, name, cpu: perFlow("cpu"), merged: perFlow("merged"), lost });
        }
    }
    return rows;
}

// Flows of NetFlow v9 offered at `pace` a second for some seconds: how many were stored, and who knew of the rest.
export async function measureLoss(bin, directory, pace, lengthSeconds) {
    const args = ["--flows", String(pace * lengthSeconds), "--version", "9", "--pace", String(pace), "--rate", String(pace), "--until", "now"];
    const sluice = await collectSluice(bin, `${directory}/loss-sluice`, args);
    const nfcapd = await collectNfcapd(bin, `${directory}/loss-nfcapd`, args);
    return [["sluice", sluice], ["nfcapd -y", nfcapd]].map(([name, run]) => ({
        name, offered: run.sent.flows / run.sent.seconds, sent: run.sent.flows, lost: run.sent.flows - run.stored,
        drops: run.drops, cpu: run.cpu * 1e6 / run.stored }));
}
