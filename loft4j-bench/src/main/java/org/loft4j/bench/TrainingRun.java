package org.loft4j.bench;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.LoraLinear;
import org.loft4j.adapter.TargetModules;
import org.loft4j.model.llama.LlamaConfig;
import org.loft4j.model.llama.LlamaModel;
import org.loft4j.nn.Losses;
import org.loft4j.nn.ModelInput;
import org.loft4j.optim.AdamW;
import org.loft4j.optim.AdamWConfig;
import org.loft4j.optim.Loft;
import org.loft4j.optim.LoftConfig;
import org.loft4j.optim.LowRankPair;
import org.loft4j.optim.NamedParameter;
import org.loft4j.optim.Optimizer;
import org.loft4j.optim.OptimizerGroups;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;

/** One method on one model, ready to step on random tokens. Several runs may share the model. */
final class TrainingRun implements AutoCloseable {
    /** What one step took, in seconds. */
    record Seconds(double forward, double backward, double optimizer) {
        double total() {
            return forward + backward + optimizer;
        }
    }

    private final LlamaModel model;
    private final LoraAdapter adapter;
    private final OptimizerGroups optimizer;
    private final LlamaConfig config;
    private final int batch;
    private final int sequence;

    TrainingRun(String method, LlamaModel model, LlamaConfig config, int rank, int batch, int sequence) {
        this.model = model;
        this.config = config;
        this.batch = batch;
        this.sequence = sequence;
        adapter = LoraAdapter.create(model, LoraConfig.of(rank, rank, TargetModules.allLinear()), 1);
        Optimizer own = open(method, List.copyOf(adapter.layers().values()));
        optimizer = new OptimizerGroups(List.of(new OptimizerGroups.Group(method, own, 1e-4)));
    }

    private static Optimizer open(String method, List<LoraLinear> layers) {
        List<LowRankPair> pairs = layers.stream()
                .map(layer -> new LowRankPair(layer.path(), layer.loraA(), layer.loraB(), layer.scale()))
                .toList();
        return switch (method) {
            case "loft" -> Loft.adamW(pairs, LoftConfig.defaults());
            case "loft-simple" -> Loft.simple(pairs, LoftConfig.defaults());
            case "lora" -> {
                List<NamedParameter> parameters = new ArrayList<>();
                for (LowRankPair pair : pairs) {
                    parameters.add(new NamedParameter(pair.name() + ".lora_A", pair.loraA()));
                    parameters.add(new NamedParameter(pair.name() + ".lora_B", pair.loraB()));
                }
                yield new AdamW(parameters, AdamWConfig.defaults());
            }
            default -> throw new IllegalArgumentException("method must be loft, loft-simple or lora, got " + method);
        };
    }

    /** One step on fresh random tokens: forward, loss, backward, clipping, update. */
    Seconds step() {
        adapter.attach();
        try (NativeScope scope = new NativeScope()) {
            Tensor ids = torch.randint(
                    config.vocabularySize(), new long[] {batch, sequence}, Tensors.options(Dtype.I64, DeviceSpec.CPU));
            long start = System.nanoTime();
            Tensor loss = Losses.causalLm(model.logits(new ModelInput(ids, null)), ids);
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
