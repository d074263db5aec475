package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/** The experts of a mixture. */
public sealed interface Experts {
    /** How many there are. */
    int count();

    /** The experts by number, for one pass. */
    IntFunction<FeedForward> open();

    /** Those of their layers that are layers of the model, which an adapter may be attached to. */
    List<Linear> linears();

    /** Experts with layers of their own. */
    record Apart(List<FeedForward> all) implements Experts {
        public Apart {
            all = List.copyOf(all);
        }

        @Override
        public int count() {
            return all.size();
        }

        @Override
        public IntFunction<FeedForward> open() {
            return all::get;
        }

        @Override
        public List<Linear> linears() {
            List<Linear> linears = new ArrayList<>();
            all.forEach(expert -> linears.addAll(expert.linears()));
            return linears;
        }
    }

    /**
     * Experts whose matrices lie in one tensor, as those of gpt-oss and Qwen 3.5: there are no layers in the model that an adapter
     * could be attached to.
     *
     * @param path of their module
     * @param parameters the names of the matrices of gate and up and of what leads back
     * @param gateUp from hidden states to gate and up
     * @param gateUpBias {@code (count, 2·width)} or null
     * @param down from the width of an expert to hidden states
     * @param downBias {@code (count, hidden)} or null
     * @param form what an expert makes of its two layers
     */
    record Stacked(
            String path,
            List<String> parameters,
            MatrixStack gateUp,
            @Nullable Tensor gateUpBias,
            MatrixStack down,
            @Nullable Tensor downBias,
            Form form)
            implements Experts {
        /** Makes an expert of its layers: gate and up in one, and what leads back. */
        public interface Form {
            FeedForward.Dense of(Linear gateUp, Linear down);
        }

        private static final String GATE_UP = ".gate_up_proj";
        private static final String DOWN = ".down_proj";

        @Override
        public int count() {
            return gateUp.count();
        }

        public Stacked {
            parameters = List.copyOf(parameters);
        }

        /** Of matrices that are called as in Transformers' module. */
        public Stacked(
                String path,
                MatrixStack gateUp,
                @Nullable Tensor gateUpBias,
                MatrixStack down,
                @Nullable Tensor downBias,
                Form form) {
            this(path, List.of(path + GATE_UP, path + DOWN), gateUp, gateUpBias, down, downBias, form);
        }

        @Override
        public IntFunction<FeedForward> open() {
            IntFunction<WeightMatrix> gateUps = gateUp.open();
            IntFunction<WeightMatrix> downs = down.open();
            IntFunction<@Nullable Tensor> gateUpBiases = biases(gateUpBias);
            IntFunction<@Nullable Tensor> downBiases = biases(downBias);
            return e -> form.of(
                    new Linear(path + GATE_UP + "." + e, gateUps.apply(e), gateUpBiases.apply(e)),
                    new Linear(path + DOWN + "." + e, downs.apply(e), downBiases.apply(e)));
        }

        private static IntFunction<@Nullable Tensor> biases(@Nullable Tensor stack) {
            if (stack == null) {
                return i -> null;
            }
            IntFunction<Tensor> slices = slices(stack);
            return slices::apply;
        }

        @Override
        public List<Linear> linears() {
            return List.of();
        }
    }

    /** The parts of a tensor along its first dimension; where it is trained in one step, for a gradient that is made in one. */
    static IntFunction<Tensor> slices(Tensor stack) {
        if (GradMode.is_enabled() && stack.requires_grad()) {
            TensorVector all = torch.unbind(stack, 0);
            return all::get;
        }
        return i -> stack.select(0, i);
    }
}
