package org.loft4j.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.PeftFiles;
import org.loft4j.adapter.PeftMetadata;
import org.loft4j.adapter.TargetModules;
import org.loft4j.io.Json;
import org.loft4j.model.Models;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;

/** An adapter with a tokenizer of its own, as other programs leave it. */
class AdaptersTokenizerEndToEndTest {
    private static final String TURN = "{{ eos_token }}{% for m in messages %}{{ m.content }}{% endfor %}";

    @TempDir
    Path folder;

    private Path model;
    private Path adapter;

    @BeforeEach
    void anAdapterThatChangesNothing() throws Exception {
        model = Fixtures.copy("stories260K", folder.resolve("stories"));
        Files.writeString(model.resolve("chat_template.jinja"), TURN);
        Files.writeString(model.resolve("tokenizer.model"), "of another tokenizer");
        adapter = folder.resolve("adapter");
        try (Model base = Models.open(model, ModelOptions.of(Task.CAUSAL_LM));
                LoraAdapter fresh = LoraAdapter.create(base, LoraConfig.of(2, 4, TargetModules.names("q_proj")), 1)) {
            PeftFiles.save(adapter, fresh, base, new PeftMetadata(model.toString()));
        }
    }

    /** A word in place of one of the vocabulary's last ones, or with an id of its own, which ends texts. */
    private void theTokenizerHasAWordMore(int id) throws Exception {
        ObjectNode tokenizer = Json.read(model.resolve("tokenizer.json")).toTree();
        ObjectNode added = tokenizer.withArray("added_tokens").get(2).deepCopy();
        tokenizer.withArray("added_tokens").add(added.put("id", id).put("content", "<|turn|>"));
        ObjectNode vocabulary = (ObjectNode) tokenizer.path("model").path("vocab");
        vocabulary.properties().removeIf(word -> word.getValue().asInt() == id);
        Json.write(adapter.resolve("tokenizer.json"), tokenizer);
        Json.write(adapter.resolve("tokenizer_config.json"), Map.of("eos_token", "<|turn|>", "bos_token", "<s>"));
    }

    private int tokens(Object... of) throws Exception {
        List<String> call = new ArrayList<>(List.of("generate", "--max-new-tokens", "1", "--json"));
        for (Object word : of) {
            call.add(word.toString());
        }
        Captured made = Captured.loft(call.toArray(String[]::new));
        assertEquals(0, made.status(), made.err());
        return new ObjectMapper().readTree(made.out()).get("prompt_tokens").asInt();
    }

    @Test
    void itIsTheOneThatTheModelIsAskedAndMergedWith() throws Exception {
        String[] asked = {"--text", "<|turn|>"};
        int pieces = tokens("--adapter", adapter, asked[0], asked[1]);
        theTokenizerHasAWordMore(511);
        assertTrue(pieces > 2);
        assertEquals(2, tokens("--adapter", adapter, asked[0], asked[1]), "the beginning, and the word");
        // the model's template, with the tokens of the adapter's tokenizer
        int turn = tokens("--adapter", adapter, "--chat", asked[0], asked[1]);
        assertEquals(2, turn);

        Path merged = folder.resolve("merged");
        Captured merge = Captured.loft("merge", "--adapter", adapter.toString(), "--output", merged.toString());
        assertEquals(0, merge.status(), merge.err());
        assertEquals(-1, Files.mismatch(adapter.resolve("tokenizer.json"), merged.resolve("tokenizer.json")));
        assertEquals(2, tokens("--model", merged, asked[0], asked[1]));
        assertEquals(turn, tokens("--model", merged, "--chat", asked[0], asked[1]));
        assertFalse(Files.exists(merged.resolve("tokenizer.model")), "the other tokenizer's");
        assertTrue(Files.exists(merged.resolve("generation_config.json")));
    }

    @Test
    void idsThatTheModelHasNoRowsForAreRefusedWhateverIsAsked() throws Exception {
        theTokenizerHasAWordMore(512);
        String fault = adapter.resolve("tokenizer.json") + ": this tokenizer has 513 ids, and the model 512 rows";
        Captured asked = Captured.loft("generate", "--adapter", adapter.toString(), "--text", "a");
        assertEquals(1, asked.status(), asked.out());
        assertTrue(asked.err().contains(fault), asked.err());
        Captured merge = Captured.loft(
                "merge",
                "--adapter",
                adapter.toString(),
                "--output",
                folder.resolve("merged").toString());
        assertTrue(merge.err().contains(fault), merge.err());
    }
}
