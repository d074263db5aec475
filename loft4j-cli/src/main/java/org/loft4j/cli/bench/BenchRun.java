package org.loft4j.cli.bench;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.locks.LockSupport;
import org.bytedeco.pytorch.AutoGradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;
import org.loft4j.adapter.LoraAdapter;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.adapter.TargetModules;
import org.loft4j.data.Batch;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.LanguageModelLoss;
import org.loft4j.nn.Linear;
import org.loft4j.nn.TokenInput;
import org.loft4j.optim.Schedule;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;
import org.loft4j.tensor.NativeScope;
import org.loft4j.tensor.Tensors;
import org.loft4j.train.LoftSettings;
import org.loft4j.train.TrainConfig;
import org.loft4j.train.Trainable;
import org.loft4j.train.Trainer;

/** One method on one model, ready to step on random tokens. Runs with an adapter may share the model. */
final class BenchRun implements AutoCloseable {
    /**
     * What one step took, in seconds.
     *
     * @param forward of a pass without gradients, which is taken beside the step
     * @param gradients forward and backward
     * @param optimizer clipping and update
     */
    record Seconds(double forward, double gradients, double optimizer) {
        double total() {
            return gradients + optimizer;
        }

        double backward() {
            return gradients - forward;
        }
    }

    private final BenchModel shape;
    private final CausalDecoder model;
    private final boolean checkpointing;
    private final Trainable trainable;
    private final Trainer trainer;
    private long taken;

    BenchRun(BenchModel shape, CausalDecoder model, Contestant contestant, int rank) {
        this.shape = shape;
        this.model = model;
        this.checkpointing = contestant.checkpointing();
        TrainConfig config = TrainConfig.builder(contestant.method())
                .learningRate(1e-4)
                .schedule(Schedule.Kind.CONSTANT)
                .warmupRatio(0)
                .loft(LoftSettings.defaults().withCrossTerms(contestant.crossTerms()))
                .build();
        LoraConfig lora = LoraConfig.of(rank, rank, TargetModules.allLinear());
        this.trainable = Trainable.create(model, contestant.method().usesAdapter() ? lora : null, config);
        this.trainer = new Trainer(model, trainable, config, 1);
        detach();
    }

    /** One step, timed, and a pass without gradients beside it. */
    Seconds step() {
        return step(true);
    }

    /** One step and nothing else: it leaves memory as a run does. */
    void train() {
        step(false);
    }

    /** On fresh random tokens, as a run takes it: forward, loss, backward, clipping, update. */
    private Seconds step(boolean forwardBeside) {
        LoraAdapter adapter = trainable.adapter();
        if (adapter != null) {
            adapter.attach();
        }
        trainable.setTraining(true);
        model.setGradientCheckpointing(checkpointing);
        try {
            List<Batch> batch = List.of(batch(taken));
            long start = System.nanoTime();
            if (forwardBeside) {
                forward(batch.get(0));
            }
            long forward = System.nanoTime();
            double loss = trainer.findGradients(batch, taken);
            long gradients = System.nanoTime();
            trainer.update(loss, taken++);
            long end = System.nanoTime();
            return new Seconds((forward - start) / 1e9, (gradients - forward) / 1e9, (end - gradients) / 1e9);
        } finally {
            detach();
        }
    }

    private Batch batch(long seed) {
        int rows = (int) shape.batchShape()[0];
        int columns = (int) shape.batchShape()[1];
        long[] ids = new SplittableRandom(seed)
                .longs((long) rows * columns, 0, shape.vocabulary())
                .toArray();
        long[] mask = new long[ids.length];
        Arrays.fill(mask, 1);
        return new Batch(rows, columns, ids, mask, ids, ids.length, (long) rows * (columns - 1));
    }

    /** The loss alone, its rows shared out as those of a step are. */
    private void forward(Batch batch) {
        int lanes = Lanes.forRows(batch.rows());
        Lanes.run(lanes, i -> {
            long from = (long) batch.rows() * i / lanes;
            long count = (long) batch.rows() * (i + 1) / lanes - from;
            Tensor ids = Tensors.of(batch.inputIds(), shape.batchShape()).narrow(0, from, count);
            new LanguageModelLoss(model).judgeRows(new TokenInput(ids, null), ids);
        });
    }

    private void detach() {
        model.setGradientCheckpointing(false);
        @Nullable LoraAdapter adapter = trainable.adapter();
        if (adapter != null) {
            adapter.detach();
        }
    }

    /** GFLOP/s of a square product in float32, now: the best of a few, in several places, since where a matrix lies in memory is worth a tenth. */
    static double productRate() {
        try (NativeScope scope = new NativeScope()) {
            int n = 1536;
            double best = 0;
            for (int place = 0; place < 4; place++) {
                Tensor x = torch.randn(new long[] {n, n}, Tensors.options(Dtype.F32, DeviceSpec.CPU));
                for (int i = 0; i < 3; i++) {
                    // what is freed here the next product takes, without new pages
                    try (NativeScope one = new NativeScope()) {
                        long start = System.nanoTime();
                        x.mm(x).numel();
                        best = Math.max(best, 2.0 * n * n * n / (System.nanoTime() - start));
                    }
                }
            }
            // OpenBLAS' threads go on looking for work for a while, on cores that the next step needs
            LockSupport.parkNanos(200_000_000);
            return best;
        }
    }

    /**
     * GFLOP/s of the model's own products by themselves, now: its matrices, each by the rows of a lane, forward and back. More a
     * step cannot reach with these products, whatever else it does.
     */
    double ownProductRate() {
        try (NativeScope scope = new NativeScope();
                AutoGradMode frozen = new AutoGradMode(false)) {
            List<Linear> linears = List.copyOf(model.linears().values());
            int lanes = Lanes.forRows(shape.batchShape()[0]);
            long rows = shape.batchShape()[0] * shape.batchShape()[1] / lanes;
            long widest = linears.stream().mapToLong(Linear::inFeatures).max().orElseThrow();
            Tensor numbers = torch.randn(new long[] {rows * widest}, Tensors.options(Dtype.F32, DeviceSpec.CPU));
            long start = System.nanoTime();
            Lanes.run(lanes, i -> {
                for (Linear linear : linears) {
                    try (NativeScope one = new NativeScope()) {
                        long in = linear.inFeatures();
                        Tensor x = numbers.narrow(0, 0, rows * in).view(rows, in);
                        linear.product(x).mm(linear.weight());
                    }
                }
            });
            long nanos = System.nanoTime() - start;
            double weights = linears.stream()
                    .mapToDouble(linear -> (double) linear.inFeatures() * linear.outFeatures())
                    .sum();
            return 4.0 * lanes * rows * weights / nanos;
        }
    }

    @Override
    public void close() {
        trainable.close();
    }
}
