package org.loft4j.io;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import java.time.ZonedDateTime;
import java.time.format.DateTimeParseException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;

/**
 * A JSON object of a file, with typed access. A value of the wrong type is a {@link CheckpointException} that names file, key,
 * what was expected and what was found. A key whose value is {@code null} counts as absent, as in Hugging Face files.
 */
public final class JsonObject {
    private final Path file;
    private final String prefix;
    private final ObjectNode tree;

    JsonObject(Path file, String prefix, ObjectNode tree) {
        this.file = file;
        this.prefix = prefix;
        this.tree = tree;
    }

    /** The file that the object was read from. */
    public Path file() {
        return file;
    }

    /** All keys, in the order of the file; those with {@code null} as well. */
    public Set<String> keys() {
        var keys = new LinkedHashSet<String>();
        tree.fieldNames().forEachRemaining(keys::add);
        return keys;
    }

    /** Whether the key is there and not {@code null}. */
    public boolean has(String key) {
        return tree.hasNonNull(key);
    }

    /** The value as it was parsed, or null where it is absent. */
    public @Nullable JsonNode node(String key) {
        return has(key) ? tree.get(key) : null;
    }

    /** A copy of the whole tree, to be changed and written elsewhere. */
    public ObjectNode toTree() {
        return tree.deepCopy();
    }

    /** The values as null, Boolean, Long, Double, String, List and Map. */
    public Map<String, @Nullable Object> toMap() throws CheckpointException {
        return Json.values(file, tree);
    }

    /**
     * Which of two keys states a value for which a family has a name of its own, and Transformers reads the general one too
     * ({@code attribute_map}); the own where neither is there.
     *
     * @throws CheckpointException if both are there and differ
     */
    public String eitherKey(String general, String own) throws CheckpointException {
        if (has(general) && has(own) && !tree.get(general).equals(tree.get(own))) {
            throw fault(
                    general,
                    "must be " + own + " where both are given, found " + tree.get(general) + " and " + tree.get(own));
        }
        return has(general) ? general : own;
    }

    public long requireLong(String key) throws CheckpointException {
        return asLong(key, require(key, "a whole number"));
    }

    public long longOr(String key, long absent) throws CheckpointException {
        JsonNode value = node(key);
        return value == null ? absent : asLong(key, value);
    }

    /** A whole number of at least {@code min} that fits an int: sizes and counts. */
    public int requireInt(String key, int min) throws CheckpointException {
        return asInt(key, requireLong(key), min);
    }

    /** A whole number of at least {@code min} that fits an int, or {@code absent}. */
    public int intOr(String key, int absent, int min) throws CheckpointException {
        return has(key) ? asInt(key, requireLong(key), min) : absent;
    }

    public double requireDouble(String key) throws CheckpointException {
        return asDouble(key, require(key, "a number"));
    }

    public double doubleOr(String key, double absent) throws CheckpointException {
        JsonNode value = node(key);
        return value == null ? absent : asDouble(key, value);
    }

    /** A flag, or {@code absent}, as which null counts too. */
    public boolean booleanOr(String key, boolean absent) throws CheckpointException {
        JsonNode value = node(key);
        if (value == null) {
            return absent;
        }
        if (!value.isBoolean()) {
            throw wrong(key, "true or false", value);
        }
        return value.booleanValue();
    }

    /** The same where null is false, as it is to a program in Python. */
    public boolean flagOr(String key, boolean absent) throws CheckpointException {
        return booleanOr(key, absent && !keys().contains(key));
    }

    public String requireString(String key) throws CheckpointException {
        return asString(key, require(key, "a string"));
    }

    public String stringOr(String key, String absent) throws CheckpointException {
        String value = findString(key);
        return value == null ? absent : value;
    }

    public @Nullable String findString(String key) throws CheckpointException {
        JsonNode value = node(key);
        return value == null ? null : asString(key, value);
    }

    /** A date and a time with their zone, as {@link ZonedDateTime} writes them. */
    public @Nullable ZonedDateTime findMoment(String key) throws CheckpointException {
        String value = findString(key);
        if (value == null) {
            return null;
        }
        try {
            return ZonedDateTime.parse(value);
        } catch (DateTimeParseException e) {
            throw fault(key, "must be a moment such as 2026-01-31T12:00:00Z, found " + JsonFault.quote(value));
        }
    }

    /** An array of strings; empty where the key is absent. */
    public List<String> strings(String key) throws CheckpointException {
        var strings = new ArrayList<String>();
        JsonNode value = node(key);
        if (value != null) {
            if (!value.isArray()) {
                throw wrong(key, "an array of strings", value);
            }
            for (JsonNode element : value) {
                strings.add(asString(key, element));
            }
        }
        return strings;
    }

    public double[] requireDoubles(String key) throws CheckpointException {
        JsonNode value = require(key, "an array of numbers");
        if (!value.isArray()) {
            throw wrong(key, "an array of numbers", value);
        }
        double[] numbers = new double[value.size()];
        for (int i = 0; i < numbers.length; i++) {
            if (!value.get(i).isNumber()) {
                throw wrong(key, "an array of numbers", value.get(i));
            }
            numbers[i] = value.get(i).doubleValue();
        }
        return numbers;
    }

    public JsonObject requireObject(String key) throws CheckpointException {
        return asObject(key, require(key, "an object"));
    }

    public @Nullable JsonObject findObject(String key) throws CheckpointException {
        JsonNode value = node(key);
        return value == null ? null : asObject(key, value);
    }

    /** The same with values for keys that it lacks; those with {@code null} stay. */
    public JsonObject withAbsent(Map<String, Long> values) {
        ObjectNode filled = tree.deepCopy();
        values.forEach((key, value) -> filled.putIfAbsent(key, filled.numberNode(value)));
        return new JsonObject(file, prefix, filled);
    }

    /** The same with another value under a key. */
    public JsonObject with(String key, JsonNode value) {
        ObjectNode changed = tree.deepCopy();
        changed.set(key, value);
        return new JsonObject(file, prefix, changed);
    }

    /** The same without some keys. */
    public JsonObject without(Collection<String> keys) {
        return new JsonObject(file, prefix, tree.deepCopy().remove(keys));
    }

    /** An exception that names the file and the key: for rules that go beyond a type. */
    public CheckpointException fault(String key, String fault) {
        return new CheckpointException(file, JsonFault.quote(prefix + key) + " " + fault);
    }

    private JsonNode require(String key, String expected) throws CheckpointException {
        JsonNode value = node(key);
        if (value == null) {
            throw fault(key, "must be " + expected + ", but is missing");
        }
        return value;
    }

    private long asLong(String key, JsonNode value) throws CheckpointException {
        if (!value.isIntegralNumber() || !value.canConvertToLong()) {
            throw wrong(key, "a whole number below 2^63", value);
        }
        return value.longValue();
    }

    private int asInt(String key, long value, int min) throws CheckpointException {
        if (value < min || value > Integer.MAX_VALUE) {
            throw fault(key, "must be from " + min + " to " + Integer.MAX_VALUE + ", found " + value);
        }
        return (int) value;
    }

    private double asDouble(String key, JsonNode value) throws CheckpointException {
        if (!value.isNumber() || !Double.isFinite(value.doubleValue())) {
            throw wrong(key, "a finite number", value);
        }
        return value.doubleValue();
    }

    private String asString(String key, JsonNode value) throws CheckpointException {
        if (!value.isTextual()) {
            throw wrong(key, "a string", value);
        }
        return value.textValue();
    }

    private JsonObject asObject(String key, JsonNode value) throws CheckpointException {
        if (value instanceof ObjectNode object) {
            return new JsonObject(file, prefix + key + ".", object);
        }
        throw wrong(key, "an object", value);
    }

    private CheckpointException wrong(String key, String expected, JsonNode found) {
        return fault(key, "must be " + expected + ", found " + describe(found));
    }

    /** A value in a message: scalars as they are, the rest by its type. */
    static String describe(JsonNode value) {
        if (value.isTextual()) {
            return JsonFault.quote(value.textValue());
        }
        if (value.isValueNode()) {
            return value.asText();
        }
        return value.isMissingNode() ? "nothing" : value.isArray() ? "an array" : "an object";
    }
}
