package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.io.Json;
import org.loft4j.model.phi3.Phi3Model;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelInput;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.SourceTargetInput;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** A batch in a half type goes through a model with more columns, so that few numbers of rows occur; what comes out knows nothing of them. */
class FilledColumnsTest {
    private static final int ROWS = 2;
    private static final int COLUMNS = 37;
    private static final int FILLED = 40;

    @TempDir
    Path folder;

    private static Tensor ids(int seed, long columns) {
        return Tensors.of(
                new SplittableRandom(seed).longs(ROWS * columns, 3, 40).toArray(), ROWS, columns);
    }

    private static Tensor wider(Tensor x, long columns) {
        return torch.cat(new TensorVector(x, torch.zeros(new long[] {x.size(0), columns - x.size(1)}, x.options())), 1);
    }

    private static Model open(String name, Task task, Dtype dtype) throws Exception {
        ModelOptions options = ModelOptions.of(task).withDtype(dtype);
        boolean labelled = task == Task.SEQUENCE_CLASSIFICATION || task == Task.TOKEN_CLASSIFICATION;
        return Models.open(Fixture.directory(name), labelled ? options.withLabels(List.of("a", "b", "c")) : options);
    }

    /** The numbers of rows of the model's products. */
    private static Set<Long> rowsIn(Model model, Runnable work) {
        Set<Long> rows = new HashSet<>();
        model.linears()
                .values()
                .forEach(linear -> linear.setForward((base, x) -> {
                    rows.add(x.numel() / x.size(-1));
                    return base.baseForward(x);
                }));
        work.run();
        model.linears().values().forEach(linear -> linear.setForward(null));
        return rows;
    }

    /** Bit for bit what the same batch gives with padding up to there. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "qwen3",
                "gpt2",
                "gemma2_cap",
                "gemma3_text_mixed",
                "mistral_sw",
                "gpt_oss",
                "qwen3_moe",
                "llama4_text",
                "lfm2",
                "granitemoehybrid_h",
                "qwen3_5_text"
            })
    void statesOfADecoderAreThoseOfTheFilledBatch(String name) throws Exception {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Decoder model = (Decoder) open(name, Task.CAUSAL_LM, Dtype.BF16)) {
            Tensor ids = ids(1, COLUMNS);
            Tensor mask = torch.ones_like(ids);
            Tensor expected = model.hiddenStates(new TokenInput(wider(ids, FILLED), wider(mask, FILLED)))
                    .narrow(1, 0, COLUMNS);
            TokenInput plain = new TokenInput(ids, null);
            assertTrue(expected.equal(model.hiddenStates(plain)));
            assertTrue(rowsIn(model, () -> model.hiddenStates(plain)).contains((long) ROWS * FILLED));
            mask.select(0, 1).narrow(0, 30, COLUMNS - 30).zero_();
            Tensor padded = model.hiddenStates(new TokenInput(ids, mask));
            assertArrayEquals(new long[] {ROWS, COLUMNS}, new long[] {padded.size(0), padded.size(1)});
            assertTrue(padded.select(0, 0).equal(expected.select(0, 0)));
            assertTrue(padded.select(0, 1)
                    .narrow(0, 0, 30)
                    .equal(expected.select(0, 1).narrow(0, 0, 30)));
        }
    }

    @ParameterizedTest
    @CsvSource({
        "bert_cls, SEQUENCE_CLASSIFICATION",
        "bert_cls, TOKEN_CLASSIFICATION",
        "roberta_cls, SEQUENCE_CLASSIFICATION",
        "deberta_v2_cls, SEQUENCE_CLASSIFICATION",
        "modernbert_cls, TOKEN_CLASSIFICATION",
        "mpnet_cls, SENTENCE_EMBEDDING",
        "qwen2_cls, SEQUENCE_CLASSIFICATION",
        "qwen2_cls, TOKEN_CLASSIFICATION",
        "qwen3, SENTENCE_EMBEDDING",
        "gemma3_both, SENTENCE_EMBEDDING"
    })
    void logitsAreThoseOfTheFilledBatch(String name, Task task) throws Exception {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Model model = open(name, task, Dtype.BF16)) {
            long columns = Math.min(COLUMNS, model.description().maxPositions() - 4);
            long filled = columns == COLUMNS ? FILLED : model.description().maxPositions();
            Tensor ids = ids(2, columns);
            Tensor expected = model.logits(new TokenInput(wider(ids, filled), wider(torch.ones_like(ids), filled)));
            if (task == Task.TOKEN_CLASSIFICATION) {
                expected = expected.narrow(1, 0, columns);
            }
            Tensor logits = model.logits(new TokenInput(ids, null));
            double off = expected.sub(logits).abs().max().item_double();
            // a head, or a mean, of other numbers of rows is rounded otherwise
            assertTrue(off <= 0x1p-7 * expected.abs().max().item_double(), () -> name + " is off by " + off);
            assertTrue(
                    rowsIn(model, () -> model.logits(new TokenInput(ids, null))).contains(ROWS * filled));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"t5", "bart"})
    void whatIsReadAndWhatIsWrittenAreFilled(String name) throws Exception {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Decoder model = (Decoder) open(name, Task.SEQ2SEQ_LM, Dtype.BF16)) {
            Tensor ids = ids(3, COLUMNS);
            Tensor target = ids(4, 19);
            ModelInput plain = new SourceTargetInput(new TokenInput(ids, null), target);
            Tensor expected = model.hiddenStates(new SourceTargetInput(
                            new TokenInput(wider(ids, FILLED), wider(torch.ones_like(ids), FILLED)), wider(target, 20)))
                    .narrow(1, 0, 19);
            assertTrue(expected.equal(model.hiddenStates(plain)));
            Set<Long> rows = rowsIn(model, () -> model.hiddenStates(plain));
            assertTrue(rows.containsAll(Set.of((long) ROWS * FILLED, ROWS * 20L)), rows.toString());
        }
    }

    /** However many there are: each begins anew, also what is added. */
    @Test
    void packedTextsAreFilledBeyondTheLastPosition() throws Exception {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Decoder model = (Decoder) open("gpt2", Task.CAUSAL_LM, Dtype.BF16)) {
            long positions = model.description().maxPositions();
            assertEquals(64, positions);
            Tensor all = ids(8, 520).view(1, -1);
            long[] segments = new long[26];
            Arrays.fill(segments, 40);
            TokenInput packed = TokenInput.packed(all, segments);
            assertEquals(Set.of(1152L), rowsIn(model, () -> model.hiddenStates(packed)));
            long[] more = Arrays.copyOf(segments, 28);
            more[26] = 64;
            more[27] = 48;
            Tensor expected = model.hiddenStates(TokenInput.packed(wider(all, 1152), more));
            assertTrue(expected.narrow(1, 0, 1040).equal(model.hiddenStates(packed)));
        }
    }

    /** The id of padding in a text has no position of its own, whether the text is filled or not. */
    @ParameterizedTest
    @ValueSource(strings = {"roberta_cls", "mpnet_cls"})
    void positionsAreCountedAsTheyAreWithoutAMask(String name) throws Exception {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Model half = open(name, Task.SENTENCE_EMBEDDING, Dtype.BF16);
                Model wide = open(name, Task.SENTENCE_EMBEDDING, Dtype.F32)) {
            Tensor ids = ids(9, COLUMNS);
            ids.select(1, 5).fill_(new Scalar(1));
            ids.select(1, 9).fill_(new Scalar(1));
            TokenInput plain = new TokenInput(ids, null);
            Tensor expected = wide.logits(plain);
            double off = half.logits(plain)
                    .to(Dtype.F32.scalarType())
                    .sub(expected)
                    .norm()
                    .item_double();
            assertTrue(off < 0.02 * expected.norm().item_double(), name + " is off by " + off);
            assertTrue(expected.equal(wide.logits(new TokenInput(ids, torch.ones_like(ids)))));
        }
    }

    /** Texts that lie end to end get one more, which is dropped. */
    @Test
    void packedTextsAreFilledToo() throws Exception {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Decoder model = (Decoder) open("qwen3", Task.CAUSAL_LM, Dtype.BF16)) {
            Tensor all = ids(5, COLUMNS).view(1, -1);
            TokenInput packed = TokenInput.packed(all, 30, 44);
            Tensor states = model.hiddenStates(packed);
            assertEquals(74, states.size(1));
            Tensor expected = model.hiddenStates(TokenInput.packed(wider(all, 80), 30, 44, 6));
            assertTrue(expected.narrow(1, 0, 74).equal(states));
            assertEquals(Set.of(80L), rowsIn(model, () -> model.hiddenStates(packed)));
        }
    }

    /** float32 is read as it is, and so is what begins with padding, and what would turn otherwise by being longer. */
    @Test
    void whatNeedsNoMoreColumnsGetsNone() throws Exception {
        String turns = Files.readString(Fixture.directory("phi3_longrope_short").resolve("config.json"))
                .replace(
                        "\"original_max_position_embeddings\": 16", "\"original_max_position_embeddings\": " + COLUMNS);
        Path config = Files.writeString(folder.resolve("config.json"), turns);
        ModelOptions options = ModelOptions.of(Task.CAUSAL_LM).withDtype(Dtype.BF16);
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                Decoder wide = (Decoder) open("qwen3", Task.CAUSAL_LM, Dtype.F32);
                Decoder half = (Decoder) open("qwen3", Task.CAUSAL_LM, Dtype.BF16);
                Decoder turning = Phi3Model.random(Json.read(config), options)) {
            Tensor ids = ids(6, COLUMNS + 2);
            TokenInput plain = new TokenInput(ids.narrow(1, 0, COLUMNS), null);
            assertEquals(Set.of((long) ROWS * COLUMNS), rowsIn(wide, () -> wide.hiddenStates(plain)));
            assertEquals(Set.of((long) ROWS * FILLED), rowsIn(half, () -> half.hiddenStates(plain)));
            assertEquals(Set.of((long) ROWS * COLUMNS), rowsIn(turning, () -> turning.hiddenStates(plain)));
            TokenInput turned = new TokenInput(ids, null);
            assertEquals(Set.of((long) ROWS * FILLED), rowsIn(turning, () -> turning.hiddenStates(turned)));
            Tensor mask = torch.ones_like(ids);
            mask.select(1, 0).zero_();
            TokenInput before = new TokenInput(ids, mask);
            assertEquals(Set.of(ROWS * (COLUMNS + 2L)), rowsIn(half, () -> half.hiddenStates(before)));
        }
    }

    /** A number of targets that is filled, too, has the loss and the gradients of float32, as far as bfloat16 goes. */
    @ParameterizedTest
    @ValueSource(strings = {"mistral_sw", "llama_gqa"})
    void lossAndGradientsAreThoseOfFloat32(String name) throws Exception {
        try (NativeScope scope = new NativeScope();
                Decoder half = (Decoder) open(name, Task.CAUSAL_LM, Dtype.BF16);
                Decoder wide = (Decoder) open(name, Task.CAUSAL_LM, Dtype.F32)) {
            Tensor ids = ids(7, COLUMNS);
            Tensor labels = ids.clone();
            labels.narrow(1, 0, 8).fill_(new Scalar(Losses.IGNORED));
            TokenInput input = new TokenInput(ids, null);
            for (Decoder model : List.of(half, wide)) {
                model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            }
            double expected = new LanguageModelLoss(wide).backward(input, labels, 1, 0);
            assertEquals(expected, new LanguageModelLoss(half).backward(input, labels, 1, 0), 0.01 * expected);
            assertEquals(
                    expected,
                    new LanguageModelLoss(half).judge(input, labels, null).sum(),
                    0.01 * expected);
            for (String weight : List.of("lm_head.weight", "model.norm.weight")) {
                Tensor exact = wide.weights().get(weight).grad();
                double off = half.weights()
                        .get(weight)
                        .grad()
                        .to(Dtype.F32.scalarType())
                        .sub(exact)
                        .norm()
                        .item_double();
                assertTrue(off < 0.03 * exact.norm().item_double(), weight + " is off by " + off);
            }
        }
    }
}
