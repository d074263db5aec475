package org.loft4j.model.shared;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.LogitScale;
import org.loft4j.nn.Norm;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.Weights;

/**
 * Blocks with layer norms, and a feed-forward part without a gate.
 *
 * @param names of their parts
 * @param sizes of config.json
 * @param parallel whether both parts read what comes into a block
 * @param attentionBias whether the layers of the attention have biases
 * @param feedForwardBias whether those of the feed-forward part have them
 * @param headNorms whether queries and keys have a norm of each head
 * @param dropout on what each part adds, while training
 */
public record LayerNormBlocks(
        Names names,
        DecoderConfig sizes,
        boolean parallel,
        boolean attentionBias,
        boolean feedForwardBias,
        boolean headNorms,
        double dropout)
        implements FamilyBlocks {
    /**
     * What a family calls the parts.
     *
     * @param frame around the blocks
     * @param secondNorm before the feed-forward part; null where that shares the norm of the attention
     * @param byHeads the one matrix of queries, keys and values, with the rows of each head together; null for a matrix for each
     * @param output from the heads
     * @param up first layer of the feed-forward part
     * @param down second layer of it
     */
    public record Names(
            DecoderFrame frame,
            @Nullable String secondNorm,
            @Nullable String byHeads,
            String output,
            String up,
            String down) {}

    private static final String FIRST_NORM = "input_layernorm";
    private static final String QUERY_NORM = "self_attn.q_layernorm";
    private static final String KEY_NORM = "self_attn.k_layernorm";
    private static final String QUERIES = "self_attn.q_proj";
    private static final String KEYS = "self_attn.k_proj";
    private static final String VALUES = "self_attn.v_proj";

    /**
     * A model of such blocks, whose layers all look alike.
     *
     * @param embeddingDropout on the vectors of tokens, while training
     * @param classifierDropout before a classifier of tokens, while training
     */
    public DecoderAssembly assembly(
            String family, DecoderAssembly.Placement placement, double embeddingDropout, double classifierDropout) {
        return new DecoderAssembly(
                family,
                DecoderLayout.around(this),
                sizes,
                new DecoderAttention.Shape(
                        sizes.headDim(), 1 / Math.sqrt(sizes.headDim()), 0, sizes.attentionDropout()),
                type -> 1,
                1,
                LogitScale.NONE,
                embeddingDropout,
                0,
                classifierDropout,
                Collections.nCopies(sizes.layers(), placement));
    }

    @Override
    public DecoderFrame frame() {
        return names.frame();
    }

    @Override
    public List<ParameterSpec> parameters(int i, String path) {
        long hidden = sizes.hiddenSize();
        long queries = (long) sizes.heads() * sizes.headDim();
        long keys = (long) sizes.keyValueHeads() * sizes.headDim();
        List<ParameterSpec> specs = new ArrayList<>(Parameters.layerNorm(path + FIRST_NORM, hidden));
        if (names.byHeads() == null) {
            specs.addAll(Parameters.linear(path + QUERIES, queries, hidden, attentionBias));
            specs.addAll(Parameters.linear(path + KEYS, keys, hidden, attentionBias));
            specs.addAll(Parameters.linear(path + VALUES, keys, hidden, attentionBias));
        } else {
            specs.addAll(Parameters.linear(path + names.byHeads(), queries + 2 * keys, hidden, attentionBias));
        }
        if (headNorms) {
            specs.addAll(Parameters.layerNorm(path + QUERY_NORM, sizes.headDim()));
            specs.addAll(Parameters.layerNorm(path + KEY_NORM, sizes.headDim()));
        }
        specs.addAll(Parameters.linear(path + names.output(), hidden, queries, attentionBias));
        if (names.secondNorm() != null) {
            specs.addAll(Parameters.layerNorm(path + names.secondNorm(), hidden));
        }
        specs.addAll(Parameters.linear(path + names.up(), sizes.intermediateSize(), hidden, feedForwardBias));
        specs.addAll(Parameters.linear(path + names.down(), hidden, sizes.intermediateSize(), feedForwardBias));
        return specs;
    }

    @Override
    public DecoderBlock block(int i, String path, DecoderAttention.Shape shape, Weights weights) {
        Norm first = norm(weights, path + FIRST_NORM);
        Norm second = names.secondNorm() == null ? null : norm(weights, path + names.secondNorm());
        DecoderAttention attention = new DecoderAttention(
                i,
                shape,
                projection(path, weights),
                headNorms ? norm(weights, path + QUERY_NORM) : null,
                headNorms ? norm(weights, path + KEY_NORM) : null,
                weights.linear(path + names.output()));
        FeedForward feedForward = new FeedForward.Plain(
                weights.linear(path + names.up()), weights.linear(path + names.down()), sizes.activation());
        DecoderBlock block = new DecoderBlock(first, attention, null, second, feedForward, null, dropout, 1);
        return parallel ? block.inParallel() : block;
    }

    private HeadProjection projection(String path, Weights weights) {
        return names.byHeads() == null
                ? new HeadProjection.Separate(
                        weights.linear(path + QUERIES), weights.linear(path + KEYS), weights.linear(path + VALUES))
                : new HeadProjection.ByHeads(weights.linear(path + names.byHeads()));
    }

    private Norm norm(Weights weights, String path) {
        return Parameters.layerNorm(weights, path, sizes.rmsNormEps());
    }

    /** The causal masks that old versions of GPT-NeoX saved. */
    @Override
    public boolean isUnused(String name) {
        return name.endsWith(".attention.bias") || name.endsWith(".attention.masked_bias");
    }
}
