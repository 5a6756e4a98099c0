"""python.py DRIVER PORT USER PASSWORD - PyMySQL or MySQLdb, and SQLAlchemy on top of it."""
import datetime
import importlib
import sys

name, port, user, password = sys.argv[1:]
driver = importlib.import_module(name)


def connect():
    return driver.connect(host="127.0.0.1", port=int(port), user=user, passwd=password,
                          db="flows", charset="utf8mb4")


def one(connection, text, *arguments):
    cursor = connection.cursor()
    cursor.execute(text, arguments or None)
    return cursor.fetchone()


db = connect()
print("connected")

cursor = db.cursor()
cursor.execute("SHOW COLUMNS FROM flows")
for row in cursor.fetchall():
    if row[0] == "src_addr":
        print("list src_addr")

import sqlalchemy  # noqa: E402
from sqlalchemy.engine import URL  # noqa: E402

dialect = "mysql+pymysql" if name == "pymysql" else "mysql+mysqldb"
engine = sqlalchemy.create_engine(URL.create(dialect, user, password, "127.0.0.1", int(port),
                                             "flows"))
with engine.connect() as connection:
    count = connection.execute(sqlalchemy.text("SELECT COUNT(*) FROM flows")).scalar()
print("query", count, one(db, "SELECT src_addr FROM flows ORDER BY src_addr LIMIT 1")[0])

moment = datetime.datetime(2026, 11, 18, 11, 6, 40)
row = one(db, "SELECT %s + 2, %s, %s, UNIX_TIMESTAMP(%s)", 40, "a'b", None, moment)
print("prepare", int(row[0]), row[1], "null" if row[2] is None else row[2], int(row[3]))

cursor.executemany(
    "INSERT INTO flows (src_addr, dst_port, in_bytes, last_seen, app) VALUES (%s, %s, %s, %s, %s)",
    [("10.9.8.%d" % i, 443, 1000 * i, moment, "inserted") for i in (1, 2, 3)])
db.commit()
row = one(db, "SELECT COUNT(*), SUM(in_bytes) FROM flows WHERE app = 'inserted'")
print("insert", row[0], int(row[1]))
cursor.execute("DELETE FROM flows WHERE app = 'inserted'")

streaming = driver.cursors.SSCursor(db)
streaming.execute("SELECT LPAD(in_bytes, 2000, 'x') FROM flows")
other = connect()
other.cursor().execute("KILL QUERY %d" % db.thread_id())
try:
    rows = sum(1 for _ in streaming)
    print("not cancelled:", rows, "rows")
except driver.err.Error if name == "pymysql" else driver.Error as error:
    print("cancel" if error.args[0] == 1317 else "cancel: %r" % (error,))
print("again", one(other, "SELECT 1")[0])
