package org.loft4j.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.dataformat.csv.CsvFactory;
import com.fasterxml.jackson.dataformat.csv.CsvParser;
import com.fasterxml.jackson.dataformat.csv.CsvSchema;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/**
 * Rows out of CSV (RFC 4180) or TSV. The first line names the columns. A value in double quotes may hold separators, line ends
 * and doubled quotes.
 *
 * <p>Many TSV files do not quote at all and hold stray quotes. So a TSV file in which every line has as many values as the
 * header is read line by line, and only quotes around a whole value are taken off; any other is read as CSV with tabs.
 */
final class TableRows {
    /** What separates values elsewhere. */
    private static final Pattern ONE_COLUMN = Pattern.compile("[;\t,|]");

    private static final CsvFactory FACTORY = CsvFactory.builder()
            .enable(CsvParser.Feature.WRAP_AS_ARRAY)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxStringLength(Integer.MAX_VALUE)
                    .build())
            .build();

    private final SourceText source;
    private final RowCollector rows;
    private final char separator;
    private List<String> header = List.of();
    private @Nullable RowKind kind;

    private TableRows(SourceText source, RowCollector rows, char separator) {
        this.source = source;
        this.rows = rows;
        this.separator = separator;
    }

    static void read(SourceText source, RowCollector rows, char separator) throws DataException {
        var reader = new TableRows(source, rows, separator);
        if (separator == '\t' && oneLineEach(source)) {
            for (SourceText.Line line : source) {
                if (!line.text().isEmpty()) {
                    reader.add(plainValues(line.text()), source.at(line.number()));
                }
            }
        } else {
            reader.readQuoted();
        }
    }

    private static boolean oneLineEach(SourceText source) {
        long tabs = -1;
        for (SourceText.Line line : source) {
            if (!line.text().isEmpty()) {
                long found = line.text().chars().filter(c -> c == '\t').count();
                if (tabs >= 0 && found != tabs) {
                    return false;
                }
                tabs = found;
            }
        }
        return true;
    }

    private static List<String> plainValues(String line) {
        var values = new ArrayList<String>();
        for (String value : line.split("\t", -1)) {
            boolean quoted = value.length() > 1 && value.startsWith("\"") && value.endsWith("\"");
            String inner = quoted ? value.substring(1, value.length() - 1) : "";
            boolean wholly = quoted && inner.replace("\"\"", "").indexOf('"') < 0;
            values.add(wholly ? inner.replace("\"\"", "\"") : value);
        }
        return values;
    }

    private void readQuoted() throws DataException {
        long begun = 1;
        try (CsvParser parser = FACTORY.createParser(source.text())) {
            parser.setSchema(CsvSchema.emptySchema().withColumnSeparator(separator));
            parser.nextToken();
            while (parser.nextToken() == JsonToken.START_ARRAY) {
                begun = parser.currentLocation().getLineNr();
                var values = new ArrayList<String>();
                while (parser.nextToken() != JsonToken.END_ARRAY) {
                    values.add(parser.getText());
                }
                if (values.size() > 1 || !values.get(0).isBlank()) {
                    add(values, source.at(begun));
                }
            }
        } catch (JsonProcessingException e) {
            // what follows cannot be told apart any more
            rows.fault(source.at(begun)
                    .fault("is not valid " + (separator == ',' ? "CSV" : "TSV") + ": "
                            + e.getOriginalMessage().lines().findFirst().orElse("")));
        } catch (DataException e) {
            throw e;
        } catch (IOException e) {
            throw new DataException(source.file(), "cannot be read: " + e);
        }
    }

    private void add(List<String> values, Origin origin) throws DataException {
        RowKind known = kind;
        if (known == null) {
            header = values.stream().map(String::strip).toList();
            RowKind found = recognise(origin);
            rows.begin(found, origin);
            kind = found;
            return;
        }
        try {
            rows.add(checked(known, values, origin));
        } catch (DataException e) {
            rows.fault(e);
        }
    }

    private Row checked(RowKind kind, List<String> values, Origin origin) throws DataException {
        if (values.size() != header.size()) {
            throw origin.fault("has " + values.size() + (values.size() == 1 ? " value" : " values")
                    + ", but the header names " + header.size() + " columns: " + Quoted.list(header));
        }
        return row(kind, values, origin);
    }

    private RowKind recognise(Origin origin) throws DataException {
        if (header.size() == 1 && ONE_COLUMN.matcher(header.get(0)).find()) {
            throw origin.fault(
                    "the header " + Quoted.text(header.get(0)) + " is one column: the values must be separated by "
                            + (separator == ',' ? "commas (.csv) or, in a .tsv file, tabs" : "tabs"));
        }
        RowKind found =
                RowKind.recognise(rows.columns(), header, "the header (the first line must name the columns) ", origin);
        if (found.nested()) {
            throw origin.fault("has " + found.describe() + ", but a table of text cannot hold lists: they are read from"
                    + " .jsonl, .json and .parquet");
        }
        for (String column : found.columns()) {
            if (Collections.frequency(header, column) > 1) {
                throw origin.fault("the header names " + Quoted.text(column) + " twice");
            }
        }
        return found;
    }

    private Row row(RowKind kind, List<String> values, Origin origin) throws DataException {
        if (kind instanceof RowKind.Labeled labeled) {
            return RowCheck.labeled(labeled, value(labeled.text(), values), value(labeled.label(), values), origin);
        } else if (kind instanceof RowKind.Prompted prompted) {
            return RowCheck.prompted(
                    prompted, value(prompted.prompt(), values), value(prompted.completion(), values), origin);
        }
        if (kind instanceof RowKind.Instructed instructed) {
            return RowCheck.instructed(
                    instructed,
                    value(instructed.instruction(), values),
                    header.contains(instructed.input()) ? value(instructed.input(), values) : "",
                    value(instructed.output(), values),
                    origin);
        }
        String text = ((RowKind.Plain) kind).text();
        return RowCheck.plain(text, value(text, values), origin);
    }

    private String value(String column, List<String> values) {
        return values.get(header.indexOf(column));
    }
}
