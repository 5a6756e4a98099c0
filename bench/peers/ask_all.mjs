// ask_all.mjs - every question to every system: answers compared, then times in pairs, warm and cold.
import { execFileSync } from "node:child_process";

import { difference, textOf } from "./questions.mjs";
import { forgetPages, median } from "./machine.mjs";

// Hosts, a network and a minute of the loaded flows that {busy}, {rare} ... stand for. duckdb: a loaded native one.
export async function choosePlaces(duckdb) {
    const one = async (sql) => (await duckdb.answer(sql))[0][0];
    const busy = await one("SELECT src_addr FROM flows WHERE is_v4(src_addr) GROUP BY src_addr ORDER BY COUNT(*) DESC, src_addr LIMIT 1 OFFSET 9");
    const rare = await one("SELECT h FROM (SELECT src_addr AS h FROM flows UNION ALL SELECT dst_addr AS h FROM flows) WHERE is_v4(h) " +
        "GROUP BY h HAVING COUNT(*) = 3 ORDER BY hash(h), h LIMIT 1");
    const minute = new Date(Math.floor(Number(await one("SELECT epoch_ms(median(last_seen)) FROM flows")) / 60000) * 60000);
    const text = (time) => time.toISOString().slice(0, 19).replace("T", " ");
    return {
        addresses: { busy, rare, absent: "203.0.113.77" },
        words: { net: busy.replace(/\d+$/, "0"), minute: text(minute), minute_end: text(new Date(minute.getTime() + 60000)) },
    };
}

function textFor(question, system, places, columns) {
    const words = { ...places.words, columns };
    for (const [name, address] of Object.entries(places.addresses)) words[name] = system.literal(address);
    return textOf(question, system.kind, words);
}

// Ask one question of every system in turn, `rounds` times: { name, times: { system: milliseconds }, wrong, failed }. A system that
// cannot answer is named in `failed` and has no time; when answers differ (from that of the first system which has one), none has.
async function askOne(question, systems, places, columns, rounds) {
    const result = { name: question.name, times: {}, wrong: [], failed: {} };
    const asked = [];
    let expected = null;
    for (const system of systems) {
        const text = textFor(question, system, places, columns);
        if (text === null) continue;
        try {
            const answer = await system.answer(text);
            expected ??= answer;
            const what = difference(question, expected, answer);
            if (what !== null) result.wrong.push(`${system.name}: ${what}`);
            asked.push({ system, text, ms: [] });
        } catch (error) {
            result.failed[system.name] = String(error.message).split("\n")[0].slice(0, 200);
        }
    }
    for (let round = 0; round < rounds && result.wrong.length === 0; round++)
        for (const { system, text, ms } of asked) ms.push(await system.time(text));
    for (const { system, ms } of asked) result.times[system.name] = ms.length === 0 ? null : median(ms);
    return result;
}

export async function askWarm(questions, systems, places, columns, rounds, onAnswer) {
    const results = [];
    for (const question of questions) {
        results.push(await askOne(question, systems, places, columns, rounds));
        onAnswer(results.at(-1));
    }
    return results;
}

// The questions marked cold: each system is restarted and its files are dropped from the page cache before each.
// owners: what is opened and closed, with the systems that are asked of it.
export async function askCold(questions, owners, places, columns, rounds, onAnswer) {
    const results = [];
    execFileSync("sync");
    for (const question of questions.filter((q) => q.cold)) {
        const result = { name: question.name, times: {}, wrong: [], failed: {} };
        const ms = {};
        for (let round = 0; round < rounds; round++) {
            for (const { owner, systems } of owners) {
                for (const system of systems) {
                    const text = textFor(question, system, places, columns);
                    if (text === null) continue;
                    await owner.close();
                    forgetPages(owner.files());
                    await owner.open();
                    (ms[system.name] ??= []).push(await system.time(text));
                }
            }
        }
        for (const [name, values] of Object.entries(ms)) result.times[name] = median(values);
        results.push(result);
        onAnswer(result);
    }
    return results;
}
