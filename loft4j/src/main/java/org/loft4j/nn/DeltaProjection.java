package org.loft4j.nn;

import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/** How what {@link GatedDeltaNet} computes with comes from the hidden states. */
public sealed interface DeltaProjection {
    /**
     * What the layers make of the tokens.
     *
     * @param queryKeyValue queries, keys and values of all heads, one behind the other, {@code (batch, seq, channels)}
     * @param gate of what the rule yields, {@code (batch, seq, valueHeads·valueDim)}
     * @param strength how far a value is corrected, before its sigmoid, {@code (batch, seq, valueHeads)}
     * @param decay how fast the memory fades, {@code (batch, seq, valueHeads)}
     */
    record Made(Tensor queryKeyValue, Tensor gate, Tensor strength, Tensor decay) {}

    /** Projects {@code (batch, seq, hidden)}. */
    Made project(Tensor x, GatedDeltaNet.Shape shape);

    /** Its layers in order of use. */
    List<Linear> linears();

    /** A matrix for each, as Qwen 3.5 has it. */
    record Separate(Linear queryKeyValue, Linear gate, Linear strength, Linear decay) implements DeltaProjection {
        @Override
        public Made project(Tensor x, GatedDeltaNet.Shape shape) {
            List<Tensor> all = Linear.forwardAll(linears(), x);
            return new Made(all.get(0), all.get(1), all.get(2), all.get(3));
        }

        @Override
        public List<Linear> linears() {
            return List.of(queryKeyValue, gate, strength, decay);
        }
    }

    /**
     * Two matrices with the rows of each head of keys together, as Qwen3-Next has it.
     *
     * @param queryKeyValueGate for each head of keys its query, its key, and the values and the gates of all heads that share it
     * @param strengthDecay for each head of keys the strengths of all heads that share it, and then their decays
     */
    record Grouped(Linear queryKeyValueGate, Linear strengthDecay) implements DeltaProjection {
        @Override
        public Made project(Tensor x, GatedDeltaNet.Shape shape) {
            List<Tensor> both = Linear.forwardAll(linears(), x);
            long keys = shape.keyDim();
            long shared = shape.valueHeads() / shape.keyHeads();
            long values = shared * shape.valueDim();
            Tensor wide = both.get(0).unflatten(-1, shape.keyHeads(), 2 * keys + 2 * values);
            Tensor narrow = both.get(1).unflatten(-1, shape.keyHeads(), 2 * shared);
            TensorVector parts = new TensorVector(
                    ofAllHeads(wide, 0, keys), ofAllHeads(wide, keys, keys), ofAllHeads(wide, 2 * keys, values));
            return new Made(
                    torch.cat(parts, -1),
                    ofAllHeads(wide, 2 * keys + values, values),
                    ofAllHeads(narrow, 0, shared),
                    ofAllHeads(narrow, shared, shared));
        }

        /** A part of what each head of keys has. With one such head it would be a view, and keep the whole. */
        private static Tensor ofAllHeads(Tensor x, long from, long size) {
            return x.narrow(-1, from, size).flatten(2, 3).contiguous();
        }

        @Override
        public List<Linear> linears() {
            return List.of(queryKeyValueGate, strengthDecay);
        }
    }
}
