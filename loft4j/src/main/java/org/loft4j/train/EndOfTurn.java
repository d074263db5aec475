package org.loft4j.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.AdaptersTokenizer;
import org.loft4j.data.ChatTemplate;
import org.loft4j.data.Tokenizer;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;

/**
 * The special token that ends what a model has learnt to write: an answer by the chat template, or a text. A model that was made to continue texts mostly has another end,
 * and programs that go by its files alone would not stop where it does.
 *
 * @param text as it stands there, such as {@code <|im_end|>}
 */
public record EndOfTurn(long id, String text) {
    private static final String KEY = "eos_token_id";

    /** The end by the template and the tokenizer of a model directory; null where it lacks either, or the template writes none. */
    public static @Nullable EndOfTurn of(Path directory) throws IOException {
        return ofAnswers(null, directory);
    }

    /** The same of a model with an adapter, whose template and tokenizer go before the model's. */
    public static @Nullable EndOfTurn ofAnswers(@Nullable Path adapterDirectory, Path modelDirectory)
            throws IOException {
        ChatTemplate template =
                ChatTemplate.find(adapterDirectory, modelDirectory).orElse(null);
        return template == null ? null : of(template, AdaptersTokenizer.directory(modelDirectory, adapterDirectory));
    }

    /** The end by a template; null where the directory has no tokenizer, or the template writes none. */
    static @Nullable EndOfTurn of(ChatTemplate template, Path tokenizerDirectory) throws IOException {
        if (!Files.isRegularFile(tokenizerDirectory.resolve("tokenizer.json"))) {
            return null;
        }
        try (Tokenizer tokenizer = Tokenizer.open(tokenizerDirectory)) {
            return of(tokenizer, template.endOfTurn(tokenizer));
        }
    }

    /** The end that a training puts behind a text, which is the tokenizer's; null where the directory has no tokenizer, or that no end. */
    public static @Nullable EndOfTurn ofTexts(Path directory) throws IOException {
        if (!Files.isRegularFile(directory.resolve("tokenizer.json"))) {
            return null;
        }
        try (Tokenizer tokenizer = Tokenizer.open(directory)) {
            return of(tokenizer, tokenizer.eosId());
        }
    }

    private static @Nullable EndOfTurn of(Tokenizer tokenizer, OptionalLong id) {
        return id.isEmpty()
                ? null
                : new EndOfTurn(id.getAsLong(), tokenizer.decode(new long[] {id.getAsLong()}, false));
    }

    /** The text of the end of a model directory where its files do not name it; null where they do, or there is none. */
    public static @Nullable String unnamedIn(Path directory) throws IOException {
        EndOfTurn end = of(directory);
        return end == null || end.isNamedIn(directory) ? null : end.text();
    }

    /** Whether generation ends at it by generation_config.json, or by config.json where the former names no end. */
    private boolean isNamedIn(Path directory) throws IOException {
        for (JsonNode each : named(directory)) {
            if (each.isIntegralNumber() && each.longValue() == id) {
                return true;
            }
        }
        return false;
    }

    /**
     * Puts it before the ends that the files of a model name, in generation_config.json, which is made where there is none. Does
     * nothing where it is among them.
     */
    public void write(Path directory) throws IOException {
        if (isNamedIn(directory)) {
            return;
        }
        ArrayNode ends = JsonNodeFactory.instance.arrayNode().add(id);
        named(directory).forEach(ends::add);
        Path file = directory.resolve(CopiedFiles.GENERATION);
        ObjectNode tree = JsonNodeFactory.instance.objectNode();
        if (Files.isRegularFile(file)) {
            tree = Json.read(file).toTree();
        } else {
            // with such a file Transformers asks config.json no more
            JsonObject config = read(directory, "config.json");
            for (String key : List.of("bos_token_id", "pad_token_id")) {
                JsonNode value = config == null ? null : config.node(key);
                if (value != null) {
                    tree.set(key, value);
                }
            }
        }
        tree.set(KEY, ends);
        Json.write(file, tree);
    }

    private static Iterable<JsonNode> named(Path directory) throws IOException {
        for (String name : List.of(CopiedFiles.GENERATION, "config.json")) {
            JsonObject file = read(directory, name);
            JsonNode value = file == null ? null : file.node(KEY);
            if (value != null) {
                return value.isArray() ? value : List.of(value);
            }
        }
        return List.of();
    }

    private static @Nullable JsonObject read(Path directory, String name) throws IOException {
        Path file = directory.resolve(name);
        return Files.isRegularFile(file) ? Json.read(file) : null;
    }
}
