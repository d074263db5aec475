package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** The rule in chunks against the rule itself, token by token. */
class GatedDeltaRuleTest {
    private static final long BATCH = 2;
    private static final long HEADS = 3;
    private static final long KEY = 5;
    private static final long VALUE = 4;

    /** Shorter than a chunk, a chunk, one more, and several. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 7, 64, 65, 130, 200})
    void chunksYieldWhatTheRuleYieldsTokenByToken(long length) {
        try (NativeScope scope = new NativeScope()) {
            Inputs inputs = Inputs.random(length, Dtype.F64, 17 + length);
            Inputs again = inputs.copy();
            GatedDeltaRule.Result chunks = inputs.apply();
            GatedDeltaRule.Result plain = again.plain();
            assertNear(plain.output(), chunks.output(), 1e-12, "output");
            assertNear(plain.memory(), chunks.memory(), 1e-12, "memory");
            weighed(plain).backward();
            weighed(chunks).backward();
            for (int i = 0; i < inputs.all.size(); i++) {
                assertNear(again.all.get(i).grad(), inputs.all.get(i).grad(), 1e-10, "gradient " + i);
            }
        }
    }

    /** Decays so strong that their quotients are beyond float32 between the ends of a chunk, whose sums have fewer digits. */
    @Test
    void strongDecaysStayFinite() {
        try (NativeScope scope = new NativeScope()) {
            Inputs inputs = Inputs.random(100, Dtype.F32, 3);
            inputs.all.set(3, inputs.all.get(3).detach().mul(new Scalar(30.0)).set_requires_grad(true));
            GatedDeltaRule.Result chunks = inputs.apply();
            weighed(chunks).backward();
            for (Tensor each : inputs.all) {
                assertTrue(torch.isfinite(each.grad()).all().item_bool());
            }
            assertNear(inputs.copy().plain().output(), chunks.output(), 1e-4, "output");
        }
    }

    @Test
    void aTextInPartsYieldsWhatTheWholeYields() {
        try (NativeScope scope = new NativeScope()) {
            Inputs inputs = Inputs.random(150, Dtype.F64, 5);
            GatedDeltaRule.Result whole = inputs.apply();
            Tensor memory = inputs.all.get(5);
            TensorVector parts = new TensorVector();
            for (long[] part : new long[][] {{0, 90}, {90, 1}, {91, 1}, {92, 58}}) {
                GatedDeltaRule.Result some = inputs.part(part[0], part[1]).applyTo(memory);
                parts.push_back(some.output());
                memory = some.memory();
            }
            assertNear(whole.output(), torch.cat(parts, 1), 1e-12, "output");
            assertNear(whole.memory(), memory, 1e-12, "memory");
        }
    }

    /** Queries, keys, values, decay, strength and the memory before. */
    private record Inputs(List<Tensor> all) {
        static Inputs random(long length, Dtype dtype, long seed) {
            torch.manual_seed(seed);
            Tensor key = torch.randn(BATCH, length, HEADS, KEY).to(dtype.scalarType());
            return new Inputs(new ArrayList<>(List.of(
                            torch.randn(BATCH, length, HEADS, KEY).to(dtype.scalarType()),
                            key.div(key.mul(key)
                                    .sum(new long[] {-1}, true, new ScalarTypeOptional())
                                    .sqrt()),
                            torch.randn(BATCH, length, HEADS, VALUE).to(dtype.scalarType()),
                            torch.rand(BATCH, length, HEADS)
                                    .to(dtype.scalarType())
                                    .neg(),
                            torch.rand(BATCH, length, HEADS).to(dtype.scalarType()),
                            torch.randn(BATCH * HEADS, KEY, VALUE).to(dtype.scalarType()))))
                    .copy();
        }

        Inputs copy() {
            return new Inputs(new ArrayList<>(all.stream()
                    .map(each -> each.detach().clone().set_requires_grad(true))
                    .toList()));
        }

        Inputs part(long start, long count) {
            return new Inputs(all.subList(0, 5).stream()
                    .map(each -> each.narrow(1, start, count))
                    .toList());
        }

        GatedDeltaRule.Result apply() {
            return applyTo(all.get(5));
        }

        GatedDeltaRule.Result applyTo(Tensor memory) {
            return GatedDeltaRule.apply(all.get(0), all.get(1), all.get(2), all.get(3), all.get(4), memory);
        }

        /** {@code S ← e^g·S,  S ← S + k·β·(v − Sᵀ·k)ᵀ,  o = Sᵀ·q}. */
        GatedDeltaRule.Result plain() {
            Tensor memory = all.get(5).view(BATCH, HEADS, KEY, VALUE);
            TensorVector outputs = new TensorVector();
            for (long t = 0; t < all.get(0).size(1); t++) {
                Tensor query = all.get(0).select(1, t).unsqueeze(-1);
                Tensor key = all.get(1).select(1, t).unsqueeze(-1);
                Tensor value = all.get(2).select(1, t).unsqueeze(-2);
                Tensor decay = all.get(3).select(1, t).exp().unsqueeze(-1).unsqueeze(-1);
                Tensor strength = all.get(4).select(1, t).unsqueeze(-1).unsqueeze(-1);
                memory = memory.mul(decay);
                Tensor found = memory.mul(key).sum(-2).unsqueeze(-2);
                memory = memory.add(key.mul(value.sub(found).mul(strength)));
                outputs.push_back(memory.mul(query).sum(-2));
            }
            return new GatedDeltaRule.Result(torch.stack(outputs, 1), memory.flatten(0, 1));
        }
    }

    /** A number that depends on all of the result, each part in its own way. */
    private static Tensor weighed(GatedDeltaRule.Result result) {
        torch.manual_seed(1);
        Tensor output = result.output().mul(weights(result.output())).sum();
        return output.add(result.memory().mul(weights(result.memory())).sum());
    }

    private static Tensor weights(Tensor like) {
        return torch.randn(like.sizes().vec().get()).to(like.scalar_type());
    }

    private static void assertNear(Tensor expected, Tensor actual, double tolerance, String what) {
        assertEquals(0, expected.sub(actual).abs().max().item_double(), tolerance, what);
    }
}
