package org.loft4j.data;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.stream.Collectors;
import org.loft4j.DataException;

/**
 * Tables by DuckDB, through JDBC, so that its jar is needed only by those who read them. Every row becomes the JSON object that a
 * line of JSON Lines would hold, and is read as such: a table has the same kinds of rows.
 *
 * <p>The database is in memory, within bounds; it loads no extensions and reaches no network. One thread, so that rows have one order.
 */
final class DuckDb implements AutoCloseable {
    private static final String DRIVER = "org.duckdb.DuckDBDriver";
    private static final String MEMORY_LIMIT = "1GB";

    private final Connection connection;
    private final Path spill;

    private DuckDb(Connection connection, Path spill) {
        this.connection = connection;
        this.spill = spill;
    }

    /**
     * Opens a database of its own, which the reading of its one source closes.
     *
     * @param source what is to be read, for messages
     */
    static DuckDb open(String source) throws DataException {
        Path spill = Path.of(System.getProperty("java.io.tmpdir"), "loft4j-" + Long.toHexString(System.nanoTime()));
        Properties settings = new Properties();
        settings.put("autoinstall_known_extensions", "false");
        settings.put("autoload_known_extensions", "false");
        settings.put("allow_community_extensions", "false");
        settings.put("allow_persistent_secrets", "false");
        settings.put("memory_limit", MEMORY_LIMIT);
        settings.put("temp_directory", spill.toString());
        settings.put("threads", "1");
        settings.put("jdbc_stream_results", "true");
        try {
            Connection connection = driver(source).connect("jdbc:duckdb:", settings);
            try (Statement statement = connection.createStatement()) {
                statement.execute("SET lock_configuration = true");
            } catch (SQLException e) {
                connection.close();
                throw e;
            }
            return new DuckDb(connection, spill);
        } catch (SQLException e) {
            throw new DataException(source, complaint(e));
        }
    }

    /** The driver that this class sees: a container that loads both may not tell DriverManager of it. */
    private static Driver driver(String source) throws DataException {
        try {
            return (Driver) Class.forName(DRIVER, true, DuckDb.class.getClassLoader())
                    .getDeclaredConstructor()
                    .newInstance();
        } catch (ClassNotFoundException e) {
            throw new DataException(
                    source, "is read by DuckDB, which is not on the class path: add org.duckdb:duckdb_jdbc");
        } catch (ReflectiveOperationException | LinkageError e) {
            throw new DataException(source, "is read by DuckDB, which does not run here: " + e);
        }
    }

    /** Reads a Parquet file; folders named like {@code label=1} add no column. */
    RowReading parquet(Path file, RowCollector rows) throws DataException {
        return query(
                "FROM read_parquet(" + exactly(file) + ", hive_partitioning = false)",
                file.toString(),
                rows,
                classes(file));
    }

    private ClassNames classes(Path file) throws DataException {
        String query = "SELECT decode(value) FROM parquet_kv_metadata(" + exactly(file)
                + ") WHERE decode(key) = 'huggingface'";
        try (Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery(query)) {
            return ClassNames.read(result.next() ? result.getString(1) : null);
        } catch (SQLException e) {
            throw new DataException(file, complaint(e));
        }
    }

    /** Reads JSON Lines that are packed as the name says; each object as it stands. */
    RowReading jsonLines(Path file, RowCollector rows) {
        // a line that is no JSON becomes null, and the others are read
        String objects =
                "SELECT CAST(json AS VARCHAR) FROM read_ndjson_objects(" + exactly(file) + ", ignore_errors = true)";
        return new DuckDbRows(this, objects, file.toString(), new JsonRows(rows)::read);
    }

    /**
     * Reads the result of a query.
     *
     * @param source what messages call it
     */
    RowReading query(String query, String source, RowCollector rows) throws DataException {
        return query(query, source, rows, ClassNames.NONE);
    }

    private RowReading query(String query, String source, RowCollector rows, ClassNames classes) throws DataException {
        // a table function that takes nothing but one SELECT
        String table = "query(" + literal(query) + ")";
        Map<String, String> types = columns(table, source);
        Origin whole = new Origin(source, 0, Origin.Unit.ROW);
        RowKind kind = RowKind.recognise(rows.columns(), types.keySet(), "", whole);
        rows.begin(kind, whole);
        rows.classes(kind.label() == null ? List.of() : classes.of(kind.label()));
        Set<String> read = new LinkedHashSet<>(kind.columns());
        read.addAll(kind instanceof RowKind.Rewarded ? types.keySet() : kind.optional());
        read.retainAll(types.keySet());
        List<String> named = names(query, source);
        for (String column : read) {
            if (named.stream().filter(column::equalsIgnoreCase).count() > 1) {
                throw whole.fault(
                        "names the column \"" + column + "\" twice: name the columns that are wanted, or give one"
                                + " of the two another name with AS");
            }
            if (String.valueOf(types.get(column)).startsWith("BLOB")) {
                throw whole.fault("\"" + column + "\" holds bytes (BLOB), not text: decode(\"" + column
                        + "\") in a query makes text of them");
            }
        }
        String fields = read.stream()
                .map(column -> literal(column) + ": r." + name(column))
                .collect(Collectors.joining(", ", "{", "}"));
        return new DuckDbRows(
                this,
                "SELECT CAST(to_json(" + fields + ") AS VARCHAR) FROM " + table + " AS r",
                source,
                new JsonRows(rows, classes)::readWithoutNulls);
    }

    /** Names and types of the columns. */
    private Map<String, String> columns(String table, String source) throws DataException {
        try (Statement statement = connection.createStatement();
                ResultSet result = statement.executeQuery("SELECT * FROM " + table + " LIMIT 0")) {
            ResultSetMetaData columns = result.getMetaData();
            Map<String, String> types = new LinkedHashMap<>();
            for (int i = 1; i <= columns.getColumnCount(); i++) {
                types.put(columns.getColumnName(i), columns.getColumnTypeName(i));
            }
            return types;
        } catch (SQLException e) {
            throw new DataException(source, complaint(e));
        }
    }

    /** The names as the query has them, of which the second of two alike is another in a table. The query has been found to be one SELECT. */
    private List<String> names(String query, String source) throws DataException {
        try (PreparedStatement statement = connection.prepareStatement(query)) {
            ResultSetMetaData columns = statement.getMetaData();
            List<String> names = new ArrayList<>();
            for (int i = 1; i <= columns.getColumnCount(); i++) {
                names.add(columns.getColumnName(i));
            }
            return names;
        } catch (SQLException e) {
            throw new DataException(source, complaint(e));
        }
    }

    Connection connection() {
        return connection;
    }

    /** This file alone, whatever its name would mean as a pattern. */
    private static String exactly(Path file) {
        return literal(file.toString().replaceAll("[\\[*?]", "[$0]"));
    }

    private static String literal(String text) {
        return "'" + text.replace("'", "''") + "'";
    }

    private static String name(String column) {
        return '"' + column.replace("\"", "\"\"") + '"';
    }

    /** The cause without the query, which holds more than the user wrote, and without advice that does not hold here. */
    static String complaint(SQLException e) {
        List<String> lines = new ArrayList<>();
        for (String line : String.valueOf(e.getMessage()).lines().toList()) {
            if (line.isBlank() || line.startsWith("LINE ")) {
                break;
            }
            lines.add(line.strip());
        }
        String cause = String.join(" ", lines);
        if (cause.contains("Invalid result set")) {
            // all that DuckDB says of packed bytes that cannot be unpacked
            return "cannot be read to its end: it is damaged, or not what its name says";
        }
        return cause.contains("requires the extension")
                ? cause + ": loft4j loads none and reads nothing over the network; get the file first"
                : cause;
    }

    @Override
    public void close() throws DataException {
        try {
            connection.close();
            Files.deleteIfExists(spill);
        } catch (SQLException e) {
            throw new DataException("DuckDB", "cannot be closed: " + complaint(e));
        } catch (IOException e) {
            // what was read is whole, whatever is left in the directory of temporary files
            System.getLogger(DuckDb.class.getName()).log(System.Logger.Level.WARNING, spill + " is left behind: " + e);
        }
    }
}
