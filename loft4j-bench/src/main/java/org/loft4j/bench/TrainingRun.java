package org.loft4j.bench;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.Losses;
import org.loft4j.nn.TokenInput;
import org.loft4j.optim.OptimizerGroups;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.train.FactorOptimizers;
import org.loft4j.train.Method;
import org.loft4j.train.TrainConfig;

/** One method on one model, ready to step on random tokens. Several runs may share the model. */
final class TrainingRun implements AutoCloseable {
    /** What one step took, in seconds. */
    record Seconds(double forward, double backward, double optimizer) {
        double total() {
            return forward + backward + optimizer;
        }
    }

    private final CausalDecoder model;
    private final LoraAdapter adapter;
    private final OptimizerGroups optimizer;
    private final LlamaConfig config;
    private final int batch;
    private final int sequence;
    private long steps;

    TrainingRun(String method, CausalDecoder model, LlamaConfig config, int rank, int batch, int sequence) {
        this.model = model;
        this.config = config;
        this.batch = batch;
        this.sequence = sequence;
        adapter = LoraAdapter.create(model, LoraConfig.of(rank, rank, TargetModules.allLinear()), 1);
        TrainConfig training =
                TrainConfig.builder(Method.parse(method)).learningRate(1e-4).build();
        optimizer = new OptimizerGroups(FactorOptimizers.groups(adapter, training));
    }

    /** One step on fresh random tokens: forward, loss, backward, clipping, update. */
    Seconds step() {
        adapter.attach();
        adapter.setTraining(true);
        adapter.drawProbes(1, steps++);
        try (NativeScope scope = new NativeScope()) {
            Tensor ids = torch.randint(
                    config.sizes().vocabularySize(),
                    new long[] {batch, sequence},
                    Tensors.options(Dtype.I64, DeviceSpec.CPU));
            long start = System.nanoTime();
            Tensor loss = Losses.causalLm(model.logits(new TokenInput(ids, null)), ids);
            long forward = System.nanoTime();
            loss.backward();
            long backward = System.nanoTime();
            optimizer.step(1, 1);
            optimizer.zeroGrad();
            long end = System.nanoTime();
            return new Seconds((forward - start) / 1e9, (backward - forward) / 1e9, (end - backward) / 1e9);
        } finally {
            adapter.detach();
        }
    }

    /** GFLOP/s of a square float32 product, now. */
    static double productRate() {
        try (NativeScope scope = new NativeScope()) {
            int n = 1536;
            Tensor x = torch.randn(new long[] {n, n}, Tensors.options(Dtype.F32, DeviceSpec.CPU));
            double best = 0;
            for (int i = 0; i < 6; i++) {
                long start = System.nanoTime();
                x.mm(x).numel();
                best = Math.max(best, 2.0 * n * n * n / (System.nanoTime() - start));
            }
            return best;
        }
    }

    @Override
    public void close() {
        optimizer.close();
        adapter.close();
    }
}
