package org.loft4j.model.opt;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.model.shared.DecoderEdges;
import org.loft4j.model.shared.DecoderFrame;
import org.loft4j.model.shared.FamilyBlocks;
import org.loft4j.model.shared.Parameters;
import org.loft4j.model.shared.PlainBlocks;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.PositionVectors;
import org.loft4j.nn.Weights;

/** Names, shapes and parts of OPT's blocks, and of what is around them. */
record OptBlocks(OptConfig config) implements FamilyBlocks {
    private static final String BASE = "model.decoder.";
    private static final String POSITIONS = "embed_positions.weight";

    /** Rows of the table of positions before that of the first; the second of them is that of padding. */
    private static final long OFFSET = 2;

    private static final String ENTRY = "project_in";
    private static final String EXIT = "project_out";
    private static final String LAST_NORM = "final_layer_norm";
    private static final PlainBlocks.Names NAMES =
            new PlainBlocks.Names("self_attn.", "self_attn.out_proj", "fc1", "fc2", "self_attn_layer_norm", LAST_NORM);

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
                config.finalNorm() ? plain().norm(weights, base + LAST_NORM) : null,
                projects() ? weights.linear(base + EXIT) : null);
    }

    private PlainBlocks plain() {
        return new PlainBlocks(
                NAMES,
                config.sizes(),
                config.bias(),
                config.bias(),
                config.weightedNorms(),
                config.normFirst(),
                config.dropout());
    }

    @Override
    public List<ParameterSpec> parameters(int i, String path) {
        return plain().parameters(path);
    }

    @Override
    public DecoderBlock block(int i, String path, DecoderAttention.Shape shape, Weights weights) {
        return plain().block(i, path, shape, weights);
    }

    /** A number of the first files. */
    @Override
    public boolean isUnused(String name) {
        return name.equals(BASE + "version");
    }
}
