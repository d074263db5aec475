package org.loft4j.data;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/** Texts that belong together out of JSON objects. */
final class MatchRows {
    /** Names that data sets have for the text that is searched with. */
    static final List<String> ANCHORS = List.of("anchor", "query");

    /** Names that they have for what is to be found: a text, or a list of which each makes a row. */
    static final List<String> POSITIVES = List.of("positive", "pos");

    private static final int MOST_NUMBERED = 64;

    /** Names that they have for what is not: a text or a list. */
    static final List<String> NEGATIVES = Stream.concat(
                    Stream.of("negative", "negatives", "neg"),
                    IntStream.rangeClosed(1, MOST_NUMBERED).mapToObj(i -> "negative_" + i))
            .toList();

    private MatchRows() {}

    /** Whether columns are those of such rows. */
    static boolean are(Collection<String> present) {
        return !present.contains("text")
                && ANCHORS.stream().anyMatch(present::contains)
                && POSITIVES.stream().anyMatch(present::contains);
    }

    /** Which columns they have; where answers are not read, the text that is searched with is all there is. */
    static RowKind kind(Columns asked, Collection<String> present, String where, Origin origin) throws DataException {
        String anchor = RowKind.named(RowKind.first(present, ANCHORS), "", present, where, origin);
        if (!asked.answers()) {
            return new RowKind.Plain(anchor);
        }
        return new RowKind.Matched(
                anchor, RowKind.named(RowKind.first(present, POSITIVES), "", present, where, origin));
    }

    /** Reads one row, or as many as there are texts to be found. */
    static List<TextMatch> of(RowKind.Matched kind, JsonNode object, Origin origin) throws DataException {
        List<String> anchor = texts(object, kind.anchor(), origin);
        if (object.path(kind.anchor()).isArray() || anchor.isEmpty()) {
            throw origin.fault("\"" + kind.anchor() + "\" must be a text");
        }
        List<String> positives = texts(object, kind.positive(), origin);
        if (positives.isEmpty()) {
            throw origin.fault("\"" + kind.positive() + "\" holds no text: there is nothing that belongs to \""
                    + kind.anchor() + "\"");
        }
        List<String> negatives = new ArrayList<>();
        for (String column : NEGATIVES) {
            negatives.addAll(texts(object, column, origin));
        }
        List<TextMatch> rows = new ArrayList<>();
        try {
            for (String positive : positives) {
                rows.add(new TextMatch(anchor.get(0), positive, negatives, origin));
            }
        } catch (ConfigException e) {
            throw origin.fault(String.valueOf(e.getMessage()));
        }
        return rows;
    }

    /** The texts of a column; none where it is missing or null. */
    private static List<String> texts(JsonNode object, String column, Origin origin) throws DataException {
        JsonNode value = object.path(column);
        if (value.isMissingNode() || value.isNull()) {
            return List.of();
        }
        List<String> texts = new ArrayList<>();
        for (JsonNode text : value.isArray() ? value : List.of(value)) {
            if (!text.isTextual()) {
                throw origin.fault("\"" + column + "\" must be a text or a list of texts, found " + text);
            }
            texts.add(RowCheck.filled(column, text.textValue(), origin));
        }
        return texts;
    }
}
