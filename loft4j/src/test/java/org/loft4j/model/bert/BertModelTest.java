package org.loft4j.model.bert;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;
import org.loft4j.model.shared.EncoderConfig;
import org.loft4j.model.shared.HeadConfig;
import org.loft4j.nn.Activation;
import org.loft4j.nn.Losses;
import org.loft4j.nn.Model;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Pooling;
import org.loft4j.nn.Task;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

class BertModelTest {
    @Test
    void linearLayersCarryHuggingFacesPaths() {
        try (Model model = random(Pooling.POOLER, 0)) {
            List<String> paths = List.copyOf(model.linears().keySet());
            assertEquals("bert.encoder.layer.0.attention.self.query", paths.get(0));
            assertEquals("bert.encoder.layer.1.output.dense", paths.get(11));
            assertEquals("bert.pooler.dense", paths.get(12));
            assertEquals("classifier", paths.get(13));
            assertEquals(14, paths.size());
            assertEquals(model.head(), model.linears().get("classifier"));
        }
        try (Model model = random(Pooling.MEAN, 0)) {
            assertEquals(13, model.linears().size());
            assertNull(model.weights().find("bert.pooler.dense.weight"));
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Pooling.class,
            names = {"POOLER", "CLS", "MEAN"})
    void neitherPaddingNorItsSideMatters(Pooling pooling) {
        try (NativeScope scope = new NativeScope();
                Model model = random(pooling, 0)) {
            double[] alone = Tensors.toDoubles(model.logits(input(new long[] {7, 8, 9}, null, 3)));
            Tensor right =
                    model.logits(input(new long[] {1, 2, 3, 4, 7, 8, 9, 0}, new long[] {1, 1, 1, 1, 1, 1, 1, 0}, 4));
            Tensor left =
                    model.logits(input(new long[] {1, 2, 3, 4, 0, 7, 8, 9}, new long[] {1, 1, 1, 1, 0, 1, 1, 1}, 4));
            assertArrayEquals(alone, Tensors.toDoubles(right.select(0, 1)), 1e-12);
            assertArrayEquals(alone, Tensors.toDoubles(left.select(0, 1)), 1e-12);
        }
    }

    @Test
    void meanPoolingIsTheMeanOfTheTokensStates() {
        try (NativeScope scope = new NativeScope();
                Model model = random(Pooling.MEAN, 0)) {
            TokenInput input = input(new long[] {7, 8, 9, 0}, new long[] {1, 1, 1, 0}, 4);
            Tensor mean = model.hiddenStates(input).narrow(1, 0, 3).mean(1);
            assertArrayEquals(
                    Tensors.toDoubles(model.head().forward(mean)), Tensors.toDoubles(model.logits(input)), 1e-12);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Dtype.class,
            names = {"F64", "F32", "F16", "BF16"})
    void aRowWithoutAnyTokenStaysFinite(Dtype dtype) {
        try (NativeScope scope = new NativeScope();
                Model model = BertModel.random(config(Pooling.MEAN, 0), options(dtype))) {
            Tensor logits = model.logits(input(new long[] {1, 2, 0, 0}, new long[] {1, 1, 0, 0}, 2));
            assertTrue(logits.isfinite().all().item_bool());
        }
    }

    @Test
    void tokenTypesAreZeroUnlessGiven() {
        try (NativeScope scope = new NativeScope();
                Model model = random(Pooling.CLS, 0)) {
            Tensor ids = Tensors.of(new long[] {1, 2, 3}, 1, 3);
            Tensor zeros = Tensors.of(new long[] {0, 0, 0}, 1, 3);
            Tensor ones = Tensors.of(new long[] {0, 1, 1}, 1, 3);
            Tensor plain = model.logits(new TokenInput(ids, null));
            assertTrue(Tensors.bitEqual(plain, model.logits(new TokenInput(ids, null, zeros))));
            assertFalse(Tensors.bitEqual(plain, model.logits(new TokenInput(ids, null, ones))));
            Tensor twos = Tensors.of(new long[] {0, 2, 1}, 1, 3);
            assertThrows(ShapeException.class, () -> model.logits(new TokenInput(ids, null, twos)));
        }
    }

    @Test
    void dropoutWorksWhileTrainingOnly() {
        try (NativeScope scope = new NativeScope();
                Model model = random(Pooling.MEAN, 0.5)) {
            TokenInput input = input(new long[] {1, 2, 3, 4}, null, 4);
            assertTrue(Tensors.bitEqual(model.logits(input), model.logits(input)));
            model.setTraining(true);
            assertFalse(Tensors.bitEqual(model.logits(input), model.logits(input)));
        }
    }

    @Test
    void stepsLeaveNoNativeObjectBehind() {
        try (Model model = random(Pooling.MEAN, 0.1)) {
            model.setTraining(true);
            Tensor weight = model.weights().get("bert.encoder.layer.0.attention.self.value.weight");
            weight.set_requires_grad(true);
            long baseline = 0;
            for (int i = 0; i < 200; i++) {
                try (NativeScope scope = new NativeScope()) {
                    TokenInput input = input(new long[] {1, 2, 3, 4, 5, 6}, new long[] {1, 1, 1, i % 2, 1, 1}, 3);
                    Losses.classification(model.logits(input), Tensors.of(new long[] {0, 2}, 2))
                            .backward();
                    weight.mutable_grad().zero_();
                }
                if (i == 9) {
                    baseline = LiveObjects.settled();
                }
            }
            assertEquals(baseline, NativeScope.liveObjects());
        }
    }

    @Test
    void aSequenceBeyondTheLastPositionIsRefused() {
        try (NativeScope scope = new NativeScope();
                Model model = random(Pooling.CLS, 0)) {
            ShapeException fault =
                    assertThrows(ShapeException.class, () -> model.logits(input(new long[17], null, 17)));
            assertEquals("a sequence must have at most 16 tokens, got 17", fault.getMessage());
        }
        assertThrows(ConfigException.class, () -> config(Pooling.CLS, 1));
    }

    private static Model random(Pooling pooling, double dropout) {
        return BertModel.random(config(pooling, dropout), options(Dtype.F64));
    }

    private static BertConfig config(Pooling pooling, double dropout) {
        EncoderConfig sizes = new EncoderConfig(50, 32, 2, 4, 48, 16, 2, 1e-12, Activation.GELU, dropout, dropout, 0.2);
        HeadConfig head = new HeadConfig(Task.SEQUENCE_CLASSIFICATION, List.of("no", "yes", "maybe"), pooling, dropout);
        return new BertConfig(sizes, head);
    }

    private static TokenInput input(long[] ids, long[] mask, int columns) {
        long rows = ids.length / columns;
        return new TokenInput(Tensors.of(ids, rows, columns), mask == null ? null : Tensors.of(mask, rows, columns));
    }

    private static ModelOptions options(Dtype dtype) {
        return ModelOptions.of(Task.SEQUENCE_CLASSIFICATION).withDtype(dtype).withSeed(3);
    }
}
