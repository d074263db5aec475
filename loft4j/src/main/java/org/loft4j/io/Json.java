package org.loft4j.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.Reader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.DoubleStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.FileFault;

/** JSON files: read strictly (no duplicate key, bounded depth and size), written atomically and for people to read. */
public final class Json {
    /** A tokenizer's vocabulary has some 20 MB; nothing that is read whole comes near this. */
    private static final long MAX_FILE_BYTES = 256L << 20;

    private static final StreamReadConstraints CONSTRAINTS = StreamReadConstraints.builder()
            .maxNestingDepth(100)
            .maxNumberLength(400)
            .maxNameLength(100_000)
            .maxStringLength((int) SafetensorsHeader.MAX_BYTES)
            .build();

    // names of a hostile file are neither interned nor kept in a table that all readers share
    private static final JsonFactory STRICT = JsonFactory.builder()
            .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
            .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
            .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
            .streamReadConstraints(CONSTRAINTS)
            .build();

    // Python writes NaN and Infinity; a key that nobody asks for may hold one
    private static final ObjectMapper MAPPER = new ObjectMapper(JsonFactory.builder()
                    .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                    .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
                    .streamReadConstraints(CONSTRAINTS)
                    .build())
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private static final DefaultPrettyPrinter PRETTY = new DefaultPrettyPrinter(
                    Separators.createDefaultInstance().withObjectFieldValueSpacing(Separators.Spacing.AFTER))
            .withObjectIndenter(new DefaultIndenter("  ", "\n"));

    private Json() {}

    /**
     * Reads a file that holds one JSON object.
     *
     * @throws CheckpointException if the file is missing, too large, not UTF-8, not JSON, or not an object
     */
    public static JsonObject read(Path file) throws CheckpointException {
        return object(file, tree(file));
    }

    /**
     * Reads a file that holds a list of JSON objects.
     *
     * @throws CheckpointException likewise, or if it is something else
     */
    public static List<JsonObject> readList(Path file) throws CheckpointException {
        JsonNode tree = tree(file);
        if (!tree.isArray()) {
            throw new CheckpointException(file, "must hold a list of JSON objects, found " + JsonObject.describe(tree));
        }
        List<JsonObject> objects = new ArrayList<>();
        for (JsonNode element : tree) {
            objects.add(object(file, element));
        }
        return objects;
    }

    private static JsonNode tree(Path file) throws CheckpointException {
        try {
            if (Files.size(file) > MAX_FILE_BYTES) {
                throw new CheckpointException(file, "has more than " + MAX_FILE_BYTES + " bytes: not a configuration");
            }
            try (Reader text = Files.newBufferedReader(file, StandardCharsets.UTF_8)) {
                return MAPPER.readTree(text);
            }
        } catch (CheckpointException e) {
            throw e;
        } catch (NoSuchFileException e) {
            throw new CheckpointException(file, "there is no such file", e);
        } catch (IOException e) {
            throw fault(file, e);
        }
    }

    /** Parses a text that holds one JSON object; {@code origin} is the file that messages name. */
    public static JsonObject parse(Path origin, String text) throws CheckpointException {
        try {
            return object(origin, MAPPER.readTree(text));
        } catch (IOException e) {
            throw e instanceof CheckpointException known ? known : fault(origin, e);
        }
    }

    static Map<String, @Nullable Object> values(Path file, ObjectNode tree) throws CheckpointException {
        try {
            return MAPPER.readerFor(new TypeReference<Map<String, @Nullable Object>>() {})
                    .with(DeserializationFeature.USE_LONG_FOR_INTS)
                    .readValue(tree);
        } catch (IOException e) {
            throw fault(file, e);
        }
    }

    private static JsonObject object(Path file, JsonNode tree) throws CheckpointException {
        if (tree instanceof ObjectNode object) {
            return new JsonObject(file, "", object);
        }
        throw new CheckpointException(file, "must hold a JSON object, found " + JsonObject.describe(tree));
    }

    private static CheckpointException fault(Path file, IOException e) {
        if (e instanceof JsonProcessingException json) {
            return new CheckpointException(file, "is not valid JSON: " + JsonFault.of(json), e);
        }
        return new CheckpointException(
                file,
                e instanceof CharacterCodingException ? "is not UTF-8 text" : "cannot be read: " + FileFault.of(e),
                e);
    }

    /**
     * Writes maps, lists, strings, numbers, booleans, nulls or a Jackson tree, indented; keys keep their order. A tree may have
     * been read with NaN or Infinity, which it keeps as Python writes them.
     */
    public static void write(Path file, Object tree) throws IOException {
        ObjectWriter writer = MAPPER.writer(PRETTY);
        ObjectWriter asRead = tree instanceof JsonNode ? writer.without(JsonWriteFeature.WRITE_NAN_AS_STRINGS) : writer;
        byte[] text = (asRead.writeValueAsString(tree) + "\n").getBytes(StandardCharsets.UTF_8);
        AtomicFiles.write(file, text);
    }

    /** The same on one line, without a line end: for JSON Lines. */
    public static String text(Object tree) throws IOException {
        return MAPPER.writeValueAsString(tree);
    }

    /** The same tree of maps, lists and values with null in place of a number that is not finite, for which JSON has no word. */
    public static @Nullable Object finite(@Nullable Object tree) {
        if (tree instanceof Double number) {
            return Double.isFinite(number) ? number : null;
        }
        if (tree instanceof double[] numbers) {
            return DoubleStream.of(numbers).allMatch(Double::isFinite)
                    ? numbers
                    : finite(DoubleStream.of(numbers).boxed().toList());
        }
        if (tree instanceof Map<?, ?> map) {
            Map<Object, @Nullable Object> finite = new LinkedHashMap<>();
            map.forEach((key, value) -> finite.put(key, finite(value)));
            return finite;
        }
        if (tree instanceof Collection<?> all) {
            List<@Nullable Object> finite = new ArrayList<>();
            all.forEach(each -> finite.add(finite(each)));
            return finite;
        }
        return tree;
    }

    /** A streaming parser for headers, with duplicate detection and limits. */
    static JsonParser strict(Reader text) throws IOException {
        return STRICT.createParser(text);
    }
}
