package org.loft4j.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.dataformat.csv.CsvFactory;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;
import org.loft4j.FileFault;

/** Values in the manner of CSV (RFC 4180), with commas, semicolons or tabs between them. */
final class QuotedRecords implements TableRows.Records {
    private static final CsvFactory FACTORY = CsvFactory.builder()
            .enable(CsvParser.Feature.WRAP_AS_ARRAY)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxStringLength(BoundedRows.LONGEST)
                    .build())
            .build();

    private static final int MOST_VALUES = 100_000;

    private final SourceText source;
    private final char separator;
    private final TableRows.@Nullable OddLine odd;
    private final BoundedRows text;
    private final CsvParser parser;
    private long line = 1;
    private boolean begun;

    /** @param odd why a TSV file is read so, for its faults; null for others */
    QuotedRecords(SourceText source, char separator, TableRows.@Nullable OddLine odd) throws DataException {
        this.source = source;
        this.separator = separator;
        this.odd = odd;
        try {
            this.text = new BoundedRows(source.file(), source.open());
            this.parser = FACTORY.createParser(text);
        } catch (DataException e) {
            throw e;
        } catch (IOException e) {
            throw new DataException(source.file(), "cannot be read: " + FileFault.of(e));
        }
        parser.setSchema(CsvSchema.emptySchema().withColumnSeparator(separator));
    }

    @Override
    public @Nullable List<String> next() throws DataException {
        try {
            if (!begun) {
                begun = true;
                parser.nextToken();
            }
            text.next();
            while (parser.nextToken() == JsonToken.START_ARRAY) {
                line = parser.currentLocation().getLineNr();
                List<String> values = new ArrayList<>();
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    values.add(parser.getText());
                    if (values.size() > MOST_VALUES) {
                        throw origin().fault("has more than " + MOST_VALUES + " values");
                    }
                }
                if (values.size() > 1 || !values.get(0).isBlank()) {
                    return values;
                }
            }
            return null;
        } catch (JsonProcessingException e) {
            // what follows cannot be told apart any more
            throw origin().fault("is not valid " + (separator == '\t' ? "TSV" : "CSV") + ": "
                    + e.getOriginalMessage().lines().findFirst().orElse("") + TableRows.OddLine.behind(odd, origin()));
        } catch (DataException e) {
            throw e;
        } catch (IOException e) {
            throw new DataException(source.file(), "cannot be read: " + FileFault.of(e));
        }
    }

    @Override
    public Origin origin() {
        return source.at(line);
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
