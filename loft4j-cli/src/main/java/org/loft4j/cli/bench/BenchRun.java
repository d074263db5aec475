package org.loft4j.cli.bench;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.Losses;
import org.loft4j.nn.TokenInput;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.Trainable;

/** One method on one model, ready to step on random tokens. Runs with an adapter may share the model. */
final class BenchRun implements AutoCloseable {
    /** What one step took, in seconds; clipping is part of the optimizer's. */
    record Seconds(double forward, double backward, double optimizer) {
        double total() {
            return forward + backward + optimizer;
        }
    }

    private final BenchModel shape;
    private final CausalDecoder model;
    private final Trainable trainable;

    BenchRun(BenchModel shape, CausalDecoder model, Method method, int rank) {
        this.shape = shape;
        this.model = model;
        TrainConfig config = TrainConfig.builder(method).learningRate(1e-4).build();
        LoraConfig lora = LoraConfig.of(rank, rank, TargetModules.allLinear());
        this.trainable = Trainable.create(model, method.usesAdapter() ? lora : null, config);
        detach();
    }

    /** One step on fresh random tokens: forward, loss, backward, clipping, update. */
    Seconds step() {
        LoraAdapter adapter = trainable.adapter();
        if (adapter != null) {
            adapter.attach();
        }
        trainable.setTraining(true);
        try (NativeScope scope = new NativeScope()) {
            Tensor ids =
                    torch.randint(shape.vocabulary(), shape.batchShape(), Tensors.options(Dtype.I64, DeviceSpec.CPU));
            long start = System.nanoTime();
            Tensor loss = Losses.causalLm(model.logits(new TokenInput(ids, null)), ids);
            long forward = System.nanoTime();
            loss.backward();
            long backward = System.nanoTime();
            trainable.optimizer().step(1, 1);
            trainable.optimizer().zeroGrad();
            long end = System.nanoTime();
            return new Seconds((forward - start) / 1e9, (backward - forward) / 1e9, (end - backward) / 1e9);
        } finally {
            detach();
        }
    }

    private void detach() {
        @Nullable LoraAdapter adapter = trainable.adapter();
        if (adapter != null) {
            adapter.detach();
        }
    }

    /** GFLOP/s of a square product, now: the best of a few. */
    static double productRate(Dtype dtype) {
        try (NativeScope scope = new NativeScope()) {
            int n = 1536;
            Tensor x = torch.randn(new long[] {n, n}, Tensors.options(Dtype.F32, DeviceSpec.CPU))
                    .to(dtype.scalarType());
            double best = 0;
            for (int i = 0; i < 6; i++) {
                try (NativeScope one = new NativeScope()) {
                    long start = System.nanoTime();
                    x.mm(x).numel();
                    best = Math.max(best, 2.0 * n * n * n / (System.nanoTime() - start));
                }
            }
            return best;
        }
    }

    @Override
    public void close() {
        trainable.close();
    }
}
