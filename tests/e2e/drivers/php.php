<?php
// php.php PORT USER PASSWORD - mysqli and PDO (mysqlnd).
[, $port, $user, $password] = $argv;
mysqli_report(MYSQLI_REPORT_ERROR | MYSQLI_REPORT_STRICT);
$db = new mysqli('127.0.0.1', $user, $password, 'flows', (int)$port);
$db->set_charset('utf8mb4');
$pdo = new PDO("mysql:host=127.0.0.1;port=$port;dbname=flows;charset=utf8mb4", $user, $password,
    [PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_EMULATE_PREPARES => false]);
echo "connected\n";

foreach ($db->query('SHOW COLUMNS FROM flows') as $row)
    if ($row['Field'] === 'src_addr')
        echo "list src_addr\n";

$count = $pdo->query('SELECT COUNT(*) FROM flows')->fetchColumn();
$first = $db->query('SELECT src_addr FROM flows ORDER BY src_addr LIMIT 1')->fetch_row()[0];
echo "query $count $first\n";

$s = $db->prepare('SELECT ? + 2, ?, ?, UNIX_TIMESTAMP(?)');
[$n, $t, $null, $time] = [40, "a'b", null, '2026-11-18 11:06:40'];
$s->bind_param('isss', $n, $t, $null, $time);
$s->execute();
$row = $s->get_result()->fetch_row();
$p = $pdo->prepare('SELECT ? + 2, ?, ?, UNIX_TIMESTAMP(?)');
$p->execute([40, "a'b", null, '2026-11-18 11:06:40']);
if ($p->fetch(PDO::FETCH_NUM) != $row)
    echo "PDO and mysqli differ\n";
printf("prepare %d %s %s %d\n", $row[0], $row[1], $row[2] ?? 'null', $row[3]);

$s = $db->prepare('INSERT INTO flows (src_addr, dst_port, in_bytes, last_seen, app) VALUES (?, ?, ?, ?, ?)');
for ($i = 1; $i <= 3; $i++) {
    [$address, $port, $bytes, $app] = ["10.9.8.$i", 443, 1000 * $i, 'inserted'];
    $s->bind_param('siiss', $address, $port, $bytes, $time, $app);
    $s->execute();
}
$row = $pdo->query("SELECT COUNT(*), SUM(in_bytes) FROM flows WHERE app = 'inserted'")->fetch(PDO::FETCH_NUM);
echo "insert $row[0] $row[1]\n";
$pdo->exec("DELETE FROM flows WHERE app = 'inserted'");

// A second connection kills what the first has not read.
$id = $db->thread_id;
$db->real_query("SELECT LPAD(in_bytes, 2000, 'x') FROM flows");
$pdo->exec("KILL QUERY $id");
try {
    $rows = 0;
    $result = $db->use_result();
    while ($result->fetch_row())
        $rows++;
    echo "not cancelled: $rows rows\n";
} catch (mysqli_sql_exception $e) {
    echo $e->getCode() === 1317 ? "cancel\n" : "cancel: {$e->getCode()} {$e->getMessage()}\n";
}
echo 'again ', $pdo->query('SELECT 1')->fetchColumn(), "\n";
