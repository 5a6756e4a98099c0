"""compare.py - the same statements to two servers through one client (PyMySQL), answers compared.

usage: compare.py PORT_A PORT_B STATEMENTS EXCEPTIONS

STATEMENTS: a statement a line. EXCEPTIONS: "KIND<tab>PATTERN<tab>reason"; KIND says what may differ in
the answers to a statement whose text begins with PATTERN:
  skip   it is not sent;
  answer everything;
  types  the types of columns, not their number, names or rows;
  order  the order of rows.
An exception that no statement needs is a mistake, too. Rows of a statement without ORDER BY come in any
order; with LIMIT they are any of its rows, and their number is compared, unless it has no FROM.
An error that both give is the same answer, whatever its number. Prints what differs; the exit code says
whether anything does.
"""

import sys

import pymysql
from pymysql.constants import FIELD_TYPE, FLAG

INTEGERS = {FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG}
TEXTS = {FIELD_TYPE.VAR_STRING, FIELD_TYPE.STRING, FIELD_TYPE.VARCHAR, FIELD_TYPE.BLOB}
BINARY = 63


def type_of(field):
    """What a client makes of a column: its class, and what decides how a value is read."""
    if field.type_code in INTEGERS:
        return "unsigned" if field.flags & FLAG.UNSIGNED else "integer"
    if field.type_code in TEXTS:
        return "bytes" if field.charsetnr == BINARY else "text"
    if field.type_code in (FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL):
        return "decimal(%d)" % field.scale
    if field.type_code in (FIELD_TYPE.DATETIME, FIELD_TYPE.TIME):
        return "%s(%d)" % ("time" if field.type_code == FIELD_TYPE.TIME else "datetime", field.scale)
    return "type %d" % field.type_code


class Server:
    def __init__(self, port):
        self.db = pymysql.connect(host="127.0.0.1", port=port, user="root", database="flows",
                                  charset="utf8mb4", autocommit=True,
                                  client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS)

    def ask(self, statement):
        """A list of (names, types, rows), one for each result; or the error's number."""
        results = []
        cursor = self.db.cursor()
        try:
            cursor.execute(statement)
            while True:
                if cursor.description is None:
                    results.append(((), (), ()))
                else:
                    fields = cursor._result.fields
                    results.append((tuple(f.name for f in fields),
                                    tuple(type_of(f) for f in fields), tuple(cursor.fetchall())))
                if not cursor.nextset():
                    return results
        except pymysql.Error as error:
            return error.args[0]


def difference(a, b, may):
    """The first thing that differs, as text; None."""
    if isinstance(a, int) or isinstance(b, int):
        return None if isinstance(a, int) and isinstance(b, int) else "errors %s, %s" % (
            a if isinstance(a, int) else "none", b if isinstance(b, int) else "none")
    if len(a) != len(b):
        return "%d results, %d results" % (len(a), len(b))
    for (names_a, types_a, rows_a), (names_b, types_b, rows_b) in zip(a, b):
        if names_a != names_b:
            return "columns %s, %s" % (names_a, names_b)
        if len(rows_a) != len(rows_b):
            return "%d rows, %d rows" % (len(rows_a), len(rows_b))
        if "order" in may:
            rows_a, rows_b = sorted(rows_a, key=repr), sorted(rows_b, key=repr)
        for row_a, row_b in zip(rows_a, rows_b) if "rows" not in may else ():
            if row_a != row_b:
                return "row %s, %s" % (row_a, row_b)
        if types_a != types_b and "types" not in may:
            return "types %s" % [(n, x, y) for n, x, y in zip(names_a, types_a, types_b) if x != y]
    return None


def undecided(statement):
    """What the statement itself leaves open."""
    text = statement.lower()
    if "order by" in text:
        return set()
    return {"order", "rows"} if " limit " in text and " from " in text else {"order"}


def read_exceptions(path):
    with open(path, encoding="utf-8") as lines:
        return [tuple(line.rstrip("\n").split("\t")) + (set(),) for line in lines
                if line.strip() and not line.startswith("#")]


def main():
    a, b = Server(int(sys.argv[1])), Server(int(sys.argv[2]))
    exceptions = read_exceptions(sys.argv[4])
    asked = failed = 0
    with open(sys.argv[3], encoding="utf-8") as lines:
        statements = [line.rstrip("\n") for line in lines if line.strip() and not line.startswith("-- ")]
    for statement in statements:
        known = [e for e in exceptions if statement.startswith(e[1])]
        may = {e[0] for e in known}
        if "skip" in may:
            for e in known:
                e[3].add(statement)
            continue
        answer_a, answer_b = a.ask(statement), b.ask(statement)
        found = difference(answer_a, answer_b, undecided(statement))
        for e in known:
            if found is not None:
                e[3].add(statement)
        asked += 1
        left = difference(answer_a, answer_b, may | undecided(statement))
        if "answer" not in may and left is not None:
            failed += 1
            print("differs: %s\n  %s" % (statement[:200], left[:600]))
    for kind, pattern, _, used in exceptions:
        if not used:
            failed += 1
            print("an exception that nothing needs: %s %s" % (kind, pattern))
    print("%d statements, %d with another answer" % (asked, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
