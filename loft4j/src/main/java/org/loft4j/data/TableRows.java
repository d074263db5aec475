package org.loft4j.data;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/**
 * Rows out of CSV (RFC 4180) or TSV. The first line names the columns. A value in double quotes may hold separators, line ends
 * and doubled quotes. Spreadsheets write semicolons in place of the commas of CSV where the comma is that of decimals: they are
 * what separates where the first line has one, and no comma, outside of quotes.
 *
 * <p>Many TSV files do not quote at all and hold stray quotes. So a TSV file in which every line has as many values as the
 * header is read line by line, and only quotes around a whole value are taken off; any other is read as CSV with tabs. In one
 * column every line has as many, so that it is read line by line only if no line opens a quote that it does not close.
 */
final class TableRows implements RowReading {
    /** What separates values elsewhere. */
    private static final Pattern ONE_COLUMN = Pattern.compile("[;\t,|]");

    private final RowCollector rows;
    private final char separator;
    private final Records records;
    private final @Nullable OddLine odd;
    private List<String> header = List.of();
    private @Nullable RowKind kind;

    /** What a table is read from: values, and where they begin. */
    interface Records {
        /** The values of the next row that is not empty; null behind the last. */
        @Nullable
        List<String> next() throws DataException;

        Origin origin();

        void close() throws DataException;
    }

    /**
     * Why a TSV file is not read line by line: its first line that speaks against it.
     *
     * @param why what it does
     */
    record OddLine(Origin origin, String why) {
        /** Words behind the fault of another line. */
        static String behind(@Nullable OddLine odd, Origin fault) {
            return odd == null || odd.origin().equals(fault)
                    ? ""
                    : " (quotes may hold tabs and line ends in this file, since "
                            + odd.origin().place() + odd.why() + ")";
        }
    }

    private TableRows(RowCollector rows, char separator, Records records, @Nullable OddLine odd) {
        this.rows = rows;
        this.separator = separator;
        this.records = records;
        this.odd = odd;
    }

    static RowReading open(SourceText source, RowCollector rows, char separator) throws DataException {
        OddLine odd = separator == '\t' ? oddLine(source) : null;
        Records records = separator == '\t' && odd == null
                ? new PlainRecords(source.lines())
                : new QuotedRecords(source, separator == ',' && hasSemicolonsAlone(source) ? ';' : separator, odd);
        return new TableRows(rows, separator, records, odd);
    }

    @Override
    public boolean advance() throws DataException {
        if (kind == null && !readHeader()) {
            return false;
        }
        List<String> values = records.next();
        if (values == null) {
            return false;
        }
        try {
            requireAll(values, records.origin());
            RowKind known = Objects.requireNonNull(kind);
            if (known instanceof RowKind.Plain plain && rows.isBlank(value(plain.text(), values))) {
                rows.blank();
            } else if (known instanceof RowKind.Matched matched) {
                matches(matched, values).forEach(rows::add);
            } else {
                rows.add(row(known, values, records.origin()));
            }
        } catch (DataException e) {
            rows.fault(e);
        }
        return true;
    }

    @Override
    public boolean pass() throws DataException {
        if (kind == null && !readHeader()) {
            return false;
        }
        return records.next() != null;
    }

    @Override
    public void close() throws DataException {
        records.close();
    }

    private boolean readHeader() throws DataException {
        List<String> names = records.next();
        if (names == null) {
            return false;
        }
        header = names.stream().map(String::strip).toList();
        RowKind found = recognise(records.origin());
        rows.begin(found, records.origin());
        kind = found;
        return true;
    }

    private static boolean hasSemicolonsAlone(SourceText source) throws DataException {
        try (TextLines lines = source.lines()) {
            String line = lines.nextFilled();
            boolean quoted = false;
            boolean found = false;
            for (int i = 0; line != null && i < line.length(); i++) {
                char c = line.charAt(i);
                quoted ^= c == '"';
                if (!quoted && c == ',') {
                    return false;
                }
                found |= !quoted && c == ';';
            }
            return found;
        }
    }

    /** Null if every line is a row. */
    private static @Nullable OddLine oddLine(SourceText source) throws DataException {
        long tabs = -1;
        try (TextLines lines = source.lines()) {
            for (String line = lines.next(); line != null; line = lines.next()) {
                if (!line.isEmpty()) {
                    long found = line.chars().filter(c -> c == '\t').count();
                    boolean other = tabs >= 0 && found != tabs;
                    if (other || (found == 0 && opensQuote(line))) {
                        return new OddLine(
                                lines.origin(),
                                other
                                        ? " has " + (found + 1) + " values and not " + (tabs + 1) + ", as those before"
                                        : " opens a quote and does not close it");
                    }
                    tabs = found;
                }
            }
        }
        return null;
    }

    private static boolean opensQuote(String line) {
        return line.startsWith("\"") && line.chars().filter(c -> c == '"').count() % 2 == 1;
    }

    /** A row is a line, and only quotes around a whole value are taken off. */
    private record PlainRecords(TextLines lines) implements Records {
        @Override
        public @Nullable List<String> next() throws DataException {
            String line = lines.next();
            while (line != null && line.isEmpty()) {
                line = lines.next();
            }
            return line == null ? null : plainValues(line);
        }

        @Override
        public Origin origin() {
            return lines.origin();
        }

        @Override
        public void close() throws DataException {
            lines.close();
        }
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

    private void requireAll(List<String> values, Origin origin) throws DataException {
        if (values.size() != header.size()) {
            throw origin.fault(
                    "has " + values.size() + (values.size() == 1 ? " value" : " values") + ", but the header names "
                            + header.size() + " columns: " + Quoted.list(header) + OddLine.behind(odd, origin));
        }
    }

    private RowKind recognise(Origin origin) throws DataException {
        if (header.size() == 1 && ONE_COLUMN.matcher(header.get(0)).find()) {
            throw origin.fault(
                    "the header " + Quoted.text(header.get(0)) + " is one column: the values must be separated by "
                            + (separator == ',' ? "commas (.csv) or, in a .tsv file, tabs" : "tabs")
                            + hint(header.get(0)));
        }
        RowKind found =
                RowKind.recognise(rows.columns(), header, "the header (the first line must name the columns) ", origin);
        if (found.nested()) {
            throw origin.fault("has " + found.describe() + ", but a table of text cannot hold lists: they are read from"
                    + " .jsonl, .json and .parquet");
        }
        SeveralLabels several = rows.columns().several();
        if (found instanceof RowKind.MultiLabeled
                && several != null
                && several.columns().isEmpty()
                && several.separator() == null) {
            throw origin.fault(
                    "has " + found.describe() + ", but a table of text cannot hold lists: --label-separator says"
                            + " what stands between the labels of a text, --label-columns names columns of 0 and 1, and"
                            + " training with --problem-type single_label_classification learns one class for each text");
        }
        for (String column : found.columns()) {
            if (Collections.frequency(header, column) > 1) {
                throw origin.fault("the header names " + Quoted.text(column) + " twice");
            }
        }
        return found;
    }

    /** What to do with values that are separated otherwise. */
    private String hint(String header) {
        if (header.indexOf('\t') >= 0) {
            return "; it looks tab-separated: name it .tsv";
        }
        if (header.indexOf(';') < 0) {
            return "";
        }
        return "; it looks separated by semicolons: "
                + (separator == '\t' ? "name it .csv" : "take off the quotes around the line");
    }

    private Row row(RowKind kind, List<String> values, Origin origin) throws DataException {
        if (kind instanceof RowKind.Labeled labeled) {
            return RowCheck.labeled(
                    labeled,
                    value(labeled.text(), values),
                    value(labeled.textPair(), values),
                    value(labeled.label(), values),
                    origin);
        } else if (kind instanceof RowKind.MultiLabeled several) {
            return RowCheck.multiLabeled(
                    several,
                    value(several.text(), values),
                    value(several.textPair(), values),
                    labels(several, values, origin),
                    origin);
        } else if (kind instanceof RowKind.Prompted prompted) {
            String judged = prompted.judged();
            Row row = RowCheck.prompted(
                    prompted,
                    ChatRows.before(optional("system", values), MissingNode.getInstance(), origin),
                    value(prompted.prompt(), values),
                    value(prompted.completion(), values),
                    origin);
            return judged == null ? row : JudgedRows.of(row, judged, TextNode.valueOf(value(judged, values)), origin);
        } else if (kind instanceof RowKind.Rewarded rewarded) {
            Map<String, @Nullable Object> columns = new LinkedHashMap<>();
            header.forEach(column -> columns.put(column, value(column, values)));
            Row prompt = row(new RowKind.Prompted(rewarded.asked(), null, null), values, origin);
            return RewardRows.of(prompt, columns, origin);
        } else if (kind instanceof RowKind.Preferred preferred) {
            RowKind asked = preferred.asked();
            return PreferenceRows.of(
                    asked == null ? null : row(asked, values, origin),
                    JsonNodeFactory.instance
                            .objectNode()
                            .put(PreferenceRows.CHOSEN, value(PreferenceRows.CHOSEN, values))
                            .put(PreferenceRows.REJECTED, value(PreferenceRows.REJECTED, values)),
                    origin);
        }
        if (kind instanceof RowKind.Instructed instructed) {
            return RowCheck.instructed(
                    instructed,
                    ChatRows.before(optional("system", values), optional("history", values), origin),
                    value(instructed.instruction(), values),
                    header.contains(instructed.input()) ? value(instructed.input(), values) : "",
                    value(instructed.output(), values),
                    origin);
        }
        String text = ((RowKind.Plain) kind).text();
        return RowCheck.plain(text, value(text, values), origin);
    }

    /** An empty value is no negative; a row may have fewer than others. */
    private List<TextMatch> matches(RowKind.Matched kind, List<String> values) throws DataException {
        ObjectNode object = JsonNodeFactory.instance.objectNode();
        kind.columns().forEach(column -> object.put(column, value(column, values)));
        for (String column : kind.optional()) {
            if (header.contains(column) && !value(column, values).isBlank()) {
                object.put(column, value(column, values));
            }
        }
        return MatchRows.of(kind, object, records.origin());
    }

    private List<String> labels(RowKind.MultiLabeled kind, List<String> values, Origin origin) throws DataException {
        SeveralLabels several = Objects.requireNonNull(rows.columns().several());
        if (several.columns().isEmpty()) {
            String column = kind.labels().get(0);
            return several.split(value(column, values), column, origin);
        }
        var labels = new ArrayList<String>();
        for (String column : several.columns()) {
            if (SeveralLabels.has(value(column, values), column, origin)) {
                labels.add(column);
            }
        }
        return labels;
    }

    private JsonNode optional(String column, List<String> values) {
        return header.contains(column) ? TextNode.valueOf(value(column, values)) : MissingNode.getInstance();
    }

    private String value(@Nullable String column, List<String> values) {
        return column == null ? "" : values.get(header.indexOf(column));
    }
}
