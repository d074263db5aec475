package org.loft4j.model.llama;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.Rope;
import org.loft4j.nn.Activation;
import org.loft4j.nn.AutogradFunction;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.KeyValueCache;
import org.loft4j.nn.Losses;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.LiveObjects;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Shapes;
import org.loft4j.tensor.Tensors;

class LlamaModelTest {
    private static final LlamaConfig TINY = LlamaConfig.of(50, 32, 2, 4, 2, 48, 64);

    @Test
    void linearLayersCarryHuggingFacesPathsAndTheHeadIsTheLast() {
        try (CausalDecoder model = LlamaModel.random(TINY, DeviceSpec.CPU, Dtype.F32, 1)) {
            List<String> paths = List.copyOf(model.linears().keySet());
            assertEquals(2 * 7 + 1, paths.size());
            assertEquals("model.layers.0.self_attn.q_proj", paths.get(0));
            assertEquals("lm_head", paths.get(14));
            assertEquals(
                    16, model.linears().get("model.layers.1.self_attn.k_proj").outFeatures());
            assertEquals(64, model.description().maxPositions());
        }
    }

    @Test
    void aSeedMeansOneModel() {
        try (CausalDecoder a = LlamaModel.random(TINY, DeviceSpec.CPU, Dtype.F32, 5);
                CausalDecoder b = LlamaModel.random(TINY, DeviceSpec.CPU, Dtype.F32, 5);
                CausalDecoder c = LlamaModel.random(TINY, DeviceSpec.CPU, Dtype.F32, 6)) {
            Tensor first = a.weights().get("model.embed_tokens.weight");
            assertTrue(Tensors.bitEqual(first, b.weights().get("model.embed_tokens.weight")));
            assertFalse(Tensors.bitEqual(first, c.weights().get("model.embed_tokens.weight")));
        }
    }

    @Test
    void theSideOfThePaddingDoesNotMatter() {
        try (NativeScope scope = new NativeScope();
                CausalDecoder model = LlamaModel.random(TINY, DeviceSpec.CPU, Dtype.F32, 2)) {
            double[] alone = row(model.logits(input(new long[] {7, 8, 9}, null, 3)), 0, 2);
            Tensor right = model.logits(
                    input(new long[] {1, 2, 3, 4, 5, 7, 8, 9, 0, 0}, new long[] {1, 1, 1, 1, 1, 1, 1, 1, 0, 0}, 5));
            Tensor left = model.logits(
                    input(new long[] {1, 2, 3, 4, 5, 0, 0, 7, 8, 9}, new long[] {1, 1, 1, 1, 1, 0, 0, 1, 1, 1}, 5));
            assertArrayEquals(alone, row(right, 1, 2), 1e-6);
            assertArrayEquals(alone, row(left, 1, 4), 1e-6);
            assertArrayEquals(row(right, 0, 4), row(left, 0, 4), 1e-6);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Dtype.class,
            names = {"F64", "F32", "F16", "BF16"})
    void rowsWithoutAnyTokenStayFinite(Dtype dtype) {
        try (NativeScope scope = new NativeScope();
                CausalDecoder model = LlamaModel.random(TINY, DeviceSpec.CPU, dtype, 2)) {
            Tensor logits = model.logits(input(new long[] {0, 0, 0, 4}, new long[] {0, 0, 0, 1}, 2));
            assertEquals(dtype, Dtype.of(logits));
            assertTrue(logits.isfinite().all().item_bool());
        }
    }

    @Test
    void whatIsReadTokenByTokenIsWhatIsReadAtOnce() {
        long[] ids = {3, 1, 4, 1, 5, 9, 2, 6};
        try (NativeScope scope = new NativeScope();
                NoGradGuard frozen = new NoGradGuard();
                CausalDecoder model = LlamaModel.random(TINY, DeviceSpec.CPU, Dtype.F64, 3);
                KeyValueCache cache = new KeyValueCache()) {
            Tensor whole = model.logits(input(ids, null, ids.length));
            for (int end = 3; end <= ids.length; end++) {
                long[] next = Arrays.copyOfRange(ids, end == 3 ? 0 : end - 1, end);
                Tensor logits = model.nextLogits(Tensors.of(next, 1, next.length), null, cache);
                assertArrayEquals(row(whole, 0, end - 1), Tensors.toDoubles(logits), 1e-12);
            }
            assertEquals(ids.length, cache.length());
        }
    }

    @Test
    void parametersAreFrozenUntilSomeoneAsksAndTiedWeightsAreOneTensor() {
        DecoderConfig sizes = new DecoderConfig(50, 32, 1, 4, 4, 8, 48, 64, 1e-6, true, 0, 0.02, Activation.SILU, -1);
        LlamaConfig tied = new LlamaConfig(sizes, Rope.plain(8, 10000), true, true, 0);
        try (NativeScope scope = new NativeScope();
                CausalDecoder model = LlamaModel.random(tied, DeviceSpec.CPU, Dtype.F32, 4)) {
            assertNull(model.weights().find("lm_head.weight"));
            assertEquals(
                    32,
                    model.linears().get("model.layers.0.mlp.down_proj").bias().numel());
            assertFalse(model.logits(input(new long[] {1, 2}, null, 2)).requires_grad());
            model.weights().asMap().values().forEach(weight -> weight.set_requires_grad(true));
            Tensor ids = Tensors.of(new long[] {1, 2, 3}, 1, 3);
            Losses.causalLm(model.logits(new TokenInput(ids, null)), ids).backward();
            model.weights()
                    .asMap()
                    .forEach((name, weight) -> assertTrue(weight.grad().defined(), name));
        }
    }

    @Test
    void aFloat64ModelComputesInFloat64() {
        try (NativeScope scope = new NativeScope();
                CausalDecoder single = LlamaModel.random(TINY, DeviceSpec.CPU, Dtype.F32, 8);
                CausalDecoder twice = LlamaModel.random(TINY, DeviceSpec.CPU, Dtype.F64, 8)) {
            TokenInput input = input(new long[] {1, 2, 3, 4}, null, 4);
            Tensor logits = twice.logits(input);
            assertEquals(Dtype.F64, Dtype.of(logits));
            assertArrayEquals(Tensors.toDoubles(single.logits(input)), Tensors.toDoubles(logits), 1e-5);
        }
    }

    @Test
    void attentionDropoutWorksWhileTrainingOnly() {
        DecoderConfig sizes = new DecoderConfig(50, 32, 1, 4, 2, 8, 48, 64, 1e-6, false, 0.5, 0.2, Activation.SILU, -1);
        LlamaConfig dropping = new LlamaConfig(sizes, Rope.plain(8, 10000), false, false, 0);
        try (NativeScope scope = new NativeScope();
                CausalDecoder model = LlamaModel.random(dropping, DeviceSpec.CPU, Dtype.F32, 4)) {
            TokenInput input = input(new long[] {1, 2, 3, 4}, null, 4);
            assertTrue(Tensors.bitEqual(model.logits(input), model.logits(input)));
            model.setTraining(true);
            assertFalse(Tensors.bitEqual(model.logits(input), model.logits(input)));
        }
    }

    @Test
    void stepsLeaveNoNativeObjectBehind() {
        try (CausalDecoder model = LlamaModel.random(TINY, DeviceSpec.CPU, Dtype.F32, 9)) {
            Tensor weight = model.weights().get("model.layers.0.self_attn.v_proj.weight");
            weight.set_requires_grad(true);
            long baseline = 0;
            for (int i = 0; i < 200; i++) {
                try (NativeScope scope = new NativeScope()) {
                    Tensor ids = Tensors.of(new long[] {1, 2, 3, 4, 5, 6}, 2, 3);
                    Tensor mask = Tensors.of(new long[] {1, 1, 1, i % 2, 1, 1}, 2, 3);
                    Losses.causalLm(model.logits(new TokenInput(ids, mask)), ids)
                            .backward();
                    weight.mutable_grad().zero_();
                }
                // as a trainer does; of earlier tests, too
                AutogradFunction.sweep();
                if (i == 9) {
                    baseline = LiveObjects.settled();
                }
            }
            assertEquals(baseline, NativeScope.liveObjects());
        }
    }

    @Test
    void whatNativeCodeWouldFailOnIsRefusedInJava() {
        try (NativeScope scope = new NativeScope();
                CausalDecoder model = LlamaModel.random(TINY, DeviceSpec.CPU, Dtype.F32, 1)) {
            assertThrows(ShapeException.class, () -> model.logits(input(new long[] {50}, null, 1)));
            assertThrows(ShapeException.class, () -> model.logits(input(new long[] {-1}, null, 1)));
            TokenInput uneven =
                    new TokenInput(Tensors.of(new long[] {1, 2}, 1, 2), Tensors.of(new long[] {1, 1, 1}, 1, 3));
            ShapeException fault = assertThrows(ShapeException.class, () -> model.logits(uneven));
            assertEquals("attention_mask must have shape (1, 2), got (1, 3)", fault.getMessage());
        }
        assertThrows(ConfigException.class, () -> LlamaConfig.of(50, 32, 2, 4, 3, 48, 64));
        assertThrows(ConfigException.class, () -> LlamaConfig.of(50, 33, 2, 4, 2, 48, 64));
    }

    private static TokenInput input(long[] ids, long[] mask, int columns) {
        long rows = ids.length / columns;
        return new TokenInput(Tensors.of(ids, rows, columns), mask == null ? null : Tensors.of(mask, rows, columns));
    }

    private static double[] row(Tensor logits, long row, long column) {
        Shapes.require("logits", logits, -1, -1, 50);
        return Tensors.toDoubles(logits.select(0, row).select(0, column));
    }
}
