package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Against the definition: a column of logits beside the scores, which is dropped behind the softmax. */
class AttentionSinksTest {
    private static final double SCALE = 0.3;

    private static Tensor leaf(Dtype dtype, long... shape) {
        Tensor leaf = torch.randn(shape, Tensors.options(dtype, DeviceSpec.CPU));
        leaf.set_requires_grad(true);
        return leaf;
    }

    private static Tensor definition(Tensor q, Tensor k, Tensor v, @Nullable Tensor bias, Tensor sinks) {
        long group = q.size(2) / k.size(2);
        Tensor keys = torch.repeat_interleave(k, group, new LongOptional(2), new LongOptional());
        Tensor values = torch.repeat_interleave(v, group, new LongOptional(2), new LongOptional());
        Tensor scores = q.transpose(1, 2).matmul(keys.permute(0, 2, 3, 1)).mul(new Scalar(SCALE));
        scores = bias == null ? scores : scores.add(bias);
        Tensor column = sinks.view(1, -1, 1, 1).expand(q.size(0), -1, q.size(1), 1);
        Tensor p = torch.cat(new TensorVector(scores, column), 3).softmax(-1).narrow(3, 0, k.size(1));
        return p.matmul(values.transpose(1, 2)).transpose(1, 2).flatten(2, 3);
    }

    private static @Nullable Tensor besideKeys(@Nullable Tensor bias) {
        return bias == null ? null : AttentionSinks.besideKeys(bias);
    }

    private static void check(long batch, long queries, long keys, long heads, long keyHeads, @Nullable Tensor bias) {
        boolean causal = bias == null && queries > 1;
        List<Tensor> leaves = List.of(
                leaf(Dtype.F64, batch, queries, heads, 4),
                leaf(Dtype.F64, batch, keys, keyHeads, 4),
                leaf(Dtype.F64, batch, keys, keyHeads, 4),
                leaf(Dtype.F64, heads));
        Tensor hidden = causal ? Attention.future(leaves.get(0)) : bias;
        Tensor direction =
                torch.randn(new long[] {batch, queries, heads * 4}, Tensors.options(Dtype.F64, DeviceSpec.CPU));
        Tensor expected = definition(leaves.get(0), leaves.get(1), leaves.get(2), hidden, leaves.get(3));
        expected.mul(direction).sum().backward();
        List<Tensor> gradients = new ArrayList<>();
        for (Tensor leaf : leaves) {
            gradients.add(leaf.grad().clone());
            leaf.mutable_grad().reset();
        }
        Tensor actual = new AttentionSinks(leaves.get(3))
                .attend(leaves.get(0), leaves.get(1), leaves.get(2), besideKeys(bias), causal, 0, SCALE);
        assertEquals(0, actual.sub(expected).abs().max().item_double(), 1e-13);
        try (AutoGradMode frozen = new AutoGradMode(false)) {
            Tensor generated = new AttentionSinks(leaves.get(3))
                    .attend(leaves.get(0), leaves.get(1), leaves.get(2), besideKeys(bias), causal, 0, SCALE);
            assertEquals(0, generated.sub(expected).abs().max().item_double(), 1e-13, "without a gradient");
        }
        actual.mul(direction).sum().backward();
        for (int i = 0; i < leaves.size(); i++) {
            double off = leaves.get(i).grad().sub(gradients.get(i)).norm().item_double();
            assertTrue(off <= 1e-12 * gradients.get(i).norm().item_double(), "gradient " + i + " is off by " + off);
        }
    }

    /** In a lane those of 95 tokens and more, with the sink, are computed by our own attention. */
    @ParameterizedTest
    @CsvSource({"2, 7, 4, 4", "1, 200, 4, 2", "2, 128, 6, 2", "1, 95, 2, 1"})
    void valuesAndGradientsAreThoseOfTheDefinition(long batch, long length, long heads, long keyHeads) {
        for (int lanes : new int[] {1, 2}) {
            Lanes.run(lanes, lane -> {
                try (NativeScope scope = new NativeScope()) {
                    check(batch, length, length, heads, keyHeads, null);
                }
            });
        }
    }

    /** A query behind a cache, without and with hidden keys, and windows in which some query sees no key at all. */
    @Test
    void soItIsWithABiasAndACache() {
        try (NativeScope scope = new NativeScope()) {
            check(2, 1, 9, 4, 2, null);
            Tensor hidden = torch.zeros(new long[] {2, 1, 5, 9}, Tensors.options(Dtype.F64, DeviceSpec.CPU));
            hidden.narrow(3, 0, 4).fill_(new Scalar(-Float.MAX_VALUE / 2.0));
            hidden.select(0, 1).narrow(1, 0, 2).fill_(new Scalar(-Float.MAX_VALUE / 2.0));
            check(2, 5, 9, 4, 2, hidden);
            check(2, 1, 9, 4, 2, hidden.narrow(2, 0, 1));
        }
    }

    @Test
    void aQueryThatSeesNoKeyGetsNothing() {
        try (NativeScope scope = new NativeScope()) {
            Tensor q = leaf(Dtype.F32, 1, 3, 2, 4);
            Tensor hidden = torch.full(
                    new long[] {1, 1, 3, 3},
                    new Scalar(-Float.MAX_VALUE / 2.0),
                    Tensors.options(Dtype.F32, DeviceSpec.CPU));
            Tensor attended =
                    new AttentionSinks(leaf(Dtype.F32, 2)).attend(q, q, q, besideKeys(hidden), false, 0, SCALE);
            assertEquals(0, attended.abs().max().item_double());
        }
    }

    @ParameterizedTest
    @CsvSource({"20", "300"})
    void bfloat16IsRounded(long length) {
        try (NativeScope scope = new NativeScope()) {
            List<Tensor> wide = List.of(
                    leaf(Dtype.F32, 1, length, 4, 8),
                    leaf(Dtype.F32, 1, length, 2, 8),
                    leaf(Dtype.F32, 1, length, 2, 8),
                    leaf(Dtype.F32, 4));
            List<Tensor> half =
                    wide.stream().map(each -> each.to(Dtype.BF16.scalarType())).toList();
            Tensor expected =
                    definition(wide.get(0), wide.get(1), wide.get(2), Attention.future(wide.get(0)), wide.get(3));
            Tensor actual =
                    new AttentionSinks(half.get(3)).attend(half.get(0), half.get(1), half.get(2), null, true, 0, SCALE);
            assertEquals(Dtype.BF16, Dtype.of(actual));
            double off = actual.to(Dtype.F32.scalarType()).sub(expected).norm().item_double();
            assertTrue(off < 0.01 * expected.norm().item_double(), "off by " + off);
        }
    }
}
