package org.loft4j.data;

import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/** The result of a query whose first column is a row as JSON; its reader closes the database too. */
final class DuckDbRows implements RowReading {
    /** Takes one row as JSON; null where it is none. */
    interface Reader {
        void read(@Nullable String json, Origin origin) throws DataException;
    }

    private final DuckDb database;
    private final String query;
    private final String source;
    private final Reader reader;
    private @Nullable Statement statement;
    private @Nullable ResultSet result;
    private long number;

    DuckDbRows(DuckDb database, String query, String source, Reader reader) {
        this.database = database;
        this.query = query;
        this.source = source;
        this.reader = reader;
    }

    @Override
    public boolean advance() throws DataException {
        if (!pass()) {
            return false;
        }
        String json;
        try {
            json = opened().getString(1);
        } catch (SQLException e) {
            throw new DataException(source, DuckDb.complaint(e));
        }
        reader.read(json, new Origin(source, number, Origin.Unit.ROW));
        return true;
    }

    @Override
    public boolean pass() throws DataException {
        try {
            number++;
            return opened().next();
        } catch (SQLException e) {
            throw new DataException(source, DuckDb.complaint(e));
        }
    }

    private ResultSet opened() throws SQLException {
        ResultSet open = result;
        if (open == null) {
            Statement made = database.connection().createStatement();
            statement = made;
            open = made.executeQuery(query);
            result = open;
        }
        return open;
    }

    @Override
    public void close() throws DataException {
        try {
            if (result != null) {
                result.close();
            }
            if (statement != null) {
                statement.close();
            }
        } catch (SQLException e) {
            throw new DataException(source, "cannot be closed: " + DuckDb.complaint(e));
        } finally {
            database.close();
        }
    }
}
