package org.loft4j.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.data.Languages;
import org.loft4j.data.Tokenizer;
import org.loft4j.io.Json;

/** The language that a translator has learnt to write, in the files that say which token it writes first. */
public final class WrittenLanguage {
    private static final String FIRST = "forced_bos_token_id";

    private static final String START = "decoder_start_token_id";

    private WrittenLanguage() {}

    /** Writes that of the tokenizer of a model directory into its other files, where it has one that names one. */
    public static void write(Path directory) throws IOException {
        if (!Files.isRegularFile(directory.resolve("tokenizer.json"))) {
            return;
        }
        try (Tokenizer tokenizer = Tokenizer.open(directory)) {
            write(directory, tokenizer.languages());
        }
    }

    /**
     * Puts the code of the target in place of that of another language in generation_config.json and config.json, where they are
     * and name one: the token that is forced first, and of mBART-25 the one that writing begins with.
     *
     * @param languages null for none, which changes nothing
     */
    static void write(Path directory, @Nullable Languages languages) throws IOException {
        Languages.Code target = languages == null ? null : languages.target();
        if (languages == null || target == null) {
            return;
        }
        List<String> keys = languages.startsWithCode() ? List.of(FIRST, START) : List.of(FIRST);
        for (String name : List.of(CopiedFiles.GENERATION, "config.json")) {
            Path file = directory.resolve(name);
            if (!Files.isRegularFile(file)) {
                continue;
            }
            ObjectNode tree = Json.read(file).toTree();
            boolean changed = false;
            for (String key : keys) {
                JsonNode before = tree.get(key);
                if (before != null && !before.isNull() && before.asLong(-1) != target.id()) {
                    tree.put(key, target.id());
                    changed = true;
                }
            }
            if (changed) {
                Json.write(file, tree);
            }
        }
    }
}
