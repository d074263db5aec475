package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.Logged;
import org.loft4j.ShapeException;
import org.loft4j.io.Json;
import org.loft4j.io.ParameterReader;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Decoders with a table of positions: how long it is, and what old files of them hold. */
class LearnedPositionsTest {
    @TempDir
    Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"gpt2", "gpt_neo", "opt", "opt_post"})
    void theTableIsFilledAndNotExceeded(String name) throws Exception {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Model model = open(name)) {
            int longest = Math.toIntExact(model.description().maxPositions());
            assertEquals(longest, Models.maxPositions(Fixture.directory(name)));
            assertEquals(longest, model.logits(text(longest, 0)).size(1));
            String fault = assertThrows(ShapeException.class, () -> model.logits(text(longest + 1, 0)))
                    .getMessage();
            assertEquals("a sequence must have at most " + longest + " tokens, got " + (longest + 1), fault);
        }
    }

    /** What is padding on the left takes no position. */
    @ParameterizedTest
    @ValueSource(strings = {"gpt2", "gpt_neo", "opt", "opt_post"})
    void aRowWithPaddingMayBeLonger(String name) throws Exception {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Model model = open(name)) {
            int longest = Math.toIntExact(model.description().maxPositions());
            Tensor alone = model.logits(text(longest, 0));
            Tensor padded = model.logits(text(longest, 5)).narrow(1, 5, longest);
            Fixture.assertClose(alone, padded, null, 2e-5);
        }
    }

    /** Masks, a number of a version, and names of the base class. */
    @ParameterizedTest
    @ValueSource(strings = {"opt_post", "gpt_neo_cls"})
    void whatOldFilesHoldBesideIsPassedOver(String name) throws Exception {
        Path path = Fixture.directory(name);
        Models.check(path);
        try (Logged log = new Logged(ParameterReader.class);
                Model model = Models.open(path, ModelOptions.of(Models.defaultTask(path)))) {
            assertEquals(List.of(), log.texts());
            assertTrue(model.weights().asMap().keySet().stream()
                    .noneMatch(key -> key.endsWith(".version") || key.endsWith(".attn.attention.bias")));
        }
    }

    /** Before Transformers 4.20.1 such models had none. */
    @Test
    void theLastNormOfAnOldOptIsMissing() throws Exception {
        Path old = Files.createDirectories(directory.resolve("old"));
        ObjectNode config =
                Json.read(Fixture.directory("opt").resolve("config.json")).toTree();
        Json.write(old.resolve("config.json"), config.put("_remove_final_layer_norm", true));
        try (Model model = Models.initialise(old, ModelOptions.of(Task.CAUSAL_LM));
                Model today = open("opt")) {
            String norm = "model.decoder.final_layer_norm.weight";
            assertTrue(today.weights().asMap().containsKey(norm));
            assertTrue(!model.weights().asMap().containsKey(norm));
        }
    }

    /** The states behind the last block are as wide as the vectors of tokens, which a classifier reads. */
    @Test
    void aNarrowOptIsProjectedForItsClassifierToo() throws Exception {
        ModelOptions classes = ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withLabels(List.of("no", "yes"));
        try (Model model = Models.open(Fixture.directory("opt_post"), classes)) {
            assertEquals(24, model.description().hiddenSize());
            assertEquals(16, model.stateSize());
            assertEquals(16, model.head().inFeatures());
            assertTrue(model.linears()
                    .keySet()
                    .containsAll(List.of("model.decoder.project_in", "model.decoder.project_out", "score")));
        }
    }

    private static TokenInput text(int length, int padding) {
        long[] ids = new long[padding + length];
        long[] mask = new long[ids.length];
        for (int i = 0; i < length; i++) {
            ids[padding + i] = 3 + i * 7 % 31;
        }
        Arrays.fill(mask, padding, mask.length, 1);
        return new TokenInput(Tensors.of(ids, 1, ids.length), padding == 0 ? null : Tensors.of(mask, 1, mask.length));
    }

    private static Model open(String name) throws Exception {
        return Models.open(Fixture.directory(name), ModelOptions.of(Task.CAUSAL_LM));
    }
}
