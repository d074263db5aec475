package org.loft4j.io;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.loft4j.ConfigException;

/** The keys and values of a GGUF file, in the order in which they were put. */
public final class GgufMetadata {
    private final Map<String, GgufValue> values = new LinkedHashMap<>();

    /** Puts a value of any type; a key can be put once. */
    public GgufMetadata put(String key, GgufValue value) {
        if (!key.matches("[a-z0-9_-]+(\\.[A-Za-z0-9_.-]+)*") || key.length() > 65535) {
            throw new ConfigException("a GGUF key must be lower-case words with dots between them, got " + key);
        }
        if (values.putIfAbsent(key, value) != null) {
            throw new ConfigException("the GGUF key " + key + " is put twice");
        }
        return this;
    }

    /** The type of counts, sizes and token ids. */
    public GgufMetadata count(String key, long value) {
        return put(key, new GgufValue.Whole(GgufValue.Kind.U32, value));
    }

    public GgufMetadata number(String key, double value) {
        return put(key, new GgufValue.Float32((float) value));
    }

    public GgufMetadata flag(String key, boolean value) {
        return put(key, new GgufValue.Truth(value));
    }

    public GgufMetadata text(String key, String value) {
        return put(key, new GgufValue.Text(value));
    }

    public GgufMetadata texts(String key, List<String> texts) {
        List<GgufValue> elements = new ArrayList<>(texts.size());
        texts.forEach(text -> elements.add(new GgufValue.Text(text)));
        return put(key, new GgufValue.Array(GgufValue.TEXT, elements));
    }

    public GgufMetadata numbers(String key, float[] numbers) {
        List<GgufValue> elements = new ArrayList<>(numbers.length);
        for (float number : numbers) {
            elements.add(new GgufValue.Float32(number));
        }
        return put(key, new GgufValue.Array(GgufValue.FLOAT32, elements));
    }

    public GgufMetadata flags(String key, boolean[] flags) {
        List<GgufValue> elements = new ArrayList<>(flags.length);
        for (boolean flag : flags) {
            elements.add(new GgufValue.Truth(flag));
        }
        return put(key, new GgufValue.Array(GgufValue.TRUTH, elements));
    }

    /** Signed numbers of 32 bits. */
    public GgufMetadata wholes(String key, int[] numbers) {
        List<GgufValue> elements = new ArrayList<>(numbers.length);
        for (int number : numbers) {
            elements.add(new GgufValue.Whole(GgufValue.Kind.I32, number));
        }
        return put(key, new GgufValue.Array(GgufValue.INT32, elements));
    }

    public Map<String, GgufValue> asMap() {
        return Collections.unmodifiableMap(values);
    }
}
