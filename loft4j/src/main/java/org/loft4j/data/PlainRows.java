package org.loft4j.data;

import org.loft4j.DataException;

/** Rows out of plain text: each line that is not blank. */
record PlainRows(TextLines lines, RowCollector rows) implements RowReading {
    static RowReading open(SourceText source, RowCollector rows) throws DataException {
        Columns asked = rows.columns();
        boolean named = asked.text() != null || asked.label() != null || asked.prompt() != null;
        if (named || (asked.format() != RowFormat.AUTO && asked.format() != RowFormat.TEXT)) {
            throw new DataException(source.file(), "is plain text and has no columns to name");
        }
        rows.begin(new RowKind.Plain("line"), source.at(1));
        return new PlainRows(source.lines(), rows);
    }

    @Override
    public boolean advance() throws DataException {
        String line = lines.nextFilled();
        if (line == null) {
            return false;
        }
        try {
            rows.add(RowCheck.plain("line", line, lines.origin()));
        } catch (DataException e) {
            rows.fault(e);
        }
        return true;
    }

    @Override
    public boolean pass() throws DataException {
        return lines.nextFilled() != null;
    }

    @Override
    public void close() throws DataException {
        lines.close();
    }
}
