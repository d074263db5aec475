package org.loft4j.data;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Locale;
import java.util.Set;
import org.loft4j.ConfigException;
import org.loft4j.DataException;

/** Answers of which each is good or bad by itself. */
final class JudgedRows {
    private static final Set<String> GOOD = Set.of("true", "1");
    private static final Set<String> BAD = Set.of("false", "0");

    private JudgedRows() {}

    /**
     * Judges the answer of a row.
     *
     * @param answer a prompt with its completion
     * @param column that says whether it is good
     * @param label its value: true or false, 1 or 0, or one of these as text
     */
    static JudgedAnswer of(Row answer, String column, JsonNode label, Origin origin) throws DataException {
        boolean word = label.isBoolean() || label.isIntegralNumber() || label.isTextual();
        String said = word ? label.asText().strip().toLowerCase(Locale.ROOT) : "";
        if (!GOOD.contains(said) && !BAD.contains(said)) {
            throw origin.fault(
                    "\"" + column + "\" must be true where the completion is good and false where it is bad, or 1"
                            + " and 0, found " + JsonRows.describe(label)
                            + ": --format prompt learns all completions, and reads no label");
        }
        try {
            return new JudgedAnswer(answer, GOOD.contains(said), origin);
        } catch (ConfigException e) {
            throw origin.fault(String.valueOf(e.getMessage()));
        }
    }
}
