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
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/** How the work of linear attention is cut, which must change nothing. */
class GatedDeltaNetTest {
    private static final int HEADS = 2;
    private static final int DIM = 3;
    private static final long HIDDEN = 4;

    /** More tokens than are computed at a time: two rows, and then one. */
    @Test
    void aLargeBatchIsThatOfItsRows() {
        long length = MemoryPass.MOST_TOKENS / 2 - 1;
        try (NativeScope scope = new NativeScope()) {
            Net net = Net.random();
            Tensor x = torch.randn(3, length, HIDDEN).to(Dtype.F64.scalarType()).set_requires_grad(true);
            Tensor weights = torch.randn(3, length, HIDDEN).to(Dtype.F64.scalarType());
            TensorVector rows = new TensorVector();
            for (long row = 0; row < 3; row++) {
                rows.push_back(net.forward(x.narrow(0, row, 1), null));
            }
            assertSame(net, x, weights, torch.cat(rows, 0), net.forward(x, null));
        }
    }

    /** Nor are they of a prompt, whose parts hand on what they remember. */
    @Test
    void aLongPromptIsThatOfItsParts() {
        long length = MemoryPass.MOST_TOKENS / 2 + 9;
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false);
                KeyValueCache cache = new KeyValueCache()) {
            Net net = Net.random();
            Tensor x = torch.randn(2, length, HIDDEN).to(Dtype.F64.scalarType());
            LayerPass pass = new LayerPass(null, Sight.all(), false, false, cache, null, null, null, null);
            Tensor read = net.layer().forward(x, pass).states();
            assertEquals(length, cache.length());
            assertEquals(0, net.forward(x, null).sub(read).abs().max().item_double(), 1e-12);
        }
    }

    /** More of them than are computed together, too. */
    @Test
    void packedTextsAreThoseByThemselves() {
        long[] lengths = {70, 1, MemoryPass.MOST_TOKENS / 2, 2, 40, 40};
        try (NativeScope scope = new NativeScope()) {
            Net net = Net.random();
            long all = LongStream.of(lengths).sum();
            Tensor x = torch.randn(1, all, HIDDEN).to(Dtype.F64.scalarType()).set_requires_grad(true);
            Tensor weights = torch.randn(1, all, HIDDEN).to(Dtype.F64.scalarType());
            TensorVector texts = new TensorVector();
            long start = 0;
            for (long length : lengths) {
                texts.push_back(net.forward(x.narrow(1, start, length), null));
                start += length;
            }
            assertSame(net, x, weights, torch.cat(texts, 1), net.forward(x, lengths));
        }
    }

    private static void assertSame(Net net, Tensor x, Tensor weights, Tensor expected, Tensor actual) {
        assertEquals(0, expected.sub(actual).abs().max().item_double(), 1e-12);
        List<Tensor> leaves = new ArrayList<>(net.parameters());
        leaves.add(x);
        List<Tensor> first = new ArrayList<>();
        expected.mul(weights).sum().backward();
        for (Tensor leaf : leaves) {
            first.add(leaf.grad().clone());
            leaf.mutable_grad().zero_();
        }
        actual.mul(weights).sum().backward();
        for (int i = 0; i < leaves.size(); i++) {
            Tensor off = leaves.get(i).grad().sub(first.get(i));
            assertEquals(0, off.abs().max().item_double(), 1e-10, "gradient " + i);
        }
    }

    /** A layer, and its parameters. */
    private record Net(GatedDeltaNet layer, List<Tensor> parameters) {
        static Net random() {
            torch.manual_seed(3);
            long channels = 3L * HEADS * DIM;
            List<Tensor> all = new ArrayList<>();
            for (long[] shape : new long[][] {
                {channels, HIDDEN},
                {HEADS * DIM, HIDDEN},
                {HEADS, HIDDEN},
                {HEADS, HIDDEN},
                {channels, 1, 4},
                {HEADS},
                {HEADS},
                {DIM},
                {HIDDEN, HEADS * DIM}
            }) {
                all.add(torch.randn(shape)
                        .mul(new Scalar(0.5))
                        .to(Dtype.F64.scalarType())
                        .set_requires_grad(true));
            }
            GatedDeltaNet layer = new GatedDeltaNet(
                    0,
                    new GatedDeltaNet.Shape(HEADS, HEADS, DIM, DIM, Activation.SILU),
                    new DeltaProjection.Separate(
                            new Linear("in_proj_qkv", all.get(0), null),
                            new Linear("in_proj_z", all.get(1), null),
                            new Linear("in_proj_b", all.get(2), null),
                            new Linear("in_proj_a", all.get(3), null)),
                    all.get(4),
                    all.get(5),
                    all.get(6),
                    new RmsNorm("norm", all.get(7), 1e-6),
                    new Linear("out_proj", all.get(8), null));
            return new Net(layer, all);
        }

        Tensor forward(Tensor x, long[] segments) {
            return layer.forward(x, new LayerPass(null, Sight.all(), false, true, null, null, segments, null, null))
                    .states();
        }
    }
}
