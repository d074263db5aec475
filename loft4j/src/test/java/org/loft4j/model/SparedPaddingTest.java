package org.loft4j.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.nn.Decoder;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** A batch of which more than half is padding goes through a decoder without it, and is read as its rows by themselves, in float64. */
class SparedPaddingTest {
    private static final int COLUMNS = 60;
    private static final int[] LENGTHS = {COLUMNS, 3, 12};

    private static TokenInput padded() {
        SplittableRandom random = new SplittableRandom(3);
        long[] ids = new long[LENGTHS.length * COLUMNS];
        long[] mask = new long[ids.length];
        for (int row = 0; row < LENGTHS.length; row++) {
            for (int i = row * COLUMNS; i < row * COLUMNS + LENGTHS[row]; i++) {
                ids[i] = random.nextInt(3, 95);
                mask[i] = 1;
            }
        }
        return new TokenInput(Tensors.of(ids, LENGTHS.length, COLUMNS), Tensors.of(mask, LENGTHS.length, COLUMNS));
    }

    private static Tensor labels(TokenInput padded) {
        return padded.inputIds().masked_fill(padded.attentionMask().eq(new Scalar(0)), new Scalar(Losses.IGNORED));
    }

    private static TokenInput alone(TokenInput padded, int row) {
        return new TokenInput(padded.inputIds().narrow(0, row, 1).narrow(1, 0, LENGTHS[row]), null);
    }

    private static boolean isZero(Tensor x) {
        return x.abs().sum().item_double() == 0;
    }

    private static Map<String, Tensor> gradients(Model model) {
        Map<String, Tensor> gradients = new LinkedHashMap<>();
        model.weights().asMap().forEach((name, weight) -> {
            if (weight.grad().defined()) {
                gradients.put(name, weight.grad().clone());
                weight.mutable_grad().reset();
            }
        });
        return gradients;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "gpt2",
                "mistral_sw",
                "qwen2_sliding",
                "qwen3",
                "gemma2_cap",
                "gemma3_text_mixed",
                "llama_gqa",
                "granitemoehybrid_h",
                "granitemoehybrid_moe",
                "lfm2",
                "gemma4_text",
                "gemma4_moe",
                "mixtral_sw",
                "gpt_oss",
                "mistral3_ministral3",
                "qwen3_5_text",
                "qwen3_5_moe_text"
            })
    void lossAndGradientsAreThoseOfTheRowsByThemselves(String name) throws Exception {
        try (NativeScope scope = new NativeScope();
                Decoder model = (Decoder) Models.open(
                        Fixture.directory(name), ModelOptions.of(Task.CAUSAL_LM).withDtype(Dtype.F64))) {
            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            TokenInput padded = padded();
            Tensor labels = labels(padded);
            assertTrue(isZero(model.hiddenStates(padded).select(0, 1).narrow(0, 3, COLUMNS - 3)), "padding is spared");
            LanguageModelLoss loss = new LanguageModelLoss(model);
            double expected = IntStream.range(0, LENGTHS.length)
                    .mapToDouble(row -> loss.backward(
                            alone(padded, row), labels.narrow(0, row, 1).narrow(1, 0, LENGTHS[row]), 1, 0))
                    .sum();
            Map<String, Tensor> apart = gradients(model);
            assertEquals(expected, loss.backward(padded, labels, 1, 0), 1e-12 * expected);
            Map<String, Tensor> together = gradients(model);
            assertEquals(expected, loss.judge(padded, labels, null).sum(), 1e-12 * expected);
            assertEquals(apart.keySet(), together.keySet());
            double norm = Math.sqrt(apart.values().stream()
                    .mapToDouble(gradient -> gradient.square().sum().item_double())
                    .sum());
            apart.forEach((weight, gradient) -> {
                double off = together.get(weight).sub(gradient).norm().item_double();
                assertTrue(off <= 1e-12 * norm, weight + " is off by " + off / norm);
            });
        }
    }

    /** In bfloat16, as far as that goes; the rows by themselves are filled up to few numbers as all of them are. */
    @ParameterizedTest
    @ValueSource(strings = {"qwen3", "mistral_sw", "gemma3_text_mixed", "lfm2", "qwen3_5_text"})
    void lossInHalfTypesIsThatOfTheRowsByThemselves(String name) throws Exception {
        try (NativeScope scope = new NativeScope();
                Decoder model = (Decoder) Models.open(
                        Fixture.directory(name), ModelOptions.of(Task.CAUSAL_LM).withDtype(Dtype.BF16))) {
            TokenInput padded = padded();
            Tensor labels = labels(padded);
            assertTrue(isZero(model.hiddenStates(padded).select(0, 1).narrow(0, 3, COLUMNS - 3)), "padding is spared");
            LanguageModelLoss loss = new LanguageModelLoss(model);
            double expected = IntStream.range(0, LENGTHS.length)
                    .mapToDouble(row -> loss.judge(
                                    alone(padded, row), labels.narrow(0, row, 1).narrow(1, 0, LENGTHS[row]), null)
                            .sum())
                    .sum();
            assertEquals(expected, loss.judge(padded, labels, null).sum(), 0.005 * expected);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "qwen2_cls, SEQUENCE_CLASSIFICATION",
        "qwen3_5_cls, SEQUENCE_CLASSIFICATION",
        "qwen2_cls, TOKEN_CLASSIFICATION",
        "qwen3, SENTENCE_EMBEDDING",
        "gemma3_both, SENTENCE_EMBEDDING"
    })
    void textsAreClassifiedAndEmbeddedAsByThemselves(String name, Task task) throws Exception {
        ModelOptions options = ModelOptions.of(task).withDtype(Dtype.F64);
        if (task != Task.SENTENCE_EMBEDDING) {
            options = options.withLabels(List.of("a", "b", "c"));
        }
        try (NativeScope scope = new NativeScope();
                Model model = Models.open(Fixture.directory(name), options)) {
            TokenInput padded = padded();
            Tensor all = model.logits(padded);
            for (int row = 0; row < LENGTHS.length; row++) {
                Tensor own = all.select(0, row);
                own = task == Task.TOKEN_CLASSIFICATION ? own.narrow(0, 0, LENGTHS[row]) : own;
                assertArrayEquals(
                        Tensors.toDoubles(model.logits(alone(padded, row)).select(0, 0)),
                        Tensors.toDoubles(own),
                        1e-12,
                        "row " + row);
            }
        }
    }

    /** Half types are read as they are unless there is much of it; so is padding before tokens, and a row without any. */
    @Test
    void whatIsBetterReadWithItsPaddingKeepsIt() throws Exception {
        try (NativeScope scope = new NativeScope();
                Decoder half = (Decoder) Models.open(
                        Fixture.directory("qwen3"),
                        ModelOptions.of(Task.CAUSAL_LM).withDtype(Dtype.BF16));
                Decoder model = (Decoder) Models.open(Fixture.directory("qwen3"), ModelOptions.of(Task.CAUSAL_LM))) {
            TokenInput padded = padded();
            assertTrue(isZero(half.hiddenStates(padded).select(0, 1).narrow(0, 3, 5)));
            Tensor mask = padded.attentionMask().clone();
            mask.select(0, 2).narrow(0, 0, 50).fill_(new Scalar(1));
            Tensor fuller = half.hiddenStates(new TokenInput(padded.inputIds(), mask));
            assertTrue(!isZero(fuller.select(0, 1).narrow(0, 3, 5)));
            mask = padded.attentionMask().clone();
            mask.select(0, 1).zero_();
            Tensor states = model.hiddenStates(new TokenInput(padded.inputIds(), mask));
            assertTrue(!isZero(states.select(0, 2).narrow(0, 12, 5)));
            Tensor left = padded.attentionMask().flip(1);
            states = model.hiddenStates(new TokenInput(padded.inputIds().flip(1), left));
            assertTrue(!isZero(states.select(0, 1).narrow(0, 0, 5)));
        }
    }
}
