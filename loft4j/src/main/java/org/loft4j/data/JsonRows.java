package org.loft4j.data;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;
import org.loft4j.FileFault;

/** Rows out of JSON Lines, or out of one JSON array of objects. */
final class JsonRows {
    // Python and DuckDB write NaN and Infinity; a column that nobody asks for may hold one
    static final ObjectMapper MAPPER = new ObjectMapper(JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
            .streamReadConstraints(StreamReadConstraints.builder()
                    .maxStringLength(Integer.MAX_VALUE)
                    .build())
            .build());

    /** The second text of a pair, where no call names one. */
    private static final String PAIR = "text_pair";

    private final RowCollector rows;
    private final ClassNames classes;

    JsonRows(RowCollector rows) {
        this(rows, ClassNames.NONE);
    }

    /** @param classes names of numbers that stand for classes */
    JsonRows(RowCollector rows, ClassNames classes) {
        this.rows = rows;
        this.classes = classes;
    }

    /** One object a line. */
    static RowReading lines(SourceText source, RowCollector rows) throws DataException {
        return new Lines(source.lines(), new JsonRows(rows));
    }

    /** One array of objects. */
    static RowReading array(SourceText source, RowCollector rows) throws DataException {
        return new JsonArrayRows(source, new JsonRows(rows), rows);
    }

    private record Lines(TextLines lines, JsonRows objects) implements RowReading {
        @Override
        public boolean advance() throws DataException {
            String line = lines.nextFilled();
            if (line != null) {
                objects.read(line, lines.origin());
            }
            return line != null;
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

    /** Reads one object; null stands for what is none. */
    void read(@Nullable String json, Origin origin) throws DataException {
        if (json == null) {
            rows.fault(origin.fault("is not valid JSON"));
            return;
        }
        try (JsonParser parser = MAPPER.createParser(json)) {
            JsonNode node = parser.readValueAsTree();
            if (parser.nextToken() != null) {
                throw origin.fault("has more after the end of the object");
            }
            add(node, origin);
        } catch (JsonProcessingException e) {
            rows.fault(origin.fault("is not valid JSON: " + complaint(e)));
        } catch (DataException e) {
            rows.fault(e);
        } catch (IOException e) {
            throw origin.fault("cannot be read: " + FileFault.of(e));
        }
    }

    /**
     * Reads one object of a table, in which each element of a list has the fields of all: those that are null were not there. A null
     * content stays, as the field is never left out.
     */
    void readWithoutNulls(@Nullable String json, Origin origin) throws DataException {
        try {
            JsonNode node = MAPPER.readTree(Objects.requireNonNull(json, "a row is an object"));
            node.forEach(JsonRows::dropNulls);
            add(node, origin);
        } catch (JsonProcessingException e) {
            rows.fault(origin.fault("is not valid JSON: " + complaint(e)));
        } catch (DataException e) {
            rows.fault(e);
        }
    }

    private static void dropNulls(JsonNode node) {
        if (node instanceof ObjectNode object) {
            object.properties()
                    .removeIf(entry ->
                            entry.getValue().isNull() && !entry.getKey().equals("content"));
        }
        node.forEach(JsonRows::dropNulls);
    }

    static String complaint(JsonProcessingException e) {
        String message = e.getOriginalMessage().lines().findFirst().orElse("");
        String column =
                e.getLocation() == null ? "" : " (column " + e.getLocation().getColumnNr() + ")";
        return message.replaceAll(" \\((for (Object|Array) starting|start marker) at .*", "") + column;
    }

    void add(@Nullable JsonNode node, Origin origin) throws DataException {
        if (!(node instanceof ObjectNode object)) {
            throw origin.fault("must be a JSON object such as {\"text\": \"…\"}, found " + describe(node));
        }
        Set<String> keys = new LinkedHashSet<>();
        object.fieldNames().forEachRemaining(keys::add);
        RowKind known = rows.kind();
        if (known == null) {
            known = RowKind.recognise(rows.columns(), keys, "", origin);
            rows.begin(known, origin);
        } else {
            requireSameKind(known, rows.first(), keys, origin);
        }
        if (known instanceof RowKind.Plain plain && rows.isBlank(string(object, plain.text(), origin))) {
            rows.blank();
        } else if (known instanceof RowKind.Matched matched) {
            MatchRows.of(matched, object, origin).forEach(rows::add);
        } else {
            rows.add(row(known, object, origin));
        }
    }

    private void requireSameKind(RowKind kind, Origin first, Set<String> keys, Origin origin) throws DataException {
        String there = first.source().equals(origin.source()) ? first.place() : first.source();
        for (String column : kind.columns()) {
            if (!keys.contains(column)) {
                throw origin.fault("has no \"" + column + "\"; it has " + Quoted.list(keys) + ", but " + there + " has "
                        + kind.describe() + ": all rows must be of one kind");
            }
        }
        if (rows.columns().equals(Columns.auto()) && keys.contains("label")) {
            boolean learnt = kind instanceof RowKind.Prompted prompted
                    && prompted.completion() != null
                    && prompted.judged() == null;
            if (learnt || kind instanceof RowKind.Plain) {
                throw origin.fault("has a \"label\", but " + there + " has none: all rows must be of one kind"
                        + (learnt ? " (--format prompt learns all completions, and reads no label)" : ""));
            }
        }
        if (rows.columns().text() == null
                && keys.contains(PAIR)
                && !kind.columns().contains(PAIR)
                && RowKind.recognise(rows.columns(), keys, "", origin).columns().contains(PAIR)) {
            throw origin.fault("has a \"" + PAIR + "\", but " + there
                    + " has none: all rows must be of one kind (where the second text is not to be read, --text-column"
                    + " names the first)");
        }
    }

    private Row row(RowKind kind, ObjectNode object, Origin origin) throws DataException {
        if (kind instanceof RowKind.Labeled labeled) {
            String pair = labeled.textPair();
            String label = labeled.label();
            return RowCheck.labeled(
                    labeled,
                    string(object, labeled.text(), origin),
                    pair == null ? "" : string(object, pair, origin),
                    label == null ? "" : label(object.get(label), label, origin),
                    origin);
        } else if (kind instanceof RowKind.MultiLabeled several) {
            String pair = several.textPair();
            return RowCheck.multiLabeled(
                    several,
                    string(object, several.text(), origin),
                    pair == null ? "" : string(object, pair, origin),
                    labels(several, object, origin),
                    origin);
        } else if (kind instanceof RowKind.Tagged tagged) {
            return tagged(tagged, object, origin);
        } else if (kind instanceof RowKind.Preferred preferred) {
            RowKind asked = preferred.asked();
            return PreferenceRows.of(asked == null ? null : row(asked, object, origin), object, origin);
        } else if (kind instanceof RowKind.Rewarded rewarded) {
            Row prompt = prompted(new RowKind.Prompted(rewarded.asked(), null, null), object, origin);
            return RewardRows.of(prompt, PlainJson.map(object), origin);
        } else if (kind instanceof RowKind.Chat chat) {
            return ChatRows.messages(object, chat.messages(), origin);
        } else if (kind instanceof RowKind.ShareGpt turns) {
            return ChatRows.shareGpt(object, turns.conversations(), origin);
        } else if (kind instanceof RowKind.Instructed instructed) {
            boolean alone = object.path(instructed.input()).isMissingNode()
                    || object.path(instructed.input()).isNull();
            return RowCheck.instructed(
                    instructed,
                    ChatRows.before(object.path("system"), object.path("history"), origin),
                    string(object, instructed.instruction(), origin),
                    alone ? "" : string(object, instructed.input(), origin),
                    answer(object, instructed.output(), origin),
                    origin);
        } else if (kind instanceof RowKind.Prompted prompted) {
            String judged = prompted.judged();
            Row row = prompted(prompted, object, origin);
            return judged == null ? row : JudgedRows.of(row, judged, object.path(judged), origin);
        }
        String text = ((RowKind.Plain) kind).text();
        return RowCheck.plain(text, string(object, text, origin), origin);
    }

    private static Row prompted(RowKind.Prompted kind, ObjectNode object, Origin origin) throws DataException {
        if (kind.columns().stream().anyMatch(column -> object.path(column).isArray())) {
            return ChatRows.prompted(object, kind, origin);
        }
        return RowCheck.prompted(
                kind,
                ChatRows.before(object.path("system"), MissingNode.getInstance(), origin),
                string(object, kind.prompt(), origin),
                answer(object, kind.completion(), origin),
                origin);
    }

    private List<String> labels(RowKind.MultiLabeled kind, ObjectNode object, Origin origin) throws DataException {
        List<String> labels = new ArrayList<>();
        SeveralLabels several = Objects.requireNonNull(rows.columns().several());
        for (String column : several.columns()) {
            JsonNode value = object.get(column);
            if (SeveralLabels.has(value.isValueNode() ? value.asText() : describe(value), column, origin)) {
                labels.add(column);
            }
        }
        if (!several.columns().isEmpty()) {
            return labels;
        }
        String column = kind.labels().get(0);
        JsonNode value = object.get(column);
        if (value.isTextual()) {
            return several.split(value.textValue(), column, origin);
        }
        if (!value.isArray()) {
            throw origin.fault("\"" + column + "\" must be an array of names, found " + describe(value));
        }
        for (JsonNode label : value) {
            if (label.isBoolean()) {
                throw origin.fault("\"" + column + "\" holds " + label + SeveralLabels.FLAGS);
            }
            labels.add(label(label, column, origin));
        }
        return labels;
    }

    private Row tagged(RowKind.Tagged kind, ObjectNode object, Origin origin) throws DataException {
        JsonNode words = object.get(kind.tokens());
        String column = kind.tags();
        if (column == null) {
            return new TaggedWords(words(words, kind.tokens(), origin), List.of(), origin);
        }
        JsonNode tags = object.get(column);
        if (words == null || !words.isArray() || tags == null || !tags.isArray() || words.size() != tags.size()) {
            throw origin.fault("must have an array of words in \"" + kind.tokens() + "\" and one of as many tags in \""
                    + column + "\", found " + size(words) + " and " + size(tags));
        }
        List<String> labels = new ArrayList<>();
        for (JsonNode tag : tags) {
            labels.add(label(tag, column, origin));
        }
        return new TaggedWords(words(words, kind.tokens(), origin), labels, origin);
    }

    private static List<String> words(@Nullable JsonNode words, String key, Origin origin) throws DataException {
        if (words == null || !words.isArray()) {
            throw origin.fault("\"" + key + "\" must be an array of words, found " + describe(words));
        }
        if (words.isEmpty()) {
            throw origin.fault("\"" + key + "\" must hold at least one word");
        }
        List<String> read = new ArrayList<>();
        for (JsonNode word : words) {
            if (!word.isTextual() || word.textValue().isBlank()) {
                throw origin.fault("\"" + key + "\" must hold words, found " + describe(word));
            }
            read.add(word.textValue());
        }
        return read;
    }

    private static String size(@Nullable JsonNode node) {
        return node != null && node.isArray() ? String.valueOf(node.size()) : describe(node);
    }

    private static String answer(ObjectNode object, @Nullable String key, Origin origin) throws DataException {
        return key == null ? "" : string(object, key, origin);
    }

    private static String string(ObjectNode object, String key, Origin origin) throws DataException {
        JsonNode value = object.get(key);
        if (value == null || !value.isTextual()) {
            throw origin.fault("\"" + key + "\" must be a string, found " + describe(value));
        }
        return value.textValue();
    }

    private String label(@Nullable JsonNode value, String key, Origin origin) throws DataException {
        if (rows.columns().scores()) {
            if (value != null && (value.isNumber() || value.isTextual())) {
                return value.asText();
            }
            throw origin.fault("\"" + key + "\" must be a number, found " + describe(value));
        }
        if (value != null && value.isIntegralNumber()) {
            return classes.name(value, key, origin);
        }
        if (value != null && (value.isTextual() || value.isBoolean())) {
            return value.asText();
        }
        throw origin.fault("\"" + key + "\" must be a name or a whole number, found " + describe(value)
                + (value != null && isFraction(value) && rows.kind() instanceof RowKind.Labeled
                        ? ": a class is no fraction; --problem-type regression learns numbers"
                        : "")
                + (value != null && value.isArray() && rows.kind() instanceof RowKind.Labeled
                        ? ": a text has one class; --problem-type multi_label_classification learns several labels"
                        : "")
                + (value != null && isFraction(value) && rows.kind() instanceof RowKind.MultiLabeled
                        ? SeveralLabels.FLAGS
                        : ""));
    }

    private static boolean isFraction(JsonNode value) {
        return value.isNumber() && Double.isFinite(value.doubleValue());
    }

    static String describe(@Nullable JsonNode value) {
        if (value == null || value.isMissingNode()) {
            return "nothing";
        }
        if (value.isTextual()) {
            return "the string " + Quoted.text(value.textValue());
        }
        return value.isArray() ? "an array" : value.isObject() ? "an object" : value.asText();
    }
}
