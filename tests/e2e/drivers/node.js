// node.js DRIVER PORT USER PASSWORD - npm mysql2 or mysql. mysql has no prepared statements of the
// protocol: it puts values into the text.
const [name, port, user, password] = process.argv.slice(2);
const driver = require(name);
const options = { host: '127.0.0.1', port: Number(port), user, password, database: 'flows' };

const open = () =>
    new Promise((resolve, reject) => {
        const db = driver.createConnection(options);
        db.connect((error) => (error ? reject(error) : resolve(db)));
    });
const run = (db, how, text, values) =>
    new Promise((resolve, reject) =>
        db[how](text, values ?? [], (error, rows) => (error ? reject(error) : resolve(rows))));

async function main() {
    const db = await open();
    console.log('connected');
    for (const row of await run(db, 'query', 'SHOW COLUMNS FROM flows'))
        if (row.Field === 'src_addr') console.log('list src_addr');
    const [{ n }] = await run(db, 'query', 'SELECT COUNT(*) AS n FROM flows');
    const [{ a }] = await run(db, 'query', 'SELECT src_addr AS a FROM flows ORDER BY src_addr LIMIT 1');
    console.log('query', n, a);

    const how = name === 'mysql2' ? 'execute' : 'query';
    const values = [40, "a'b", null, '2026-11-18 11:06:40'];
    const [row] = await run(db, how, 'SELECT ? + 2 AS n, ? AS t, ? AS z, UNIX_TIMESTAMP(?) AS u', values);
    console.log('prepare', Number(row.n), row.t, row.z === null ? 'null' : row.z, Number(row.u));

    for (const i of [1, 2, 3])
        await run(db, how, 'INSERT INTO flows (src_addr, dst_port, in_bytes, last_seen, app) VALUES (?, ?, ?, ?, ?)',
            [`10.9.8.${i}`, 443, 1000 * i, '2026-11-18 11:06:40', 'inserted']);
    const [sum] = await run(db, 'query', "SELECT COUNT(*) AS n, SUM(in_bytes) AS b FROM flows WHERE app = 'inserted'");
    console.log('insert', sum.n, Number(sum.b));
    await run(db, 'query', "DELETE FROM flows WHERE app = 'inserted'");

    const other = await open();
    const long = db.query("SELECT LPAD(in_bytes, 2000, 'x') AS x FROM flows");
    const ended = new Promise((resolve) => {
        long.on('error', (error) => resolve(error.errno === 1317 ? 'cancel' : `cancel: ${error}`));
        long.on('end', () => resolve('not cancelled'));
        long.once('result', () => {
            db.pause();
            other.query('KILL QUERY ' + db.threadId, (error) => {
                if (error) resolve(`kill: ${error}`);
                db.resume();
            });
        });
    });
    console.log(await ended);
    await new Promise((resolve, reject) =>
        other.changeUser({ user, password, database: 'flows' }, (error) => (error ? reject(error) : resolve())));
    const [{ again }] = await run(other, 'query', 'SELECT 1 AS again');
    console.log('again', again);
    db.destroy();
    other.end();
}
main().catch((error) => {
    console.log(`failed: ${error}`);
    process.exit(1);
});
