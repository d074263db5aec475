package org.loft4j.model.shared;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.Norm;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.UnweightedLayerNorm;
import org.loft4j.nn.Weights;

/**
 * Blocks as the first decoders have them: layer norms, as many heads of keys as of queries, and a feed-forward part without a gate.
 *
 * @param names of their parts
 * @param sizes of config.json
 * @param headBias whether the layers that make the heads have biases
 * @param bias whether the others have them
 * @param weightedNorms whether norms have weights and biases
 * @param normFirst whether each part reads what a norm makes; else the sums are normed
 * @param dropout on what each part adds, while training
 */
public record PlainBlocks(
        Names names,
        DecoderConfig sizes,
        boolean headBias,
        boolean bias,
        boolean weightedNorms,
        boolean normFirst,
        double dropout) {
    /**
     * What a family calls the parts.
     *
     * @param attention what the names of the layers of queries, keys and values begin with
     * @param output from the heads
     * @param up first layer of the feed-forward part
     * @param down second layer of it
     * @param firstNorm of the attention
     * @param secondNorm of the feed-forward part
     */
    public record Names(String attention, String output, String up, String down, String firstNorm, String secondNorm) {}

    /** Parameters of a block whose names begin with a path. */
    public List<ParameterSpec> parameters(String path) {
        long hidden = sizes.hiddenSize();
        List<ParameterSpec> specs = new ArrayList<>();
        for (String head : List.of("q_proj", "k_proj", "v_proj")) {
            specs.addAll(Parameters.linear(path + names.attention() + head, hidden, hidden, headBias));
        }
        specs.addAll(Parameters.linear(path + names.output(), hidden, hidden, bias));
        specs.addAll(Parameters.linear(path + names.up(), sizes.intermediateSize(), hidden, bias));
        specs.addAll(Parameters.linear(path + names.down(), hidden, sizes.intermediateSize(), bias));
        if (weightedNorms) {
            specs.addAll(Parameters.layerNorm(path + names.firstNorm(), hidden));
            specs.addAll(Parameters.layerNorm(path + names.secondNorm(), hidden));
        }
        return specs;
    }

    /** The block over its weights. */
    public DecoderBlock block(int i, String path, DecoderAttention.Shape shape, Weights weights) {
        String heads = path + names.attention();
        DecoderAttention attention = new DecoderAttention(
                i,
                shape,
                new HeadProjection.Separate(
                        weights.linear(heads + "q_proj"),
                        weights.linear(heads + "k_proj"),
                        weights.linear(heads + "v_proj")),
                null,
                null,
                weights.linear(path + names.output()));
        FeedForward feedForward = new FeedForward.Plain(
                weights.linear(path + names.up()), weights.linear(path + names.down()), sizes.activation());
        Norm first = norm(weights, path + names.firstNorm());
        Norm second = norm(weights, path + names.secondNorm());
        return normFirst
                ? new DecoderBlock(first, attention, null, second, feedForward, null, dropout, 1)
                : new DecoderBlock(null, attention, first, null, feedForward, second, dropout, 1).normingSums();
    }

    /** A norm as the blocks have it. */
    public Norm norm(Weights weights, String path) {
        double eps = sizes.rmsNormEps();
        return weightedNorms ? Parameters.layerNorm(weights, path, eps) : new UnweightedLayerNorm(eps);
    }
}
