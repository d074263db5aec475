package org.loft4j.model.shared;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.InnerNames;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.CausalDecoder;
import org.loft4j.nn.CausalDecoder.LayerKind;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.DecoderEmbedding;
import org.loft4j.nn.LogitScale;
import org.loft4j.nn.ModelDescription;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.Norm;
import org.loft4j.nn.RopeScaling;
import org.loft4j.nn.RotaryEmbedding;
import org.loft4j.nn.Task;
import org.loft4j.nn.WeightMatrix;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/**
 * Puts a decoder of {@link DecoderLayout} together.
 *
 * @param family {@code model_type}
 * @param layout names and shapes
 * @param sizes of config.json
 * @param attention scale, bound and dropout of the attention
 * @param embeddingScale of the input embeddings, by their type; 1 for none
 * @param residualScale of what each part of a block adds; 1 for none
 * @param logitScale what makes logits of the product of a language model's head
 * @param embeddingDropout on the input embeddings while training
 * @param residualDropout on what each part of a block adds, while training
 * @param classifierDropout before a classifier of tokens, while training
 * @param placement of each block's tokens, one for each
 */
public record DecoderAssembly(
        String family,
        DecoderLayout layout,
        DecoderConfig sizes,
        DecoderAttention.Shape attention,
        ToDoubleFunction<Dtype> embeddingScale,
        double residualScale,
        LogitScale logitScale,
        double embeddingDropout,
        double residualDropout,
        double classifierDropout,
        List<Placement> placement) {
    /**
     * Where the tokens of a block are, and how far back they see.
     *
     * @param rope rotation of queries and keys; null for none
     * @param window how many tokens each may see, itself the last of them; 0 for all before it
     * @param bothSides whether they see those behind them too, of a window half on each side
     * @param inChunks whether the window does not go along with the tokens: each sees those before it in its own chunk of so many
     */
    public record Placement(@Nullable Rope rope, long window, boolean bothSides, boolean inChunks) {
        /** Of tokens that see those before them alone. */
        public Placement(@Nullable Rope rope, long window) {
            this(rope, window, false);
        }

        /** Of tokens whose window goes along with them. */
        public Placement(@Nullable Rope rope, long window, boolean bothSides) {
            this(rope, window, bothSides, false);
        }
    }

    private static final System.Logger LOG = System.getLogger(DecoderAssembly.class.getName());

    public DecoderAssembly {
        placement = List.copyOf(placement);
    }

    /** A plain one: scores are divided by the root of the head's size, and nothing is scaled, bounded or dropped beside. */
    public static DecoderAssembly of(
            String family, DecoderLayout layout, DecoderConfig sizes, List<Placement> placement) {
        return new DecoderAssembly(
                family,
                layout,
                sizes,
                new DecoderAttention.Shape(
                        sizes.headDim(), 1 / Math.sqrt(sizes.headDim()), 0, sizes.attentionDropout()),
                type -> 1,
                1,
                LogitScale.NONE,
                0,
                0,
                0.1,
                placement);
    }

    public DecoderAssembly withClassifierDropout(double dropout) {
        return new DecoderAssembly(
                family,
                layout,
                sizes,
                attention,
                embeddingScale,
                residualScale,
                logitScale,
                embeddingDropout,
                residualDropout,
                dropout,
                placement);
    }

    /** Reads the model from a checkpoint. */
    public CausalDecoder open(TensorSource checkpoint, ModelOptions options) throws CheckpointException {
        TensorSource source =
                layout.experts() == null ? checkpoint : layout.experts().arranged(checkpoint);
        Parameters parameters = parameters(options);
        ParameterReader reader = layout.reader(source, sizes.tieWordEmbeddings());
        if (sizes.tieWordEmbeddings()) {
            Parameters.requireTied(reader, layout.frame().output() + ".weight", layout.embedding(), options);
        }
        tellOfRest(reader, options);
        try (NativeScope scope = new NativeScope()) {
            Weights weights = parameters.read(reader, layout::isHarmless, options);
            return assemble(weights, options, source.path());
        }
    }

    private static void tellOfRest(ParameterReader reader, ModelOptions options) {
        List<String> rest = reader.spellings().keySet().stream()
                .filter(InnerNames::isBeside)
                .toList();
        if (!rest.isEmpty() && !options.device().equals(DeviceSpec.META)) {
            long further = rest.stream().filter(InnerNames::isFurther).count();
            List<String> parts = new ArrayList<>();
            if (rest.size() > further) {
                parts.add(rest.size() - further + " tensors of the vision tower");
            }
            if (further > 0) {
                parts.add(further + " tensors that predict further tokens at once (mtp)");
            }
            LOG.log(
                    System.Logger.Level.INFO,
                    reader.path() + ": the language model alone is opened; " + String.join(" and ", parts)
                            + " stay on the disk");
        }
    }

    /** The model with new weights, the same for the same seed on every device. */
    public CausalDecoder random(ModelOptions options) {
        return random(options, null);
    }

    /** The same by the config.json of a directory. */
    public CausalDecoder random(ModelOptions options, @Nullable Path directory) {
        try (NativeScope scope = new NativeScope()) {
            return assemble(parameters(options).random(options), options, directory);
        }
    }

    private Parameters parameters(ModelOptions options) {
        return layout.parameters(sizes, options.task(), options.labels().size());
    }

    private CausalDecoder assemble(Weights weights, ModelOptions options, @Nullable Path directory) {
        WeightMatrix embedding = weights.matrix(layout.embedding());
        Dtype dtype = embedding.dtype();
        DecoderEdges edges =
                layout.own() == null ? DecoderEdges.NONE : layout.own().edges(layout.base(), weights);
        Norm named = layout.finalNorm(sizes, weights);
        Task task = options.task();
        List<DecoderBlock> blocks = new ArrayList<>();
        for (int i = 0; i < sizes.layers(); i++) {
            blocks.add(layout.block(i, sizes, attention, residualDropout, residualScale, weights));
        }
        ModelDescription description = new ModelDescription(
                family,
                sizes.vocabularySize(),
                longest(),
                sizes.hiddenSize(),
                dtype,
                options.device(),
                options.labels(),
                HeadConfig.ofDecoder(options),
                options.multiLabel(),
                directory);
        return new CausalDecoder(new CausalDecoder.Parts(
                description,
                weights,
                new DecoderEmbedding(
                        embedding,
                        embeddingScale.applyAsDouble(dtype),
                        edges.positions(),
                        edges.entry(),
                        embeddingDropout,
                        layout.frame().learnsPadding() ? -1 : sizes.padTokenId(),
                        layout.layerInputs(weights)),
                blocks,
                kinds(dtype, options),
                named == null ? edges.norm() : named,
                edges.exit(),
                new CausalDecoder.Head(
                        task,
                        layout.head(sizes, task, weights),
                        task == Task.CAUSAL_LM ? logitScale : LogitScale.NONE,
                        task == Task.TOKEN_CLASSIFICATION ? classifierDropout : 0,
                        sizes.padTokenId()),
                seed -> parameters(options).redraw(weights, seed)));
    }

    private long longest() {
        long longest = sizes.maxPositions();
        for (Placement one : placement) {
            RopeScaling stated =
                    one.rope() == null ? new RopeScaling.None() : one.rope().scaling();
            RopeScaling scaling = stated instanceof RopeScaling.GrowingQueries growing ? growing.frequencies() : stated;
            if (scaling instanceof RopeScaling.Dynamic dynamic) {
                longest = Math.max(longest, (long) (sizes.maxPositions() * dynamic.factor()));
            } else if (scaling instanceof RopeScaling.Yarn yarn) {
                longest = Math.max(longest, (long) (yarn.original() * yarn.factor()));
            }
        }
        return longest;
    }

    /** Blocks with the same placement share their tables. */
    private List<LayerKind> kinds(Dtype dtype, ModelOptions options) {
        List<Placement> distinct = placement.stream().distinct().toList();
        boolean below = layout.own() != null && layout.own().futureBelowPadding();
        List<LayerKind> made = new ArrayList<>();
        for (Placement one : distinct) {
            Rope rope = one.rope();
            RotaryEmbedding rotary = rope == null ? null : rope.embedding(dtype, options.device());
            made.add(new LayerKind(rotary, one.window(), below, one.bothSides(), one.inChunks()));
        }
        return placement.stream().map(one -> made.get(distinct.indexOf(one))).toList();
    }
}
