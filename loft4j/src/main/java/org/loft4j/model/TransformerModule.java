package org.loft4j.model;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.Json;
import org.loft4j.io.JsonObject;

/** The file of sentence-transformers that says how the model itself, the module {@code Transformer}, reads texts. */
final class TransformerModule {
    static final String FILE = "sentence_bert_config.json";

    /** The names that old versions had for it, by family. */
    private static final List<String> NAMES = List.of(
            FILE,
            "sentence_roberta_config.json",
            "sentence_distilbert_config.json",
            "sentence_camembert_config.json",
            "sentence_xlm-roberta_config.json");

    private TransformerModule() {}

    private static @Nullable JsonObject find(Path directory) throws CheckpointException {
        for (String name : NAMES) {
            if (Files.exists(directory.resolve(name))) {
                return Json.read(directory.resolve(name));
            }
        }
        return null;
    }

    /** Refuses a model of which another thing than its states is asked for. */
    static void requireStates(Path directory) throws CheckpointException {
        JsonObject json = find(directory);
        String task = json == null ? null : json.findString("transformer_task");
        if (json != null && task != null && !task.equals("feature-extraction")) {
            throw json.fault("transformer_task", "must be feature-extraction, found " + task);
        }
    }

    /** Tokens to which texts are cut; 0 where it is not said. */
    static int length(Path directory) throws CheckpointException {
        JsonObject json = find(directory);
        return json == null || json.node("max_seq_length") == null ? 0 : json.requireInt("max_seq_length", 1);
    }

    /** Small letters change nothing where the tokenizer makes them itself, and cannot be made elsewhere. */
    static boolean lowerCase(Path directory) throws CheckpointException {
        JsonObject json = find(directory);
        if (json == null || !json.booleanOr("do_lower_case", false)) {
            return false;
        }
        Path tokenizer = directory.resolve("tokenizer.json");
        if (!Files.exists(tokenizer)) {
            // an adapter's checkpoint has that of its model, beside which this was asked
            return true;
        }
        JsonNode normalizer = Json.read(tokenizer).node("normalizer");
        String text = normalizer == null ? "" : normalizer.toString();
        if (!text.contains("\"lowercase\":true") && !text.contains("\"type\":\"Lowercase\"")) {
            throw json.fault(
                    "do_lower_case",
                    "is true, and tokenizer.json makes no small letters: give texts in small letters, and set it to false");
        }
        return true;
    }

    static void write(Path directory, int maxLength, boolean lowerCase) throws IOException {
        Map<String, @Nullable Object> length = new LinkedHashMap<>();
        length.put("max_seq_length", maxLength == 0 ? null : maxLength);
        length.put("do_lower_case", lowerCase);
        Json.write(directory.resolve(FILE), length);
    }
}
