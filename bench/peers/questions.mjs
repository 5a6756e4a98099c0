// questions.mjs - the questions of questions.txt, and whether two answers are the same.
import { readFileSync } from "node:fs";

const words = ["sql", "sluice", "clickhouse", "duckdb", "nfdump", "compare"];

// Every question of a file, as { name, text: { sql, sluice, ... }, compare, cold }.
export function readQuestions(path) {
    const questions = [];
    let last = null;
    for (const line of readFileSync(path, "utf8").split("\n")) {
        const question = questions.at(-1);
        const at = line.indexOf(" ");
        const word = at < 0 ? line : line.slice(0, at);
        if (line === "" || line.startsWith("#")) continue;
        if (line.startsWith("[")) {
            questions.push({ name: line.slice(1, -1), text: {}, cold: false });
        } else if (line.startsWith(" ") && last !== null) {
            question.text[last] += " " + line.trim();
        } else if (line === "cold") {
            question.cold = true;
        } else if (words.includes(word)) {
            last = word;
            question.text[word] = line.slice(at + 1);
        } else {
            throw new Error(`${path}: not understood: ${line}`);
        }
    }
    return questions;
}

// The text of a question for a system of this kind; null where it cannot be asked.
// places: name -> text that stands for {name}.
export function textOf(question, kind, places) {
    const text = question.text[kind] ?? (kind === "nfdump" ? null : question.text.sql);
    if (text === null || text === undefined) return null;
    return text.replace(/\{(\w+)\}/g, (_, name) => {
        if (!(name in places)) throw new Error(`${question.name}: no such place: {${name}}`);
        return places[name];
    });
}

// One form for the values of all systems: addresses without ::ffff:, times in milliseconds.
function normal(value) {
    const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(value);
    if (mapped !== null) return mapped[1];
    if (/^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?$/.test(value))
        return String(Date.parse(value.replace(" ", "T").replace(/(\.\d{3})\d*/, "$1").replace(/Z?$/, "Z")));
    if (/^-?\d+\.\d*0*$/.test(value)) return value.replace(/\.?0+$/, "");
    return value;
}

// Equal text, or two numbers of which one at least is no integer and which differ by rounding.
function sameValue(a, b) {
    if (a === b) return true;
    if (/^-?\d+$/.test(a) && /^-?\d+$/.test(b)) return false;
    const x = Number(a);
    const y = Number(b);
    return Number.isFinite(x) && Number.isFinite(y) && Math.abs(x - y) <= 1e-9 * Math.max(Math.abs(x), Math.abs(y));
}

// null when the answers agree under the question's rule, else what differs.
export function difference(question, expected, actual) {
    const [rule, count] = (question.text.compare ?? "ordered").split(" ");
    if (expected.length !== actual.length) return `${expected.length} rows and ${actual.length} rows`;
    if (rule === "rows") return null;
    const shape = (rows) => {
        const cut = rows.map((row) => row.map(normal).slice(0, rule === "columns" ? Number(count) : row.length));
        return rule === "set" ? cut.sort((a, b) => (a.join("\t") < b.join("\t") ? -1 : 1)) : cut;
    };
    const left = shape(expected);
    const right = shape(actual);
    for (let row = 0; row < left.length; row++) {
        if (left[row].length !== right[row].length || !left[row].every((v, i) => sameValue(v, right[row][i])))
            return `row ${row + 1}: ${left[row].join("|")} and ${right[row].join("|")}`;
    }
    return null;
}
