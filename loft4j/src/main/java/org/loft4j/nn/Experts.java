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
     * Experts whose matrices lie in one tensor, as those of gpt-oss and Qwen 3.5: none of them is a layer of the model, but an adapter
     * may take each over.
     *
     * @param path of their module
     * @param matrices of gate and up, from hidden states, and of what leads back
     * @param gateUpBias {@code (count, 2·width)} or null
     * @param downBias {@code (count, hidden)} or null
     * @param form what an expert makes of its two layers
     */
    record Stacked(
            String path,
            List<StackedLinears> matrices,
            @Nullable Tensor gateUpBias,
            @Nullable Tensor downBias,
            Form form)
            implements Experts {
        /** Makes an expert of its layers: gate and up in one, and what leads back. */
        public interface Form {
            FeedForward.Dense of(Linear gateUp, Linear down);
        }

        public Stacked {
            matrices = List.copyOf(matrices);
        }

        /**
         * Of matrices by these names.
         *
         * @param gateUp from hidden states to gate and up
         * @param down from the width of an expert to hidden states
         */
        public Stacked(
                String path,
                List<String> parameters,
                MatrixStack gateUp,
                @Nullable Tensor gateUpBias,
                MatrixStack down,
                @Nullable Tensor downBias,
                Form form) {
            this(
                    path,
                    List.of(StackedLinears.of(parameters.get(0), gateUp), StackedLinears.of(parameters.get(1), down)),
                    gateUpBias,
                    downBias,
                    form);
        }

        /** Of matrices that are called as in Transformers' module. */
        public Stacked(
                String path,
                MatrixStack gateUp,
                @Nullable Tensor gateUpBias,
                MatrixStack down,
                @Nullable Tensor downBias,
                Form form) {
            this(path, List.of(path + ".gate_up_proj", path + ".down_proj"), gateUp, gateUpBias, down, downBias, form);
        }

        @Override
        public int count() {
            return matrices.get(0).stack().count();
        }

        /** The names of the matrices of gate and up and of what leads back. */
        public List<String> parameters() {
            return matrices.stream().map(StackedLinears::parameter).toList();
        }

        @Override
        public IntFunction<FeedForward> open() {
            IntFunction<Linear> gateUps = matrices.get(0).open(gateUpBias);
            IntFunction<Linear> downs = matrices.get(1).open(downBias);
            return e -> form.of(gateUps.apply(e), downs.apply(e));
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
