// Driver.java PORT USER PASSWORD - MariaDB Connector/J, with prepared statements of the server.
import java.sql.*;
import java.util.Collections;

public class Driver {
    static final String WORK = "SELECT MAX(LENGTH(REPLACE(REPLACE(LPAD(in_bytes, 60, 'ab'), "
            + "'a', 'bc'), 'b', 'de'))) FROM flows";

    public static void main(String[] arguments) throws Exception {
        String url = "jdbc:mariadb://127.0.0.1:" + arguments[0] + "/flows?useServerPrepStmts=true";
        try (Connection db = DriverManager.getConnection(url, arguments[1], arguments[2]);
             Connection other = DriverManager.getConnection(url, arguments[1], arguments[2])) {
            System.out.println("connected");
            try (ResultSet rows = db.createStatement().executeQuery("SHOW COLUMNS FROM flows")) {
                while (rows.next())
                    if (rows.getString(1).equals("src_addr"))
                        System.out.println("list src_addr");
            }
            System.out.println("query " + one(db, "SELECT COUNT(*) FROM flows") + " "
                    + one(db, "SELECT src_addr FROM flows ORDER BY src_addr LIMIT 1"));
            prepare(db);
            insert(db);
            cancel(db);
            System.out.println("again " + one(other, "SELECT 1"));
        }
    }

    static String one(Connection db, String text) throws SQLException {
        try (ResultSet rows = db.createStatement().executeQuery(text)) {
            rows.next();
            return rows.getString(1);
        }
    }

    static void prepare(Connection db) throws SQLException {
        try (PreparedStatement s = db.prepareStatement("SELECT ? + 2, ?, ?, UNIX_TIMESTAMP(?)")) {
            s.setInt(1, 40);
            s.setString(2, "a'b");
            s.setNull(3, Types.VARCHAR);
            s.setString(4, "2026-11-18 11:06:40");
            try (ResultSet rows = s.executeQuery()) {
                rows.next();
                System.out.printf("prepare %d %s %s %d%n", rows.getLong(1), rows.getString(2),
                        rows.getString(3), rows.getLong(4));
            }
        }
    }

    static void insert(Connection db) throws SQLException {
        try (PreparedStatement s = db.prepareStatement("INSERT INTO flows (src_addr, dst_port, in_bytes, "
                + "last_seen, app) VALUES (?, ?, ?, ?, ?)")) {
            for (int i = 1; i <= 3; i++) {
                s.setString(1, "10.9.8." + i);
                s.setInt(2, 443);
                s.setLong(3, 1000L * i);
                s.setString(4, "2026-11-18 11:06:40");
                s.setString(5, "inserted");
                s.executeUpdate();
            }
        }
        System.out.println("insert " + one(db, "SELECT COUNT(*) FROM flows WHERE app = 'inserted'") + " "
                + one(db, "SELECT SUM(in_bytes) FROM flows WHERE app = 'inserted'"));
        db.createStatement().executeUpdate("DELETE FROM flows WHERE app = 'inserted'");
    }

    // Statement.cancel sends KILL QUERY over a connection of its own.
    static void cancel(Connection db) throws Exception {
        try (Statement s = db.createStatement()) {
            Thread stopper = new Thread(() -> {
                try {
                    Thread.sleep(200);
                    s.cancel();
                } catch (Exception error) {
                    System.out.println("cancel: " + error);
                }
            });
            stopper.start();
            try {
                s.executeQuery(String.join(" UNION ALL ", Collections.nCopies(150, WORK)));
                System.out.println("not cancelled");
            } catch (SQLException error) {
                System.out.println(error.getErrorCode() == 1317 ? "cancel" : "cancel: " + error);
            }
            stopper.join();
        }
    }
}
