package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.tensor.NativeScope;

/**
 * Some blocks of a decoder in a pass, one after the other, as a function of tensors: what {@link ActivationCheckpoint} computes once
 * more.
 *
 * @param layers at least one
 */
record BlockRun(List<Layer> layers) {
    /** A block in a pass. */
    record Layer(DecoderBlock block, LayerPass pass) {}

    BlockRun {
        layers = List.copyOf(layers);
    }

    /** The states, and what else may lead a gradient back: inputs of the blocks, keys and values that they borrow. */
    List<Tensor> inputs(Tensor hidden) {
        List<Tensor> inputs = new ArrayList<>(List.of(hidden));
        for (Layer layer : layers) {
            Tensor input = layer.pass().input();
            if (input != null) {
                inputs.add(input);
            }
            KeyValueCache.Entry borrowed = layer.pass().borrowed();
            if (borrowed != null) {
                inputs.add(borrowed.key());
                inputs.add(borrowed.value());
            }
        }
        return inputs;
    }

    /** What comes out, of {@link #inputs} or others like them. */
    Tensor forward(List<Tensor> inputs) {
        try (NativeScope scope = new NativeScope()) {
            Tensor hidden = inputs.get(0);
            for (Layer layer : over(inputs)) {
                hidden = layer.block().forward(hidden, layer.pass());
            }
            return scope.toEnclosing(hidden);
        }
    }

    /** The same where the gradients alone are asked for: {@link DecoderBlock#forGradient}. */
    Tensor forGradient(List<Tensor> inputs) {
        try (NativeScope scope = new NativeScope()) {
            Tensor hidden = inputs.get(0);
            List<Layer> over = over(inputs);
            Layer last = over.get(over.size() - 1);
            for (Layer layer : over.subList(0, over.size() - 1)) {
                hidden = layer.block().forward(hidden, layer.pass());
            }
            return scope.toEnclosing(last.block().forGradient(hidden, last.pass()));
        }
    }

    private List<Layer> over(List<Tensor> inputs) {
        int next = 1;
        List<Layer> over = new ArrayList<>();
        for (Layer layer : layers) {
            LayerPass pass = layer.pass();
            Tensor input = pass.input() == null ? null : inputs.get(next++);
            KeyValueCache.Entry borrowed =
                    pass.borrowed() == null ? null : new KeyValueCache.Entry(inputs.get(next++), inputs.get(next++));
            over.add(new Layer(layer.block(), pass.with(input, borrowed)));
        }
        return over;
    }
}
