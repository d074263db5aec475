package org.loft4j.data;

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import org.loft4j.DataException;
import org.loft4j.FileFault;

/** Rows out of one JSON array of objects. */
final class JsonArrayRows implements RowReading {
    private final SourceText source;
    private final JsonRows objects;
    private final RowCollector rows;
    private final BoundedRows text;
    private final JsonParser parser;
    private boolean begun;

    JsonArrayRows(SourceText source, JsonRows objects, RowCollector rows) throws DataException {
        this.source = source;
        this.objects = objects;
        this.rows = rows;
        try {
            this.text = new BoundedRows(source.file(), source.open());
            this.parser = JsonRows.MAPPER.createParser(text);
        } catch (DataException e) {
            throw e;
        } catch (IOException e) {
            throw new DataException(source.file(), "cannot be read: " + FileFault.of(e));
        }
    }

    @Override
    public boolean advance() throws DataException {
        return next(false);
    }

    @Override
    public boolean pass() throws DataException {
        return next(true);
    }

    private boolean next(boolean pass) throws DataException {
        try {
            if (!begun) {
                begun = true;
                parser.nextToken();
            }
            text.next();
            if (parser.nextToken() == JsonToken.END_ARRAY) {
                requireEnd();
                return false;
            }
            if (pass) {
                parser.skipChildren();
                return true;
            }
            Origin origin = source.at(parser.currentTokenLocation().getLineNr());
            JsonNode node = parser.readValueAsTree();
            try {
                objects.add(node, origin);
            } catch (DataException e) {
                rows.fault(e);
            }
            return true;
        } catch (JsonProcessingException e) {
            // what follows cannot be told apart any more
            long line = e.getLocation() == null ? 0 : e.getLocation().getLineNr();
            throw source.at(line).fault("is not valid JSON: " + JsonRows.complaint(e));
        } catch (DataException e) {
            throw e;
        } catch (IOException e) {
            throw new DataException(source.file(), "cannot be read: " + FileFault.of(e));
        }
    }

    private void requireEnd() throws IOException {
        if (parser.nextToken() != null) {
            throw source.at(parser.currentTokenLocation().getLineNr()).fault("has more after the end of the array");
        }
    }

    @Override
    public void close() throws DataException {
        try {
            parser.close();
        } catch (IOException e) {
            throw new DataException(source.file(), "cannot be closed: " + FileFault.of(e));
        }
    }
}
