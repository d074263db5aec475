package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.BoolOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorArrayRefOptional;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.loft4j.ShapeException;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Against attention from single operations, whose gradients are autograd's. */
class BlockAttentionTest {
    private static final double SCALE = 0.3;
    private static final BlockAttention.Look CAUSAL = new BlockAttention.Look(SCALE, Band.CAUSAL);

    private static Tensor random(Dtype dtype, long... shape) {
        return torch.randn(shape, Tensors.options(dtype, DeviceSpec.CPU));
    }

    private static Tensor leaf(Tensor values) {
        Tensor leaf = values.detach().clone();
        leaf.set_requires_grad(true);
        return leaf;
    }

    private static Tensor future(long length) {
        return Attention.future(Tensors.empty(Dtype.F64, DeviceSpec.CPU, 1, length, 1, 1));
    }

    private static double relative(Tensor actual, Tensor expected) {
        Tensor wide = expected.to(Dtype.F64.scalarType());
        return actual.to(Dtype.F64.scalarType()).sub(wide).norm().item_double()
                / wide.norm().item_double();
    }

    /** Lengths on both sides of a block's end, more heads than are computed at once, and heads that share keys and values. */
    @ParameterizedTest
    @CsvSource({
        "1, 96, 3, 3, 4",
        "2, 128, 2, 2, 8",
        "3, 129, 1, 1, 1",
        "1, 1000, 5, 5, 2",
        "1, 1535, 3, 3, 2",
        "1, 129, 6, 2, 4",
        "2, 130, 6, 2, 4",
        "1, 1025, 8, 2, 2",
        "1, 1000, 6, 3, 2",
        "1, 100, 8, 1, 2"
    })
    void itsValuesAndGradientsAreThoseOfSingleOperations(
            long batch, long length, long heads, long keyHeads, long headDim) {
        try (NativeScope scope = new NativeScope()) {
            List<Tensor> expected = List.of(
                    leaf(random(Dtype.F64, batch, length, heads, headDim)),
                    leaf(random(Dtype.F64, batch, length, keyHeads, headDim)),
                    leaf(random(Dtype.F64, batch, length, keyHeads, headDim)));
            List<Tensor> actual =
                    expected.stream().map(BlockAttentionTest::leaf).toList();
            Tensor direction = random(Dtype.F64, batch, length, heads * headDim);
            Tensor one = Attention.attendUnfused(
                    expected.get(0), expected.get(1), expected.get(2), future(length), 0, SCALE, 0);
            Tensor other = BlockAttention.attend(actual.get(0), actual.get(1), actual.get(2), CAUSAL);
            assertTrue(relative(other, one) < 1e-14, "off by " + relative(other, one));
            one.mul(direction).sum().backward();
            other.mul(direction).sum().backward();
            for (int i = 0; i < 3; i++) {
                double off = relative(actual.get(i).grad(), expected.get(i).grad());
                assertTrue(off < 1e-13, "gradient " + i + " is off by " + off);
            }
        }
    }

    /** As latent attention has them. */
    @ParameterizedTest
    @CsvSource({"3, 3, 6, 4", "6, 2, 4, 7", "8, 2, 2, 1"})
    void valuesMayBeOfAnotherSizeThanKeys(long heads, long keyHeads, long headDim, long valueDim) {
        try (NativeScope scope = new NativeScope()) {
            List<Tensor> expected = List.of(
                    leaf(random(Dtype.F64, 2, 130, heads, headDim)),
                    leaf(random(Dtype.F64, 2, 130, keyHeads, headDim)),
                    leaf(random(Dtype.F64, 2, 130, keyHeads, valueDim)));
            Tensor direction = random(Dtype.F64, 2, 130, heads * valueDim);
            Tensor one = Attention.attendUnfused(
                    expected.get(0), expected.get(1), expected.get(2), future(130), 0, SCALE, 0);
            one.mul(direction).sum().backward();
            List<Tensor> ours = expected.stream().map(BlockAttentionTest::leaf).toList();
            List<Tensor> kernel =
                    expected.stream().map(BlockAttentionTest::leaf).toList();
            inALane(() -> check(ours, one, direction, expected));
            check(kernel, one, direction, expected);
        }
    }

    private static void check(List<Tensor> leaves, Tensor expected, Tensor direction, List<Tensor> others) {
        Tensor y = Attention.attend(leaves.get(0), leaves.get(1), leaves.get(2), null, true, 0, SCALE);
        assertTrue(relative(y, expected) < 1e-14, "off by " + relative(y, expected));
        y.mul(direction).sum().backward();
        for (int i = 0; i < 3; i++) {
            double off = relative(leaves.get(i).grad(), others.get(i).grad());
            assertTrue(off < 1e-13, "gradient " + i + " is off by " + off);
        }
    }

    @Test
    void headsThatDoNotGoTogetherAreRefused() {
        try (NativeScope scope = new NativeScope()) {
            Tensor six = random(Dtype.F32, 1, 128, 6, 8);
            Tensor four = random(Dtype.F32, 1, 128, 4, 8);
            Tensor two = random(Dtype.F32, 1, 128, 2, 8);
            assertThrows(ShapeException.class, () -> BlockAttention.attend(six, four, four, CAUSAL));
            assertThrows(ShapeException.class, () -> BlockAttention.attend(two, four, four, CAUSAL));
            assertThrows(ShapeException.class, () -> BlockAttention.attend(four, four, two, CAUSAL));
        }
    }

    /** Views of one tensor, as a fused projection yields, keys and values shared by groups, and a gradient that is a view. */
    @Test
    void itTakesViewsAndSharedKeys() {
        try (NativeScope scope = new NativeScope()) {
            Tensor values = random(Dtype.F64, 2, 100, 8, 6);
            Tensor[] all = {leaf(values), leaf(values)};
            Tensor direction = random(Dtype.F64, 24, 100, 2).transpose(0, 2);
            for (int i = 0; i < 2; i++) {
                int which = i;
                Tensor query = all[i].narrow(2, 0, 4);
                Tensor key = all[i].narrow(2, 4, 2);
                Tensor value = all[i].narrow(2, 6, 2);
                inALane(() -> {
                    assertTrue(BlockAttention.pays(query, key, Band.CAUSAL, 0));
                    Tensor y = which == 0
                            ? Attention.attend(query, key, value, null, true, 0, SCALE)
                            : Attention.attendUnfused(query, key, value, future(100), 0, SCALE, 0);
                    y.mul(direction).sum().backward();
                });
            }
            double off = relative(all[0].grad(), all[1].grad());
            assertTrue(off < 1e-13, "off by " + off);
        }
    }

    /** Two lanes, so that each keeps to one core. */
    private static void inALane(Runnable work) {
        Lanes.run(2, i -> {
            if (i == 0) {
                work.run();
            }
        });
    }

    /**
     * In float32, whose products go by blocks where OpenBLAS has kernels for them: views of one tensor, with and without a window, of
     * heads that are done at once, in parts or one by one.
     */
    @ParameterizedTest
    @CsvSource({
        "2, 256, 8, 8, 64, 64, 256",
        "1, 200, 6, 2, 32, 20, 200",
        "2, 131, 7, 7, 16, 16, 131",
        "1, 1030, 3, 3, 8, 8, 1030",
        "1, 400, 6, 3, 24, 24, 100",
        "1, 129, 4, 1, 1, 3, 70",
        "2, 97, 2, 2, 5, 1, 97"
    })
    void blocksOfFloat32AreThoseOfFloat64(
            long batch, long length, long heads, long keyHeads, long headDim, long valueDim, long window) {
        try (NativeScope scope = new NativeScope()) {
            Tensor values = random(Dtype.F64, batch, length, (heads + keyHeads) * headDim + keyHeads * valueDim);
            Tensor[] all = {leaf(values), leaf(values.to(Dtype.F32.scalarType()))};
            Tensor direction =
                    random(Dtype.F64, heads * valueDim, batch, length).permute(1, 2, 0);
            List<Tensor> attended = new ArrayList<>();
            for (Tensor leaf : all) {
                Tensor query = leaf.narrow(2, 0, heads * headDim).unflatten(2, heads, headDim);
                Tensor key = leaf.narrow(2, heads * headDim, keyHeads * headDim).unflatten(2, keyHeads, headDim);
                Tensor value = leaf.narrow(2, (heads + keyHeads) * headDim, keyHeads * valueDim)
                        .unflatten(2, keyHeads, valueDim);
                inALane(() -> {
                    Tensor y = BlockAttention.attend(
                            query, key, value, new BlockAttention.Look(SCALE, Band.window(window)));
                    attended.add(NativeScope.keep(y.detach()));
                    y.mul(direction.to(y.scalar_type())).sum().backward();
                });
            }
            double off = relative(attended.get(1), attended.get(0));
            assertTrue(off < 2e-6, "off by " + off);
            double ofGradients = relative(all[1].grad(), all[0].grad());
            assertTrue(ofGradients < 4e-6, "gradients are off by " + ofGradients);
        }
    }

    /** In float32 it is as near to float64 as libtorch's kernel is. */
    @Test
    void itIsAsExactAsTheFusedKernel() {
        try (NativeScope scope = new NativeScope()) {
            Tensor[] exact = new Tensor[3];
            Tensor[] fused = new Tensor[3];
            Tensor[] ours = new Tensor[3];
            for (int i = 0; i < 3; i++) {
                exact[i] = leaf(random(Dtype.F64, 2, 256, 4, 32));
                fused[i] = leaf(exact[i].to(Dtype.F32.scalarType()));
                ours[i] = leaf(fused[i]);
            }
            Tensor direction = random(Dtype.F64, 2, 256, 128);
            Tensor narrow = direction.to(Dtype.F32.scalarType());
            BlockAttention.attend(exact[0], exact[1], exact[2], CAUSAL)
                    .mul(direction)
                    .sum()
                    .backward();
            BlockAttention.attend(ours[0], ours[1], ours[2], CAUSAL)
                    .mul(narrow)
                    .sum()
                    .backward();
            // outside of a lane
            Attention.attend(fused[0], fused[1], fused[2], null, true, 0, SCALE)
                    .mul(narrow)
                    .sum()
                    .backward();
            for (int i = 0; i < 3; i++) {
                double off = relative(ours[i].grad(), exact[i].grad());
                double bar = relative(fused[i].grad(), exact[i].grad());
                assertTrue(off < 2 * bar, i + ": off by " + off + ", the fused kernel by " + bar);
            }
        }
    }

    /** What is rounded are the heads, what comes out and the gradients: no more than where the probabilities are rounded too. */
    @ParameterizedTest
    @CsvSource({"BF16, 2, 256, 8, 8, 64", "F16, 1, 130, 6, 2, 32", "BF16, 1, 1000, 4, 1, 16"})
    void halfTypesAreRoundedLessThanByProductsOfTheirOwn(
            Dtype half, long batch, long length, long heads, long keyHeads, long headDim) {
        try (NativeScope scope = new NativeScope()) {
            Tensor values = random(Dtype.F64, batch, length, heads + 2 * keyHeads, headDim)
                    .to(half.scalarType());
            Tensor[] all = {leaf(values.to(Dtype.F64.scalarType())), leaf(values), leaf(values)};
            Tensor direction = random(Dtype.F64, batch, length, heads * headDim).to(half.scalarType());
            List<Tensor> attended = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                int which = i;
                Tensor query = all[i].narrow(2, 0, heads);
                Tensor key = all[i].narrow(2, heads, keyHeads);
                Tensor value = all[i].narrow(2, heads + keyHeads, keyHeads);
                inALane(() -> {
                    Tensor y = which == 1
                            ? Attention.attendUnfused(query, key, value, future(length), 0, SCALE, 0)
                            : BlockAttention.attend(query, key, value, CAUSAL);
                    attended.add(NativeScope.keep(y.detach()));
                    y.mul(direction.to(y.scalar_type())).sum().backward();
                });
            }
            assertEquals(half, Dtype.of(attended.get(2)));
            double off = relative(attended.get(2), attended.get(0));
            double bar = relative(attended.get(1), attended.get(0));
            assertTrue(off < bar, "off by " + off + ", products of the half type by " + bar);
            double ofGradients = relative(all[2].grad(), all[0].grad());
            double barOfGradients = relative(all[1].grad(), all[0].grad());
            assertTrue(
                    ofGradients < barOfGradients,
                    "gradients are off by " + ofGradients + ", with products of the half type by " + barOfGradients);
        }
    }

    @Test
    void aValueAloneMayAskForItsGradient() {
        try (NativeScope scope = new NativeScope()) {
            Tensor query = random(Dtype.F64, 1, 100, 2, 3);
            Tensor value = leaf(random(Dtype.F64, 1, 100, 2, 3));
            Tensor same = leaf(value);
            BlockAttention.attend(query, query, value, CAUSAL).square().sum().backward();
            Attention.attendUnfused(query, query, same, future(100), 0, SCALE, 0)
                    .square()
                    .sum()
                    .backward();
            assertTrue(relative(value.grad(), same.grad()) < 1e-13);
            assertFalse(query.grad().defined());
        }
    }

    @Test
    void aSecondWalkAddsUpAndASecondDerivativeIsRefused() {
        try (NativeScope scope = new NativeScope()) {
            Tensor query = leaf(random(Dtype.F64, 1, 100, 2, 3));
            Tensor y = BlockAttention.attend(query, query, query, CAUSAL).sum();
            y.backward(new Tensor(), new BoolOptional(true), false, new TensorArrayRefOptional());
            Tensor once = query.grad().clone();
            RuntimeException refused = assertThrows(
                    RuntimeException.class,
                    () -> y.backward(new Tensor(), new BoolOptional(true), true, new TensorArrayRefOptional()));
            assertTrue(refused.getMessage().contains("second derivative"), refused.getMessage());
            y.backward();
            assertTrue(relative(query.grad(), once.add(once)) < 1e-14);
            assertEquals(
                    2, query.grad().sub(once).norm().item_double() / once.norm().item_double() * 2, 1e-12);
        }
    }
}
