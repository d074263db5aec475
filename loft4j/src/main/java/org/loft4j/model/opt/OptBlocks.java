package org.loft4j.model.opt;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.model.shared.DecoderConfig;
import org.loft4j.model.shared.DecoderEdges;
import org.loft4j.model.shared.DecoderFrame;
import org.loft4j.model.shared.FamilyBlocks;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.LayerInputs;
import org.loft4j.nn.Norm;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.PositionVectors;
import org.loft4j.nn.UnweightedLayerNorm;
import org.loft4j.nn.Weights;

/** Names, shapes and parts of OPT's blocks, and of what is around them. */
record OptBlocks(OptConfig config) implements FamilyBlocks {
    private static final String BASE = "model.decoder.";
    private static final String POSITIONS = "embed_positions.weight";

    /** Rows of the table of positions before that of the first; the second of them is that of padding. */
    private static final long OFFSET = 2;

    private static final String ENTRY = "project_in";
    private static final String EXIT = "project_out";
    private static final String FIRST_NORM = "self_attn_layer_norm";
    private static final String LAST_NORM = "final_layer_norm";
    private static final List<String> HEADS = List.of("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj");
    private static final String OUTPUT = "self_attn.out_proj";
    private static final String UP = "fc1";
    private static final String DOWN = "fc2";

    @Override
    public DecoderFrame frame() {
        String norm = config.finalNorm() && config.weightedNorms() ? LAST_NORM : null;
        return new DecoderFrame(BASE, "embed_tokens", norm, true, "lm_head", false, "score", false);
    }

    @Override
    public long tokenWidth(long hidden) {
        return config.tokenWidth();
    }

    private boolean projects() {
        return config.tokenWidth() != config.sizes().hiddenSize();
    }

    @Override
    public List<ParameterSpec> around(String base) {
        long hidden = config.sizes().hiddenSize();
        long width = config.tokenWidth();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(new ParameterSpec(
                base + POSITIONS, Initial.NORMAL, config.sizes().maxPositions() + OFFSET, hidden));
        if (projects()) {
            specs.addAll(Parameters.linear(base + ENTRY, hidden, width, false));
            specs.addAll(Parameters.linear(base + EXIT, width, hidden, false));
        }
        return specs;
    }

    @Override
    public DecoderEdges edges(String base, Weights weights) {
        return new DecoderEdges(
                new PositionVectors.Table(weights.get(base + POSITIONS), OFFSET),
                projects() ? weights.linear(base + ENTRY) : null,
                config.finalNorm() ? norm(weights, base + LAST_NORM) : null,
                projects() ? weights.linear(base + EXIT) : null);
    }

    @Override
    public List<ParameterSpec> parameters(int i, String path) {
        DecoderConfig sizes = config.sizes();
        long hidden = sizes.hiddenSize();
        List<ParameterSpec> specs = new ArrayList<>();
        for (String head : HEADS) {
            specs.addAll(Parameters.linear(path + head, hidden, hidden, config.bias()));
        }
        specs.addAll(Parameters.linear(path + OUTPUT, hidden, hidden, config.bias()));
        specs.addAll(Parameters.linear(path + UP, sizes.intermediateSize(), hidden, config.bias()));
        specs.addAll(Parameters.linear(path + DOWN, hidden, sizes.intermediateSize(), config.bias()));
        if (config.weightedNorms()) {
            specs.addAll(Parameters.layerNorm(path + FIRST_NORM, hidden));
            specs.addAll(Parameters.layerNorm(path + LAST_NORM, hidden));
        }
        return specs;
    }

    @Override
    public DecoderBlock block(int i, String path, DecoderAttention.Shape shape, Weights weights) {
        Norm first = norm(weights, path + FIRST_NORM);
        Norm second = norm(weights, path + LAST_NORM);
        DecoderAttention attention = new DecoderAttention(
                i,
                shape,
                new HeadProjection.Separate(
                        weights.linear(path + HEADS.get(0)),
                        weights.linear(path + HEADS.get(1)),
                        weights.linear(path + HEADS.get(2))),
                null,
                null,
                weights.linear(path + OUTPUT));
        FeedForward feedForward = new FeedForward.Plain(
                weights.linear(path + UP),
                weights.linear(path + DOWN),
                config.sizes().activation());
        return config.normFirst()
                ? new DecoderBlock(first, attention, null, second, feedForward, null, config.dropout(), 1)
                : new DecoderBlock(null, attention, first, null, feedForward, second, config.dropout(), 1)
                        .normingSums();
    }

    private Norm norm(Weights weights, String path) {
        double eps = config.sizes().rmsNormEps();
        return config.weightedNorms() ? Parameters.layerNorm(weights, path, eps) : new UnweightedLayerNorm(eps);
    }

    @Override
    public @Nullable LayerInputs layerInputs(String base, Weights weights) {
        return null;
    }

    /** A number of the first files. */
    @Override
    public boolean isUnused(String name) {
        return name.equals(BASE + "version");
    }
}
