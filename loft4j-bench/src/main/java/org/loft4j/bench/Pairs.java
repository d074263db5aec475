package org.loft4j.bench;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.optim.Loft;
import org.loft4j.optim.LoftBlock;
import org.loft4j.optim.LoftConfig;
import org.loft4j.optim.LowRankPair;
import org.loft4j.optim.Optimizer;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** Random factors of matrices with random gradients, always the same, and what moves them; several go in lanes, by any method. */
final class Pairs implements AutoCloseable {
    private final List<Tensor> leaves = new ArrayList<>();
    private final List<Tensor> gradients = new ArrayList<>();
    private final List<CubeStep> cubes = new ArrayList<>();
    private final @Nullable Optimizer optimizer;

    /** A matrix {@code (outputs, inputs)}. */
    record Shape(long outputs, long inputs) {}

    /** @param method {@code loft}, {@code loft-simple}, {@code moments} (LoFT without block 5), or {@code cube} ({@link CubeStep}) */
    Pairs(String method, List<Shape> shapes, long rank) {
        try (NativeScope scope = new NativeScope()) {
            List<LowRankPair> all = new ArrayList<>();
            for (Shape shape : shapes) {
                all.add(new LowRankPair("w" + all.size(), leaf(rank, shape.inputs()), leaf(shape.outputs(), rank), 1));
            }
            LoftConfig config = LoftConfig.defaults();
            optimizer = switch (method) {
                case "loft" -> Loft.adamW(all, config);
                case "moments" -> Loft.adamW(all, config.without(LoftBlock.PROJECTED_UPDATE));
                case "loft-simple" -> Loft.simple(all, config);
                case "cube" -> null;
                default -> throw new IllegalArgumentException(method);
            };
            if (optimizer == null) {
                all.forEach(pair -> cubes.add(new CubeStep(pair.loraA(), pair.loraB())));
            }
        }
    }

    private Tensor leaf(long rows, long columns) {
        Tensor leaf =
                NativeScope.keep(torch.randn(new long[] {rows, columns}, Tensors.options(Dtype.F32, DeviceSpec.CPU)));
        leaf.set_requires_grad(true);
        leaves.add(leaf);
        gradients.add(NativeScope.keep(torch.randn_like(leaf)));
        return leaf;
    }

    /** What a backward pass would leave: before each step, since an optimizer may take the gradients away. */
    void giveGradients() {
        try (NativeScope scope = new NativeScope()) {
            for (int i = 0; i < leaves.size(); i++) {
                leaves.get(i).mutable_grad().put(gradients.get(i).clone());
            }
        }
    }

    /** Norm and update, without the pass that makes the gradients. */
    double step() {
        try (NativeScope scope = new NativeScope()) {
            if (optimizer == null) {
                double[] norms = new double[cubes.size()];
                Lanes.run(cubes.size(), i -> norms[i] = cubes.get(i).step(1e-4));
                return Arrays.stream(norms).sum();
            }
            double norm = optimizer.squaredGradNorm();
            optimizer.step(1e-4, 1);
            return norm;
        }
    }

    @Override
    public void close() {
        if (optimizer != null) {
            optimizer.close();
        }
        cubes.forEach(CubeStep::close);
        leaves.forEach(Tensor::close);
        gradients.forEach(Tensor::close);
    }
}
