package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.Json;

/**
 * The end of an answer under llama.cpp's key: it does not see in the chat template where one ends, and writes on behind a token that
 * it does not know as an end.
 */
final class EndOfAnswer {
    private static final String IDS = "eos_token_id";

    /** Tokens at which llama.cpp ends by their texts, in every version of it that reads such models. */
    private static final Set<String> KNOWN =
            Set.of("<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>");

    private EndOfAnswer() {}

    /**
     * Puts the end by the chat template; where that has none, as GLM-4's, the first by generation_config.json, else by config.json, that
     * llama.cpp does not know. The others are noted: it has one key.
     *
     * @param tokens by their ids
     * @param eos the tokenizer's own end
     */
    static void put(
            GgufModel.Options options,
            TextConfig config,
            List<String> tokens,
            @Nullable Integer eos,
            GgufMetadata metadata,
            List<String> notes)
            throws IOException {
        Long end = options.endOfTurn();
        List<Integer> unknown = new ArrayList<>();
        for (Integer id : end != null ? Set.of(Math.toIntExact(end)) : configured(options.directory(), config)) {
            if (id >= 0 && id < tokens.size() && !id.equals(eos) && !KNOWN.contains(tokens.get(id))) {
                unknown.add(id);
            }
        }
        if (unknown.isEmpty() || options.vectors() != null) {
            return;
        }
        metadata.count("tokenizer.ggml.eot_token_id", unknown.get(0));
        if (unknown.size() > 1) {
            List<String> others =
                    unknown.subList(1, unknown.size()).stream().map(tokens::get).toList();
            notes.add("the model ends at " + String.join(", ", others) + " too (" + IDS
                    + "), and a file has one such token, " + tokens.get(unknown.get(0))
                    + ": give llama.cpp the others as --reverse-prompt");
        }
    }

    private static Set<Integer> configured(Path directory, TextConfig config) throws IOException {
        Path file = directory.resolve("generation_config.json");
        JsonNode value = Files.isRegularFile(file) ? Json.read(file).node(IDS) : null;
        if (value == null) {
            value = config.either(IDS);
        }
        Set<Integer> ids = new LinkedHashSet<>();
        for (JsonNode id : value == null ? List.<JsonNode>of() : value.isArray() ? value : List.of(value)) {
            if (id.isIntegralNumber()) {
                ids.add(id.asInt());
            }
        }
        return ids;
    }
}
