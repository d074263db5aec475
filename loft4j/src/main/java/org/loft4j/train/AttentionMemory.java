package org.loft4j.train;

import org.loft4j.nn.Attention;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.Lanes;

/** What the scores of attention keep and make. */
final class AttentionMemory {
    private static final int FLOAT = 4;

    private final MemoryPlan plan;
    private final boolean onProcessor;
    private final long lanes;
    private final int size;
    private final int wide;
    private final boolean half;

    /** @param lanes into how many parts a batch is cut */
    AttentionMemory(MemoryPlan plan, Dtype dtype, boolean onProcessor, long lanes) {
        this.plan = plan;
        this.onProcessor = onProcessor;
        this.lanes = lanes;
        this.size = dtype.bytes();
        this.wide = Math.max(size, FLOAT);
        this.half = dtype.isHalf();
    }

    /** Of all rows and heads. */
    long scores(LayerShapes layer) {
        return plan.attention().heads() * plan.load().rows() * layer.pairs(plan.load());
    }

    /** Bytes that a score leaves behind where attention is not fused, with what its layer adds to it. */
    long keptOfScore(LayerShapes layer, boolean training) {
        return ofSoftmax(layer, training) + (training && plan.attention().disentangled() ? wide : 0);
    }

    /** Bytes that a score takes on its way, with those that it leaves behind. */
    long madeOfScore(LayerShapes layer, boolean training) {
        Looks looks = layer.looks();
        if (looks != null && looks.bounded()) {
            // the product, scaled, bounded and once more scaled, before they are probabilities
            return 5L * wide + 2L * size;
        }
        if (plan.attention().disentangled()) {
            // of two terms the products with twice as many distances, what is picked of them, and gradients
            return (training ? 12L : 4L) * wide + 2L * size;
        }
        long kept = keptOfScore(layer, training);
        return kept <= 1 ? kept : kept + 2L * size;
    }

    private long ofSoftmax(LayerShapes layer, boolean training) {
        Looks looks = layer.looks();
        if (looks != null && looks.bounded()) {
            // what bounds them and the probabilities, in half types those once more
            return training ? 2L * wide + (half ? size : 0) : 0;
        }
        if (training && (plan.attention().dropout() || layer.dropped().probabilities())) {
            // whether it is dropped; else also the softmax, in float32 at least, and what is left of it
            return dropsOurs(layer) ? 1 : wide + 1L + size;
        }
        if (training && plan.attention().distances() && plan.lora() == null) {
            // no fused kernel finds the gradient of what is added to the scores
            return wide;
        }
        // a call has those of a lane
        return half && training && Attention.keepsScores(scores(layer) / lanes, isOurs(layer)) ? FLOAT + size : 0;
    }

    /**
     * Numbers a token of queries, keys, values and what comes out that are float32 in a half type, on the processor, where the scores are
     * more than are kept ({@link Attention}).
     */
    long wideHeads(LayerShapes layer, boolean training) {
        boolean plain = training && layer.recurrent() == null && keptOfScore(layer, true) == 0 && !isOurs(layer);
        return half && onProcessor && plain ? 4 * layer.heads() : 0;
    }

    /** Whether our own attention computes it. */
    private boolean isOurs(LayerShapes layer) {
        Looks looks = layer.looks();
        return inLanes() && looks != null && looks.isOurs(plan.load().columns());
    }

    /** The same where probabilities are dropped. */
    private boolean dropsOurs(LayerShapes layer) {
        Looks looks = layer.looks();
        long queries = layer.writes() ? plan.load().written() : plan.load().columns();
        return onProcessor && inLanes() && (looks == null || !looks.sinks()) && Attention.dropsOurs(queries);
    }

    private boolean inLanes() {
        return lanes > 1 || Lanes.count() == 1;
    }

    /** What distances add to the scores, once for all layers; those of what is written are alike in all rows. */
    long distances(MemoryPlan.Load load) {
        long read = load.rows() * load.columns() * load.columns();
        long written = 2 * load.written() * load.written();
        return plan.attention().distances() ? plan.attention().heads() * (read + written) * wide : 0;
    }
}
