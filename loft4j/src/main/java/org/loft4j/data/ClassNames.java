package org.loft4j.data;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.DataException;

/**
 * The names of the classes that columns of numbers stand for, as the {@code datasets} library writes them into a Parquet file: the
 * type {@code ClassLabel} among the features, or a list of it.
 *
 * @param columns names by number, of each such column
 */
record ClassNames(Map<String, List<String>> columns) {
    static final ClassNames NONE = new ClassNames(Map.of());

    ClassNames {
        columns = Map.copyOf(columns);
    }

    /**
     * Reads the names; none where they are written otherwise.
     *
     * @param written what the file says under the key {@code huggingface}; null for nothing
     */
    static ClassNames read(@Nullable String written) {
        if (written == null) {
            return NONE;
        }
        try {
            Map<String, List<String>> columns = new HashMap<>();
            JsonRows.MAPPER
                    .readTree(written)
                    .path("info")
                    .path("features")
                    .properties()
                    .forEach(feature -> {
                        JsonNode type = feature.getValue();
                        JsonNode element = type.isArray() ? type.path(0) : type.path("feature");
                        List<String> names = names(element.has("names") ? element : type);
                        if (!names.isEmpty()) {
                            columns.put(feature.getKey(), names);
                        }
                    });
            return new ClassNames(columns);
        } catch (JsonProcessingException e) {
            return NONE;
        }
    }

    private static List<String> names(JsonNode type) {
        List<String> names = new ArrayList<>();
        if (type.path("_type").asText().equals("ClassLabel")
                && type.path("names").isArray()) {
            type.path("names").forEach(name -> names.add(name.asText()));
        }
        return names;
    }

    /** The names of a column, in the order of their numbers; empty where it has none. */
    List<String> of(String column) {
        return columns.getOrDefault(column, List.of());
    }

    /**
     * The name of a number; the number itself where the column has no names.
     *
     * @throws DataException if it is the number of no class, such as the -1 of test rows whose label is kept back
     */
    String name(JsonNode number, String column, Origin origin) throws DataException {
        List<String> names = of(column);
        if (names.isEmpty()) {
            return number.asText();
        }
        if (!number.canConvertToInt() || number.intValue() < 0 || number.intValue() >= names.size()) {
            throw origin.fault("\"" + column + "\" is " + number.asText() + ", and the file names the classes 0 to "
                    + (names.size() - 1) + ": " + Quoted.list(names));
        }
        return names.get(number.intValue());
    }
}
