package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Engine;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.RandomStream;
import org.loft4j.tensor.Tensors;

/** Our own attention with dropout, of all, of those before or of a window, and with biases, against single operations in float64. */
class DroppedAttentionTest {
    private static final double SCALE = 0.3;
    private static final double DROPOUT = 0.2;
    private static final long SEED = 71;

    private static Tensor random(Dtype dtype, long... shape) {
        return torch.randn(shape, Tensors.options(Dtype.F64, DeviceSpec.CPU)).to(dtype.scalarType());
    }

    private static Tensor leaf(Tensor values, Dtype dtype) {
        Tensor leaf = values.detach().to(dtype.scalarType()).clone();
        leaf.set_requires_grad(true);
        return leaf;
    }

    private static double relative(Tensor actual, Tensor expected) {
        Tensor wide = expected.to(Dtype.F64.scalarType());
        return actual.to(Dtype.F64.scalarType()).sub(wide).norm().item_double()
                / wide.norm().item_double();
    }

    private static Band band(String name) {
        return switch (name) {
            case "whole" -> Band.WHOLE;
            case "causal" -> Band.CAUSAL;
            default -> Band.window(Long.parseLong(name));
        };
    }

    /** With values of which each token's is a coordinate of its own, attention yields its probabilities. */
    private static Tensor left(Tensor query, Tensor key, BlockAttention.Look look) {
        long keys = key.size(1);
        Tensor each = torch.eye(keys, query.options())
                .view(1, keys, 1, keys)
                .expand(query.size(0), keys, key.size(2), keys)
                .contiguous();
        Tensor y;
        try (RandomStream stream = RandomStream.open(SEED)) {
            y = BlockAttention.attend(query, key, each, look);
        }
        return y.unflatten(2, query.size(2), keys).transpose(1, 2);
    }

    private static Tensor forEach(Tensor x, long heads) {
        return Attention.shared(x, heads).transpose(1, 2);
    }

    /** Two lanes, so that each keeps to one core. */
    private static void inALane(Runnable work) {
        Lanes.run(2, i -> {
            if (i == 0) {
                work.run();
            }
        });
    }

    /** Several rows at once, heads in parts, blocks that end within a row, more keys than queries, shared keys. */
    @ParameterizedTest
    @CsvSource({
        "whole, 6, 20, 20, 4, 4, 8, none, F64",
        "whole, 2, 130, 130, 6, 6, 8, padding, F64",
        "whole, 3, 70, 31, 4, 4, 5, padding, F64",
        "whole, 2, 64, 200, 6, 2, 8, heads, F64",
        "causal, 2, 129, 129, 4, 2, 8, none, F64",
        "causal, 8, 16, 16, 2, 2, 4, none, F64",
        "40, 2, 150, 150, 4, 4, 8, none, F64",
        "whole, 8, 32, 32, 4, 4, 16, padding, F32",
        "whole, 2, 256, 256, 12, 12, 32, heads, F32",
        "causal, 2, 200, 200, 6, 3, 16, none, F32",
        "100, 1, 300, 300, 3, 3, 16, none, F32",
        "whole, 2, 128, 128, 4, 4, 32, padding, BF16",
        "whole, 2, 96, 96, 4, 4, 32, heads, BF16"
    })
    void valuesAndGradientsAreThoseOfSingleOperations(
            String name,
            long batch,
            long length,
            long keys,
            long heads,
            long keyHeads,
            long headDim,
            String biases,
            Dtype dtype) {
        double tolerance = dtype == Dtype.F64 ? 1e-13 : dtype == Dtype.F32 ? 4e-6 : 1e-2;
        try (NativeScope scope = new NativeScope()) {
            Tensor q = random(dtype, batch, length, heads, headDim);
            Tensor k = random(dtype, batch, keys, keyHeads, headDim);
            Tensor v = random(dtype, batch, keys, keyHeads, headDim);
            Tensor direction = random(dtype, batch, length, heads * headDim);
            Dtype ofBias = dtype.isHalf() ? Dtype.F32 : dtype;
            Tensor bias = switch (biases) {
                case "none" -> null;
                case "heads" -> leaf(random(ofBias, 1, heads, length, keys), ofBias);
                default -> padding(batch, keys, ofBias);
            };
            Tensor otherBias = bias == null ? null : leaf(bias, Dtype.F64);
            BlockAttention.Look look = new BlockAttention.Look(SCALE, band(name), bias, DROPOUT);
            List<Tensor> expected = List.of(leaf(q, Dtype.F64), leaf(k, Dtype.F64), leaf(v, Dtype.F64));
            List<Tensor> actual = List.of(leaf(q, dtype), leaf(k, dtype), leaf(v, dtype));
            inALane(() -> {
                Tensor p = probabilities(expected.get(0), expected.get(1), otherBias, band(name));
                Tensor left = left(q, k, look).to(Dtype.F64.scalarType());
                Tensor kept = left.ne(new Scalar(0.0)).to(Dtype.F64.scalarType());
                requireShare(kept, p);
                Tensor one = p.mul(kept)
                        .mul(new Scalar(Dropout.kept(DROPOUT)))
                        .matmul(forEach(expected.get(2), heads))
                        .transpose(1, 2)
                        .flatten(2, 3);
                Tensor other;
                try (RandomStream stream = RandomStream.open(SEED)) {
                    other = BlockAttention.attend(actual.get(0), actual.get(1), actual.get(2), look);
                }
                assertTrue(relative(other, one) < tolerance, "off by " + relative(other, one));
                one.mul(direction.to(Dtype.F64.scalarType())).sum().backward();
                other.mul(direction).sum().backward();
            });
            for (int i = 0; i < 3; i++) {
                double off = relative(actual.get(i).grad(), expected.get(i).grad());
                assertTrue(off < tolerance, "gradient " + i + " is off by " + off);
            }
            if (biases.equals("heads")) {
                double off = relative(bias.grad(), otherBias.grad());
                assertEquals(ofBias, Dtype.of(bias.grad()));
                assertTrue(off < tolerance, "gradient of the bias is off by " + off);
            }
        }
    }

    /** Hides the last keys of each row but the first. */
    private static Tensor padding(long batch, long keys, Dtype dtype) {
        Tensor bias = torch.zeros(new long[] {batch, 1, 1, keys}, Tensors.options(dtype, DeviceSpec.CPU));
        for (long row = 1; row < batch; row++) {
            bias.narrow(0, row, 1).narrow(3, keys - 2 * row, 2 * row).fill_(new Scalar(-1e30));
        }
        return bias;
    }

    private static Tensor probabilities(Tensor query, Tensor key, Tensor bias, Band band) {
        long heads = query.size(2);
        Tensor scores = query.transpose(1, 2)
                .matmul(forEach(key, heads).transpose(2, 3))
                .mul(new Scalar(SCALE));
        if (bias != null) {
            scores = scores.add(bias);
        }
        Tensor places = torch.arange(new Scalar((double) key.size(1)), scores.options());
        Tensor distances = torch.arange(new Scalar((double) query.size(1)), scores.options())
                .unsqueeze(1)
                .sub(places);
        Tensor hidden = distances.gt(new Scalar((double) band.before())).logical_or(distances.lt(new Scalar((double)
                -band.behind())));
        return scores.masked_fill(hidden, new Scalar(Double.NEGATIVE_INFINITY)).softmax(-1, new ScalarTypeOptional());
    }

    /** Of probabilities that can be told from zero as many are dropped as should be, by five standard deviations. */
    private static void requireShare(Tensor kept, Tensor p) {
        Tensor counted = p.gt(new Scalar(1e-30)).to(Dtype.F64.scalarType());
        double all = counted.sum().item_double();
        double share = 1 - counted.mul(kept).sum().item_double() / all;
        double deviation = Math.sqrt(DROPOUT * (1 - DROPOUT) / all);
        assertEquals(DROPOUT, share, 5 * deviation + 1e-5, "share that is dropped");
    }

    /** What is dropped depends on the stream alone, and differs from row to row, head to head and call to call. */
    @Test
    void theStreamSaysWhatIsDropped() {
        inALane(() -> {
            try (NativeScope scope = new NativeScope()) {
                Tensor x = torch.zeros(new long[] {4, 64, 2, 8}, Tensors.options(Dtype.F32, DeviceSpec.CPU));
                BlockAttention.Look look = new BlockAttention.Look(SCALE, Band.WHOLE, null, DROPOUT);
                Tensor once = left(x, x, look);
                assertEquals(0, once.sub(left(x, x, look)).abs().max().item_double());
                Tensor rows = once.flatten(0, 1);
                for (long i = 0; i < rows.size(0); i++) {
                    for (long j = 0; j < i; j++) {
                        double differ = rows.select(0, i)
                                .ne(rows.select(0, j))
                                .to(Dtype.F64.scalarType())
                                .mean()
                                .item_double();
                        // one of both is dropped, but not the other: 2·0.2·0.8
                        assertEquals(0.32, differ, 0.05, i + " and " + j);
                    }
                }
            }
        });
    }

    /** Outside of a lane products go another way, in larger parts, but what was dropped lies as the forward pass has laid it. */
    @Test
    void theGradientMayBeFoundOutsideOfTheLane() {
        try (NativeScope scope = new NativeScope()) {
            Tensor x = random(Dtype.F32, 3, 200, 4, 16);
            List<Tensor> leaves = List.of(leaf(x, Dtype.F32), leaf(x, Dtype.F32));
            List<Tensor> sums = new ArrayList<>();
            inALane(() -> {
                for (Tensor leaf : leaves) {
                    try (RandomStream stream = RandomStream.open(SEED)) {
                        BlockAttention.Look look = new BlockAttention.Look(SCALE, Band.WHOLE, null, DROPOUT);
                        sums.add(NativeScope.keep(BlockAttention.attend(leaf, leaf, leaf, look)
                                .square()
                                .sum()));
                    }
                }
                sums.get(0).backward();
            });
            sums.get(1).backward();
            double off = relative(leaves.get(1).grad(), leaves.get(0).grad());
            sums.forEach(Tensor::close);
            assertTrue(off < 4e-6, "off by " + off);
        }
    }

    /** The same by {@link Attention}, in a lane with a stream; shorter rows keep their scores, as rows outside of lanes do. */
    @Test
    void attentionTakesItWhereThereIsAStream() {
        inALane(() -> {
            try (NativeScope scope = new NativeScope()) {
                Tensor query = random(Dtype.F32, 2, 64, 2, 8);
                boolean small = Engine.hasSmallKernels();
                assertEquals(false, BlockAttention.pays(query, query, Band.WHOLE, DROPOUT));
                try (RandomStream stream = RandomStream.open(SEED)) {
                    assertEquals(small, BlockAttention.pays(query, query, Band.WHOLE, DROPOUT));
                    assertEquals(small, BlockAttention.pays(query, query, Band.CAUSAL, DROPOUT));
                    assertEquals(false, BlockAttention.pays(query, query, Band.WHOLE, 0));
                    Tensor some = query.narrow(1, 0, 63);
                    assertEquals(false, BlockAttention.pays(some, some, Band.WHOLE, DROPOUT));
                }
            }
        });
    }
}
