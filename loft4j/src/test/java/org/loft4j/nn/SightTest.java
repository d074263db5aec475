package org.loft4j.nn;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.bytedeco.pytorch.Edge;
import org.bytedeco.pytorch.Node;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Attention to near tokens some queries at a time, against attention to all with what is far hidden. */
class SightTest {
    private static final int HEADS = 2;
    private static final int WIDTH = 4;

    @ParameterizedTest
    @CsvSource({"7, 3", "257, 3", "600, 64", "513, 0", "300, 200", "900, 200", "5, 4", "1300, 100", "1100, 64"})
    void someQueriesAtATimeSeeWhatTheyWouldSeeTogether(int columns, long reach) {
        torch.manual_seed(3);
        try (NativeScope scope = new NativeScope()) {
            Tensor mask = torch.ones(new long[] {2, columns}, Tensors.options(Dtype.I64, DeviceSpec.CPU));
            mask.select(0, 1).narrow(0, columns - columns / 3, columns / 3).zero_();
            for (Padding padding :
                    List.of(unpadded(columns), Padding.of(new TokenInput(torch.ones_like(mask), mask)))) {
                Tensor[] parts = heads(columns);
                Tensor[] whole = new Tensor[parts.length];
                for (int i = 0; i < parts.length; i++) {
                    whole[i] = parts[i].detach().clone();
                    whole[i].set_requires_grad(true);
                }
                Tensor bias = padding.nearBias(0, columns, 0, columns, new Padding.Near(reach, reach), Dtype.F64);
                double scale = 1 / Math.sqrt(whole[0].size(3));
                Tensor expected = Attention.attend(whole[0], whole[1], whole[2], bias, false, 0, scale);
                Tensor actual = Sight.near(padding, columns, reach, Dtype.F64).attend(parts[0], parts[1], parts[2], 0);
                Tensor tokens = padding.none() ? torch.ones_like(mask) : mask;
                assertClose(expected.mul(tokens.unsqueeze(-1)), actual.mul(tokens.unsqueeze(-1)));
                expected.mul(tokens.unsqueeze(-1)).square().sum().backward();
                actual.mul(tokens.unsqueeze(-1)).square().sum().backward();
                for (int i = 0; i < parts.length; i++) {
                    assertClose(whole[i].grad(), parts[i].grad());
                }
            }
        }
    }

    /** Each part has few scores, and would leave them behind for the backward pass; all of them are many. */
    @Test
    void manyScoresInAHalfTypeAreThoseOfFloat32() {
        torch.manual_seed(4);
        try (NativeScope scope = new NativeScope()) {
            int columns = 3000;
            assertFalse(Attention.keepsScores(2L * HEADS * columns * 800, false));
            Tensor[] half = new Tensor[3];
            Tensor[] wide = new Tensor[3];
            for (int i = 0; i < half.length; i++) {
                half[i] = heads(columns)[i].detach().to(Dtype.BF16.scalarType());
                wide[i] = half[i].to(Dtype.F32.scalarType());
            }
            Sight sight = Sight.near(unpadded(columns), columns, 300, Dtype.F32);
            Tensor expected = sight.attend(wide[0], wide[1], wide[2], 0).to(Dtype.BF16.scalarType());
            assertTrue(Tensors.bitEqual(expected, sight.attend(half[0], half[1], half[2], 0)));
        }
    }

    /** Few scores, which each part leaves behind for its backward pass. */
    @Test
    void gradientsOfAHalfTypeAreNearThoseOfFloat32() {
        torch.manual_seed(5);
        try (NativeScope scope = new NativeScope()) {
            int columns = 600;
            assertTrue(Attention.keepsScores(2L * HEADS * columns * columns, false));
            Tensor[] half = new Tensor[3];
            Tensor[] wide = new Tensor[3];
            for (int i = 0; i < half.length; i++) {
                half[i] = heads(columns)[i].detach().to(Dtype.BF16.scalarType());
                wide[i] = half[i].to(Dtype.F32.scalarType());
                half[i].set_requires_grad(true);
                wide[i].set_requires_grad(true);
            }
            Sight sight = Sight.near(unpadded(columns), columns, 20, Dtype.F32);
            sight.attend(wide[0], wide[1], wide[2], 0).square().sum().backward();
            sight.attend(half[0], half[1], half[2], 0).square().sum().backward();
            for (int i = 0; i < half.length; i++) {
                Tensor expected = wide[i].grad();
                double off = half[i].grad().sub(expected).norm().item_double();
                assertTrue(off < 0.02 * expected.norm().item_double(), "off by " + off);
            }
        }
    }

    /** Of what is cut out of all keys by itself the gradient is as large as all of them: one a part would grow with the square. */
    @ParameterizedTest
    @ValueSource(ints = {600, 6000})
    void aLongerTextHasNoMoreGradientsAsLargeAsAllOfIt(int columns) {
        try (NativeScope scope = new NativeScope()) {
            Tensor[] heads = heads(columns);
            Tensor attended =
                    Sight.near(unpadded(columns), columns, 64, Dtype.F64).attend(heads[0], heads[1], heads[2], 0);
            Set<Long> seen = new HashSet<>();
            Deque<Node> open = new ArrayDeque<>(List.of(attended.grad_fn()));
            int whole = 0;
            while (!open.isEmpty()) {
                Node node = open.pop();
                int edges = seen.add(node.address()) ? node.num_outputs() : 0;
                for (int i = 0; i < edges; i++) {
                    Edge edge = node.next_edge(i);
                    if (edge.is_valid() && edge.function().name().getString().contains("AccumulateGrad")) {
                        whole++;
                    } else if (edge.is_valid()) {
                        open.push(edge.function());
                    }
                }
            }
            assertEquals(5, whole, "one of the queries, two each of keys and values");
        }
    }

    @Test
    void aPartLeavesItsMaskBehindAlone() {
        try (NativeScope scope = new NativeScope()) {
            Tensor mask = torch.ones(new long[] {2, 2048}, Tensors.options(Dtype.I64, DeviceSpec.CPU));
            mask.select(0, 1).narrow(0, 2000, 48).zero_();
            Padding padding = Padding.of(new TokenInput(torch.ones_like(mask), mask));
            long before = NativeScope.liveObjects();
            assertNotNull(Sight.near(padding, 2048, 64, Dtype.F32));
            long left = NativeScope.liveObjects() - before;
            assertTrue(left <= 2048 / 128, left + " objects are left");
        }
    }

    private static Padding unpadded(int columns) {
        Tensor ids = torch.ones(new long[] {2, columns}, Tensors.options(Dtype.I64, DeviceSpec.CPU));
        return Padding.of(new TokenInput(ids, null));
    }

    private static Tensor[] heads(long columns) {
        Tensor[] heads = new Tensor[3];
        for (int i = 0; i < heads.length; i++) {
            heads[i] = torch.randn(new long[] {2, columns, HEADS, WIDTH}, Tensors.options(Dtype.F64, DeviceSpec.CPU))
                    .mul(new Scalar(2.0));
            heads[i] = heads[i].detach();
            heads[i].set_requires_grad(true);
        }
        return heads;
    }

    private static void assertClose(Tensor expected, Tensor actual) {
        double off = actual.sub(expected).abs().max().item_double();
        assertTrue(off < 1e-12, "off by " + off);
    }
}
