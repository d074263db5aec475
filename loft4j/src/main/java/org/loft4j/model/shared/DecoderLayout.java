package org.loft4j.model.shared;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.InnerNames;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.TensorSource;
import org.loft4j.io.TiedHead;
import org.loft4j.nn.AcrossHeads;
import org.loft4j.nn.AttentionSinks;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadByHead;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.LayerInputs;
import org.loft4j.nn.LayerNorm;
import org.loft4j.nn.Linear;
import org.loft4j.nn.Norm;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.RmsNorm;
import org.loft4j.nn.Task;
import org.loft4j.nn.Weights;

/**
 * The names and shapes that Llama gave to the parameters of a decoder ({@code model.layers.0.self_attn.q_proj.weight}), with
 * what its descendants add to them.
 *
 * @param base what the names of all but a head begin with
 * @param traits what else is not Llama's
 * @param queryKeyNorms what of queries and keys has a norm
 * @param norms of attention and feed-forward
 * @param linear of the blocks with linear attention, in a family whose other attention is gated; null for none
 * @param experts of the blocks that have a mixture for a feed-forward part; null for none
 * @param own blocks that differ in more than all this; null for none
 */
public record DecoderLayout(
        String base,
        Set<Trait> traits,
        QueryKeyNorms queryKeyNorms,
        BlockNorms norms,
        @Nullable DeltaLayout linear,
        @Nullable MixtureLayout experts,
        @Nullable FamilyBlocks own) {
    /** What a family may have beyond Llama. */
    public enum Trait {
        /** Biases of q, k and v. */
        QUERY_KEY_VALUE_BIAS,
        /** A bias of o. */
        OUTPUT_BIAS,
        /** Biases of gate, up and down. */
        MLP_BIAS,
        /** Norms that store {@code w − 1}, as Gemma's do. */
        NORMS_LESS_ONE,
        /** Norms that take the mean away, as Cohere's do: {@link LayerNorm}, without biases. */
        CENTRED_NORMS,
        /** One matrix for q, k and v, as Phi-3 has it. */
        FUSED_HEADS,
        /** One matrix for gate and up, as Phi-3 and GLM-4-0414 have it. */
        FUSED_GATE,
        /** Files that may hold a vision tower beside the model, or what predicts further tokens at once. */
        BESIDE_TOWER,
        /** A logit of each head in its softmax, as gpt-oss has it. */
        SINKS
    }

    /** Nothing beyond Llama. */
    public static final DecoderLayout LLAMA = new DecoderLayout(
            DecoderFrame.LLAMA.base(), Set.of(), QueryKeyNorms.NONE, BlockNorms.BEFORE, null, null, null);

    private static final String SINKS = "self_attn.sinks";

    public DecoderLayout {
        traits = Set.copyOf(traits);
    }

    /** Embedding, norm and head around the blocks of a family. */
    public static DecoderLayout around(FamilyBlocks blocks) {
        return new DecoderLayout(
                blocks.frame().base(), Set.of(), QueryKeyNorms.NONE, BlockNorms.BEFORE, null, null, blocks);
    }

    public DecoderLayout with(Trait... more) {
        Set<Trait> all = new HashSet<>(traits);
        all.addAll(List.of(more));
        return new DecoderLayout(base, all, queryKeyNorms, norms, linear, experts, own);
    }

    /** With the biases that a file says. */
    public DecoderLayout withBiases(boolean queryKeyValue, boolean output, boolean mlp) {
        DecoderLayout first = queryKeyValue ? with(Trait.QUERY_KEY_VALUE_BIAS) : this;
        DecoderLayout second = output ? first.with(Trait.OUTPUT_BIAS) : first;
        return mlp ? second.with(Trait.MLP_BIAS) : second;
    }

    public DecoderLayout withQueryKeyNorms(QueryKeyNorms of) {
        return new DecoderLayout(base, traits, of, norms, linear, experts, own);
    }

    /** Gemma's norms: behind each part too, and stored as {@code w − 1}. */
    public DecoderLayout withGemmaNorms() {
        return withNorms(BlockNorms.AROUND).with(Trait.NORMS_LESS_ONE);
    }

    public DecoderLayout withNorms(BlockNorms places) {
        return new DecoderLayout(base, traits, queryKeyNorms, places, linear, experts, own);
    }

    /** The same inside of a model with a vision tower; see {@link InnerNames}. */
    public DecoderLayout inside() {
        String inner = base + InnerNames.MODULE + ".";
        return new DecoderLayout(inner, traits, queryKeyNorms, norms, linear, experts, own).with(Trait.BESIDE_TOWER);
    }

    /** With linear attention in some blocks, and a gate behind attention in the others. */
    public DecoderLayout withLinearAttention(DeltaLayout blocks) {
        return new DecoderLayout(base, traits, queryKeyNorms, norms, blocks, experts, own);
    }

    public DecoderLayout withExperts(MixtureLayout mixtures) {
        return new DecoderLayout(base, traits, queryKeyNorms, norms, linear, mixtures, own);
    }

    /** What lies around the blocks. */
    DecoderFrame frame() {
        return own == null ? DecoderFrame.LLAMA : own.frame();
    }

    private boolean has(Trait trait) {
        return traits.contains(trait);
    }

    /**
     * Every parameter.
     *
     * @param labels number of classes of a classifier
     */
    public Parameters parameters(DecoderConfig config, Task task, int labels) {
        long hidden = config.hiddenSize();
        List<ParameterSpec> body = new ArrayList<>();
        long width = own == null ? hidden : own.tokenWidth(hidden);
        body.add(ParameterSpec.tokens(embedding(), config.vocabularySize(), width));
        if (own != null) {
            body.addAll(own.around(base));
        }
        for (int i = 0; i < config.layers(); i++) {
            body.addAll(own == null ? block(i, config) : own.parameters(i, layer(i, "")));
        }
        String last = finalNorm();
        if (last != null && frame().layerNorm()) {
            body.addAll(Parameters.layerNorm(last, hidden));
        } else if (last != null) {
            body.add(norm(last + ".weight", hidden));
        }
        List<List<ParameterSpec>> head = frame().head(body, config, task, labels, width);
        return new Parameters(body, head, config.initializerRange());
    }

    private List<ParameterSpec> block(int i, DecoderConfig config) {
        long hidden = config.hiddenSize();
        List<ParameterSpec> specs = new ArrayList<>();
        addNorm(specs, i, norms.attention(), hidden);
        specs.addAll(
                linear != null && linear.at().test(i) ? linear.parameters(layer(i, ""), hidden) : attention(i, config));
        addNorm(specs, i, norms.attentionOutput(), hidden);
        addNorm(specs, i, norms.feedForward(), hidden);
        specs.addAll(feedForward(i, config));
        addNorm(specs, i, norms.feedForwardOutput(), hidden);
        return specs;
    }

    private void addNorm(List<ParameterSpec> specs, int i, @Nullable String module, long hidden) {
        if (module != null) {
            specs.add(norm(layer(i, module + ".weight"), hidden));
        }
    }

    private List<ParameterSpec> attention(int i, DecoderConfig config) {
        long hidden = config.hiddenSize();
        long queries = (long) config.heads() * config.headDim();
        long keys = (long) config.keyValueHeads() * config.headDim();
        long gated = linear == null ? queries : 2 * queries;
        List<ParameterSpec> specs = new ArrayList<>();
        if (has(Trait.FUSED_HEADS)) {
            specs.addAll(Parameters.linear(
                    layer(i, "self_attn.qkv_proj"), queries + 2 * keys, hidden, has(Trait.QUERY_KEY_VALUE_BIAS)));
        } else {
            specs.addAll(
                    Parameters.linear(layer(i, "self_attn.q_proj"), gated, hidden, has(Trait.QUERY_KEY_VALUE_BIAS)));
            specs.addAll(
                    Parameters.linear(layer(i, "self_attn.k_proj"), keys, hidden, has(Trait.QUERY_KEY_VALUE_BIAS)));
            specs.addAll(
                    Parameters.linear(layer(i, "self_attn.v_proj"), keys, hidden, has(Trait.QUERY_KEY_VALUE_BIAS)));
        }
        if (queryKeyNorms != QueryKeyNorms.NONE) {
            specs.add(norm(layer(i, "self_attn.q_norm.weight"), queryKeyNorms.shape(config.heads(), config.headDim())));
            specs.add(norm(
                    layer(i, "self_attn.k_norm.weight"),
                    queryKeyNorms.shape(config.keyValueHeads(), config.headDim())));
        }
        if (has(Trait.SINKS)) {
            specs.add(new ParameterSpec(layer(i, SINKS), Initial.NORMAL, config.heads()));
        }
        specs.addAll(Parameters.linear(layer(i, "self_attn.o_proj"), hidden, queries, has(Trait.OUTPUT_BIAS)));
        return specs;
    }

    private List<ParameterSpec> feedForward(int i, DecoderConfig config) {
        long hidden = config.hiddenSize();
        long width = config.intermediateSize();
        if (experts != null && experts.at().test(i)) {
            return experts.parameters(i, layer(i, ""), hidden);
        }
        List<ParameterSpec> specs = new ArrayList<>();
        if (has(Trait.FUSED_GATE)) {
            specs.addAll(Parameters.linear(layer(i, "mlp.gate_up_proj"), 2 * width, hidden, has(Trait.MLP_BIAS)));
        } else {
            specs.addAll(Parameters.linear(layer(i, "mlp.gate_proj"), width, hidden, has(Trait.MLP_BIAS)));
            specs.addAll(Parameters.linear(layer(i, "mlp.up_proj"), width, hidden, has(Trait.MLP_BIAS)));
        }
        specs.addAll(Parameters.linear(layer(i, "mlp.down_proj"), hidden, width, has(Trait.MLP_BIAS)));
        return specs;
    }

    private ParameterSpec norm(String name, long... shape) {
        return new ParameterSpec(name, has(Trait.NORMS_LESS_ONE) ? Initial.ZEROS : Initial.ONES, shape);
    }

    String embedding() {
        return base + frame().embedding() + ".weight";
    }

    /**
     * A reader of a file whose names may lack the prefix, such as {@code model.}, or be those of an older version.
     *
     * @param tied whether an output embedding without an input embedding stands for both
     */
    ParameterReader reader(TensorSource source, boolean tied) {
        String outer = frame().root();
        boolean bare =
                source.names().stream().map(this::alone).noneMatch(name -> name.startsWith(outer) && !isBeside(name));
        String both = tied ? TiedHead.alone(source.names()) : null;
        return new ParameterReader(source, name -> {
            if (name.equals(both)) {
                return embedding();
            }
            String own = alone(name);
            boolean within = !frame().isOfHead(own) && !isBeside(own);
            String whole = bare && within ? outer + own : own;
            return isInside() && within ? InnerNames.inside(whole) : whole;
        });
    }

    /** The name in a model of its own, where a file may hold it inside of another. */
    private String alone(String name) {
        return has(Trait.BESIDE_TOWER) ? InnerNames.alone(InnerNames.today(name)) : name;
    }

    private boolean isBeside(String name) {
        return has(Trait.BESIDE_TOWER) && InnerNames.isBeside(name);
    }

    /** Whether its names are those inside of a model with a vision tower. */
    boolean isInside() {
        return !base.equals(frame().base());
    }

    /** Buffers that old versions saved, the copy of a tied output embedding, the heads of other tasks, and a vision tower. */
    boolean isHarmless(String name) {
        return isBeside(name)
                || (own != null && own.isUnused(name))
                || (experts != null && experts.isUnused(name))
                || name.endsWith(".rotary_emb.inv_freq")
                || frame().isSpareHead(name);
    }

    /**
     * One block over its weights.
     *
     * @param residualDropout on what each part adds, while training
     * @param residualScale of what each part adds
     */
    DecoderBlock block(
            int i,
            DecoderConfig config,
            DecoderAttention.Shape shape,
            double residualDropout,
            double residualScale,
            Weights weights) {
        if (own != null) {
            return own.block(i, layer(i, ""), shape, weights);
        }
        DecoderBlock block = new DecoderBlock(
                blockNorm(i, norms.attention(), config, weights),
                linear != null && linear.at().test(i)
                        ? linear.mixer(i, layer(i, ""), weights, config.activation(), config.rmsNormEps())
                        : attention(i, config, shape, weights),
                blockNorm(i, norms.attentionOutput(), config, weights),
                blockNorm(i, norms.feedForward(), config, weights),
                feedForward(i, config, weights),
                blockNorm(i, norms.feedForwardOutput(), config, weights),
                residualDropout,
                residualScale);
        return norms == BlockNorms.ONE_FOR_BOTH ? block.inParallel() : block;
    }

    private @Nullable Norm blockNorm(int i, @Nullable String module, DecoderConfig config, Weights weights) {
        return module == null ? null : norm(weights, layer(i, module + ".weight"), config);
    }

    private DecoderAttention attention(int i, DecoderConfig config, DecoderAttention.Shape shape, Weights weights) {
        return new DecoderAttention(
                i,
                shape,
                projection(i, config, weights),
                queryKeyNorm(weights, layer(i, "self_attn.q_norm.weight"), config),
                queryKeyNorm(weights, layer(i, "self_attn.k_norm.weight"), config),
                null,
                has(Trait.SINKS) ? new AttentionSinks(weights.get(layer(i, SINKS))) : null,
                weights.linear(layer(i, "self_attn.o_proj")));
    }

    private HeadProjection projection(int i, DecoderConfig config, Weights weights) {
        if (has(Trait.FUSED_HEADS)) {
            return new HeadProjection.Fused(weights.linear(layer(i, "self_attn.qkv_proj")), config.keyValueHeads());
        }
        Linear queries = weights.linear(layer(i, "self_attn.q_proj"));
        Linear keys = weights.linear(layer(i, "self_attn.k_proj"));
        Linear values = weights.linear(layer(i, "self_attn.v_proj"));
        return linear == null
                ? new HeadProjection.Separate(queries, keys, values)
                : new HeadProjection.Gated(queries, keys, values);
    }

    private FeedForward feedForward(int i, DecoderConfig config, Weights weights) {
        if (experts != null && experts.at().test(i)) {
            return experts.feedForward(layer(i, ""), weights, config.activation());
        }
        Linear down = weights.linear(layer(i, "mlp.down_proj"));
        return has(Trait.FUSED_GATE)
                ? new FeedForward.FusedGated(weights.linear(layer(i, "mlp.gate_up_proj")), down, config.activation())
                : new FeedForward.Gated(
                        weights.linear(layer(i, "mlp.gate_proj")),
                        weights.linear(layer(i, "mlp.up_proj")),
                        down,
                        config.activation());
    }

    private @Nullable Norm queryKeyNorm(Weights weights, String name, DecoderConfig config) {
        return switch (queryKeyNorms) {
            case NONE -> null;
            case EACH_HEAD -> norm(weights, name, config);
            case HEAD_BY_HEAD -> new HeadByHead(name, weights.get(name), config.rmsNormEps());
            case ALL_HEADS -> new AcrossHeads(norm(weights, name, config));
        };
    }

    /** What each block is given of a token beside the states; null for nothing. */
    @Nullable
    LayerInputs layerInputs(Weights weights) {
        return own == null ? null : own.layerInputs(base, weights);
    }

    private @Nullable String finalNorm() {
        return frame().norm() == null ? null : base + frame().norm();
    }

    /** The norm behind the last block that the frame names; null for none. */
    @Nullable
    Norm finalNorm(DecoderConfig config, Weights weights) {
        String path = finalNorm();
        if (path == null) {
            return null;
        }
        return frame().layerNorm()
                ? Parameters.layerNorm(weights, path, config.rmsNormEps())
                : norm(weights, path + ".weight", config);
    }

    /** The layer that yields the logits of a task; null for sentence embeddings. */
    @Nullable
    Linear head(DecoderConfig config, Task task, Weights weights) {
        return frame().head(config, task, embedding(), weights);
    }

    private Norm norm(Weights weights, String name, DecoderConfig config) {
        return has(Trait.CENTRED_NORMS)
                ? new LayerNorm(name, weights.get(name), null, config.rmsNormEps())
                : new RmsNorm(name, weights.get(name), config.rmsNormEps(), has(Trait.NORMS_LESS_ONE));
    }

    private String layer(int index, String module) {
        return base + frame().blocks() + "." + index + "." + module;
    }
}
