package org.loft4j.data;

import java.io.IOException;
import java.util.List;

/** The batches of examples in memory, in the order of a plan. */
final class ExampleBatches implements BatchSource {
    private final Examples examples;
    private final BatchPlan plan;
    private final long seed;
    private final long padId;
    private List<int[]> order = List.of();
    private long epochOfOrder = -1;

    ExampleBatches(Examples examples, BatchPlan plan, long seed, long padId) {
        this.examples = examples;
        this.plan = plan;
        this.seed = seed;
        this.padId = padId;
    }

    @Override
    public long batches() {
        return plan.batches();
    }

    @Override
    public List<MiniBatch> get(long epoch, long batch) throws IOException {
        if (epoch != epochOfOrder) {
            order = plan.epoch(epoch);
            epochOfOrder = epoch;
        }
        return examples.trainingBatches(order.get(Math.toIntExact(batch)), padId, seed, epoch);
    }

    @Override
    public void close() {
        // holds nothing
    }
}
