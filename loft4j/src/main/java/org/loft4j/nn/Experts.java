package org.loft4j.nn;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
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

    /** An expert with the layers that it has where those at these paths are taken over. */
    default FeedForward expert(int number, Set<String> taken) {
        return open().apply(number);
    }

    /** Those of their layers that are layers of the model, which an adapter may be attached to. */
    List<Linear> linears();

    /** Path of their module. */
    String path();

    /** The matrices of gate and up, and of what leads back, of all of them: what an adapter of parameters may take over. */
    List<StackedLinears> matrices();

    /** The names of these. */
    default List<String> parameters() {
        return matrices().stream().map(StackedLinears::parameter).toList();
    }

    /**
     * Experts with layers of their own. Transformers 5 has their matrices in one tensor a kind: by the names of that an adapter may take
     * gate and up of an expert over as one layer.
     *
     * @param path of their module in Transformers 5
     */
    record Apart(String path, List<FeedForward.Gated> all, List<StackedLinears> matrices) implements Experts {
        public Apart {
            all = List.copyOf(all);
            matrices = List.copyOf(matrices);
        }

        public Apart(String path, List<FeedForward.Gated> all) {
            this(
                    path,
                    all,
                    List.of(
                            joined(path + ".gate_up_proj", all, expert -> List.of(expert.gate(), expert.up())),
                            joined(path + ".down_proj", all, expert -> List.of(expert.down()))));
        }

        private static StackedLinears joined(
                String parameter, List<FeedForward.Gated> all, Function<FeedForward.Gated, List<Linear>> layers) {
            List<WeightMatrix> each = all.stream()
                    .map(expert -> (WeightMatrix) new JoinedWeight(layers.apply(expert)))
                    .toList();
            return StackedLinears.of(parameter, new MatrixStack.Apart(each));
        }

        @Override
        public int count() {
            return all.size();
        }

        @Override
        public IntFunction<FeedForward> open() {
            return i -> {
                FeedForward.FusedGated joined = joined(i);
                boolean taken = joined.linears().stream().anyMatch(layer -> layer.override() != null);
                return taken ? joined : all.get(i);
            };
        }

        @Override
        public FeedForward expert(int number, Set<String> taken) {
            FeedForward.FusedGated joined = joined(number);
            return joined.linears().stream().anyMatch(layer -> taken.contains(layer.path())) ? joined : all.get(number);
        }

        /** An expert by the layers of {@link #matrices}. */
        private FeedForward.FusedGated joined(int number) {
            return new FeedForward.FusedGated(
                    matrices.get(0).all().get(number),
                    matrices.get(1).all().get(number),
                    all.get(number).activation());
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

        /** The same, whose module in Transformers does not say that matrices are stored {@code (in, out)}: see {@link StackedLinears}. */
        public Stacked exchanged() {
            return new Stacked(path, StackedLinears.exchanged(matrices), gateUpBias, downBias, form);
        }

        @Override
        public int count() {
            return matrices.get(0).stack().count();
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
