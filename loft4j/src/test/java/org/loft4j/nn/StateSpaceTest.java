package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Mamba 2's state space in float64 against its recurrence, token by token: forward, back, packed, padded and with a cache. */
class StateSpaceTest {
    private static final int HEADS = 4;
    private static final int DIM = 3;
    private static final int STATES = 5;
    private static final long HIDDEN = 6;

    /** One token, less than a chunk, one chunk, and several that do not come out even. */
    @ParameterizedTest
    @CsvSource({"1, 1", "5, 2", "64, 4", "65, 1", "150, 2"})
    void theRuleInChunksIsItsRecurrence(int length, int groups) {
        try (NativeScope scope = new NativeScope()) {
            torch.manual_seed(3);
            List<Tensor> leaves = List.of(
                    leaf(torch.randn(2, length, HEADS, DIM)),
                    leaf(torch.randn(2, length, groups, STATES)),
                    leaf(torch.randn(2, length, groups, STATES)),
                    leaf(torch.rand(2, length, HEADS).mul(new Scalar(-3.0))),
                    leaf(torch.randn(2L * groups, STATES, HEADS / groups * DIM)));
            Tensor weights = wide(torch.randn(2, length, HEADS, DIM));
            Tensor ofMemory = wide(torch.randn(2L * groups, STATES, HEADS / groups * DIM));
            StateSpaceRule.Result result =
                    StateSpaceRule.apply(leaves.get(0), leaves.get(1), leaves.get(2), leaves.get(3), leaves.get(4));
            result.output()
                    .mul(weights)
                    .sum()
                    .add(result.memory().mul(ofMemory).sum())
                    .backward();
            List<Tensor> first = taken(leaves);
            StateSpaceRule.Result loop = recurrence(leaves);
            loop.output()
                    .mul(weights)
                    .sum()
                    .add(loop.memory().mul(ofMemory).sum())
                    .backward();
            assertNear(loop.output(), result.output(), "output");
            assertNear(loop.memory(), result.memory(), "memory");
            for (int i = 0; i < leaves.size(); i++) {
                assertNear(leaves.get(i).grad(), first.get(i), "gradient " + i);
            }
        }
    }

    /** {@code S ← e^g·S + b·xᵀ, y = Sᵀ·c}, a head at a time. */
    private static StateSpaceRule.Result recurrence(List<Tensor> leaves) {
        Tensor x = leaves.get(0);
        long groups = leaves.get(1).size(2);
        long each = HEADS / groups;
        long batch = x.size(0);
        TensorVector outputs = new TensorVector();
        TensorVector memories = new TensorVector();
        for (long head = 0; head < HEADS; head++) {
            long group = head / each;
            Tensor s = leaves.get(4)
                    .view(batch, groups, STATES, each, DIM)
                    .select(1, group)
                    .select(2, head % each);
            TensorVector ofHead = new TensorVector();
            for (long t = 0; t < x.size(1); t++) {
                Tensor remains = leaves.get(3).select(1, t).select(1, head).exp();
                Tensor b = leaves.get(1).select(1, t).select(1, group);
                Tensor c = leaves.get(2).select(1, t).select(1, group);
                Tensor input = x.select(1, t).select(1, head);
                s = s.mul(remains.view(batch, 1, 1)).add(b.unsqueeze(-1).mul(input.unsqueeze(1)));
                ofHead.push_back(s.mul(c.unsqueeze(-1)).sum(1));
            }
            outputs.push_back(torch.stack(ofHead, 1));
            memories.push_back(s);
        }
        Tensor memory = torch.stack(memories, 1)
                .view(batch, groups, each, STATES, DIM)
                .permute(0, 1, 3, 2, 4)
                .reshape(batch * groups, STATES, each * DIM);
        return new StateSpaceRule.Result(torch.stack(outputs, 2), memory);
    }

    /** More tokens than are computed at a time, and texts of all lengths. */
    @Test
    void packedTextsAreThoseByThemselves() {
        long[] lengths = {70, 1, MemoryPass.MOST_TOKENS / 2, 2, 40, 40};
        try (NativeScope scope = new NativeScope()) {
            Net net = Net.random();
            long all = LongStream.of(lengths).sum();
            Tensor x = leaf(torch.randn(1, all, HIDDEN));
            Tensor weights = wide(torch.randn(1, all, HIDDEN));
            List<Tensor> leaves = new ArrayList<>(net.parameters());
            leaves.add(x);
            TensorVector texts = new TensorVector();
            long start = 0;
            for (long length : lengths) {
                texts.push_back(net.forward(x.narrow(1, start, length), null, null, null));
                start += length;
            }
            Tensor expected = torch.cat(texts, 1);
            expected.mul(weights).sum().backward();
            List<Tensor> first = taken(leaves);
            Tensor packed = net.forward(x, null, lengths, null);
            packed.mul(weights).sum().backward();
            assertNear(expected, packed, "output");
            for (int i = 0; i < leaves.size(); i++) {
                assertNear(first.get(i), leaves.get(i).grad(), "gradient " + i);
            }
        }
    }

    /** The convolution's bias would make something of it. */
    @Test
    void paddingOnTheLeftChangesNoToken() {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            Net net = Net.random();
            Tensor x = wide(torch.randn(1, 7, HIDDEN));
            Tensor tokens = wide(Tensors.of(new long[] {0, 0, 0, 1, 1, 1, 1}, 1, 7, 1));
            Tensor alone = net.forward(x.narrow(1, 3, 4), null, null, null);
            assertNear(alone, net.forward(x, tokens, null, null).narrow(1, 3, 4), "tokens");
        }
    }

    @Test
    void aCacheCarriesTheMemoryOn() {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                KeyValueCache cache = new KeyValueCache()) {
            Net net = Net.random();
            Tensor x = wide(torch.randn(2, 80, HIDDEN));
            TensorVector parts = new TensorVector();
            for (int[] part : new int[][] {{0, 2}, {2, 70}, {72, 1}, {73, 7}}) {
                parts.push_back(net.forward(x.narrow(1, part[0], part[1]), null, null, cache));
            }
            assertEquals(80, cache.length());
            assertNear(net.forward(x, null, null, null), torch.cat(parts, 1), "parts");
        }
    }

    private static List<Tensor> taken(List<Tensor> leaves) {
        List<Tensor> gradients = new ArrayList<>();
        for (Tensor leaf : leaves) {
            gradients.add(leaf.grad().clone());
            leaf.mutable_grad().zero_();
        }
        return gradients;
    }

    private static Tensor wide(Tensor x) {
        return x.to(Dtype.F64.scalarType());
    }

    private static Tensor leaf(Tensor x) {
        return wide(x).set_requires_grad(true);
    }

    private static void assertNear(Tensor expected, Tensor actual, String what) {
        double size = Math.max(1, expected.abs().max().item_double());
        assertEquals(0, expected.sub(actual).abs().max().item_double() / size, 1e-12, what);
    }

    /** A layer, and its parameters. */
    private record Net(StateSpace layer, List<Tensor> parameters) {
        static Net random() {
            torch.manual_seed(3);
            StateSpace.Shape shape = new StateSpace.Shape(HEADS, DIM, 2, STATES, Activation.SILU, 1e-5);
            List<Tensor> all = new ArrayList<>();
            for (long[] size : new long[][] {
                {shape.inner() + shape.channels() + HEADS, HIDDEN},
                {shape.channels(), 1, 4},
                {shape.channels()},
                {HEADS},
                {HEADS},
                {HEADS},
                {shape.inner()},
                {HIDDEN, shape.inner()}
            }) {
                all.add(leaf(torch.randn(size).mul(new Scalar(0.5))));
            }
            StateSpace layer = new StateSpace(
                    0,
                    shape,
                    new Linear("in_proj", all.get(0), null),
                    all.get(1),
                    all.get(2),
                    all.get(3),
                    all.get(4),
                    all.get(5),
                    all.get(6),
                    new Linear("out_proj", all.get(7), null));
            return new Net(layer, all);
        }

        Tensor forward(Tensor x, Tensor tokens, long[] segments, KeyValueCache cache) {
            return layer.forward(x, new LayerPass(null, Sight.all(), false, true, cache, tokens, segments, null, null))
                    .states();
        }
    }
}
