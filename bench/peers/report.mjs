// report.mjs - what was measured, as Markdown.

export function table(head, rows) {
    const line = (cells) => `| ${cells.join(" | ")} |`;
    return [line(head), line(head.map((_, i) => (i === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}

const number = (value, digits = 2) => (value === null || value === undefined ? "" : value.toFixed(digits));

// Milliseconds of the fastest peer.
function bestPeer(times, own) {
    const peers = Object.entries(times).filter(([name, ms]) => name !== own && ms !== null);
    return peers.length === 0 ? null : Math.min(...peers.map(([, ms]) => ms));
}

// A table of questions: every system's milliseconds, and how many times faster than the best peer the first one is.
export function questionTable(results, names) {
    const own = names[0];
    return table(["question", ...names.map((name) => `${name}, ms`), "best peer / sluice"], results.map((result) => {
        const cells = names.map((name) => (name in result.failed ? "failed" : number(result.times[name])));
        return [result.name, ...cells, isCounted(result, own) ? number(bestPeer(result.times, own) / result.times[own], 2) : "not counted"];
    }));
}

const isCounted = (result, own) => result.wrong.length === 0 && !(own in result.failed);

// The same numbers in words: geometric means, the questions below a goal, the worst first, and what was not counted.
export function questionSummary(results, own, goal) {
    const counted = results.filter((result) => isCounted(result, own))
        .map((result) => ({ name: result.name, ratio: bestPeer(result.times, own) / result.times[own] }));
    const needles = counted.filter(({ name }) => name.startsWith("needle"));
    const mean = (part) => number(Math.exp(part.reduce((sum, { ratio }) => sum + Math.log(ratio), 0) / part.length));
    const list = (part) => part.sort((a, b) => a.ratio - b.ratio).map(({ name, ratio }) => `${name} (${number(ratio)})`).join("; ") || "none";
    const text = [
        `- geometric mean of ${counted.length} questions: ${mean(counted)} times faster than the best peer of each; ${needles.length} needles: ${mean(needles)} times`,
        `- slower than the best peer: ${list(counted.filter(({ ratio }) => ratio < 1))}`,
    ];
    if (goal > 1) text.push(`- faster, but less than ${goal} times: ${list(counted.filter(({ ratio }) => ratio >= 1 && ratio < goal))}`);
    for (const result of results) {
        for (const what of result.wrong) text.push(`- answers differ: ${result.name}: ${what}`);
        for (const [name, what] of Object.entries(result.failed)) text.push(`- failed: ${result.name}: ${name}: ${what}`);
    }
    return text.join("\n");
}

// Bytes a flow of every form, and by column where a system tells.
export function sizeTables(sizes, flows) {
    const per = (bytes) => (bytes === undefined ? "" : number(bytes / flows, 3));
    const own = sizes[0];
    const forms = table(["form", "columns", "indexes and the rest", "everything", "columns / sluice", "everything / sluice"], sizes.map((s) =>
        [s.name, per(s.columns), per(s.columns === undefined ? undefined : s.all - s.columns), per(s.all),
            s.columns === undefined ? "" : number(s.columns / own.columns), number(s.all / own.all)]));
    const told = sizes.filter((s) => s.byColumn !== undefined);
    const alias = { in_bytes: "bytes", in_packets: "packets", duration_ms: "first_seen" };
    const known = new Map();
    for (const [i, s] of told.entries()) {
        for (const [column, bytes] of Object.entries(s.byColumn)) {
            const name = alias[column] ?? column;
            if (!known.has(name)) known.set(name, told.map(() => 0));
            known.get(name)[i] += bytes;
        }
    }
    const columns = table(["column", ...told.map((s) => s.name)], [...known.entries()].filter(([, bytes]) => bytes.some((b) => b / flows >= 0.0005))
        .map(([name, bytes]) => [name, ...bytes.map(per)]));
    return `${forms}\n\n${columns}`;
}

// Rows a second of every system that read the CSV.
export function loadTable(loads, rows, own) {
    return table(["system", "million rows/s", "s", "s until merged or in its asked form", "s / sluice"], Object.entries(loads).map(([name, t]) =>
        [name, number(rows / t.load / 1e6), number(t.load), number(t.settled), number(t.load / loads[own].load)]));
}

// CPU a flow and losses of collectors.
export function collectTables(cpu, loss, length) {
    const own = cpu.filter((row) => row.name === "sluice");
    const cpuTable = table(["collector", "NetFlow", "CPU us a flow", "with merges", "of sluice's", "flows lost"], cpu.map((row) =>
        [row.name, `v${row.version}`, number(row.cpu, 3), number(row.merged, 3),
            number(row.cpu / own.find((o) => o.version === row.version).cpu), row.lost]));
    const lossTable = table(["collector", "offered, M flows/s", "flows sent", "flows lost", "datagrams the kernel dropped", "CPU us a flow"], loss.map((row) =>
        [row.name, number(row.offered / 1e6), row.sent, row.lost, row.drops ?? "not told", number(row.cpu, 3)]));
    return `User and system time of the collector's process until everything is on disk (sluice: decoded, journaled, sorted, indexed, sealed; nfcapd: LZ4 files).

${cpuTable}

NetFlow v9 offered at a million flows a second for ${length} s by a sender on the same two cores:

${lossTable}`;
}
