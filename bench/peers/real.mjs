// real.mjs - real flows in the columns of the generated ones, for the sizes.
//
// Connections of an Internet-facing host over 72 hours, seen by Zeek (16 columns): both directions become a flow each, as a
// router exports them. What Zeek does not know (interfaces, AS, masks, next hop, TOS) is 0; flags are those of its history.
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";

const head = "first_seen,last_seen,exporter_addr,src_addr,dst_addr,src_port,dst_port,protocol,tcp_flags,tos,input_if,output_if,src_as,dst_as," +
    "src_mask,dst_mask,next_hop,in_bytes,in_packets,app";
const flagBits = { S: 2, H: 18, F: 1, R: 4, A: 16, D: 24 };

// TCP flags of one direction: upper case is what the originator sent, lower case the responder.
function flagsOf(history, isOriginator) {
    let flags = 0;
    for (const c of history) {
        const upper = c.toUpperCase();
        if (upper in flagBits && (c === upper) === isOriginator) flags |= flagBits[upper];
    }
    return flags;
}

// Write the flows of rita-cloudhost-zeek-conn-*.csv.zst as a CSV; their number, or 0 where the set is not there.
export function writeRealFlows(source, path) {
    if (!existsSync(source)) return 0;
    const lines = execFileSync("zstd", ["-dcq", source], { encoding: "utf8", maxBuffer: 1 << 28 }).trimEnd().split("\n");
    const names = lines.shift().split(",");
    const rows = [];
    for (const line of lines) {
        const cells = line.split(",");
        const get = (name) => cells[names.indexOf(name)];
        const protocol = { tcp: 6, udp: 17 }[get("proto")] ?? 1;
        const time = (s) => new Date(Math.floor(s * 1000)).toISOString();
        const first = Number(get("ts"));
        const times = `${time(first)},${time(first + (Number(get("duration")) || 0))},192.0.2.1`;
        const app = get("service") === "-" ? "Unknown" : get("service").toUpperCase();
        const row = (from, to, fromPort, toPort, isOriginator, bytes, packets) =>
            `${times},${from},${to},${fromPort},${toPort},${protocol},${protocol === 6 ? flagsOf(get("history"), isOriginator) : 0},` +
            `0,0,0,0,0,0,0,0.0.0.0,${bytes},${packets},${app}`;
        rows.push([first, row(get("src_ip"), get("dst_ip"), get("src_port"), get("dst_port"), true, get("orig_ip_bytes"), get("orig_pkts"))]);
        if (Number(get("resp_pkts")) > 0)
            rows.push([first, row(get("dst_ip"), get("src_ip"), get("dst_port"), get("src_port"), false, get("resp_ip_bytes"), get("resp_pkts"))]);
    }
    rows.sort((a, b) => a[0] - b[0]);
    writeFileSync(path, `${head}\n${rows.map((row) => row[1]).join("\n")}\n`);
    return rows.length;
}
