package org.loft4j.model.gptneo;

import java.util.List;
import org.loft4j.model.shared.DecoderEdges;
import org.loft4j.model.shared.DecoderFrame;
import org.loft4j.model.shared.FamilyBlocks;
import org.loft4j.model.shared.PlainBlocks;
import org.loft4j.nn.DecoderAttention;
import org.loft4j.nn.DecoderBlock;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.PositionVectors;
import org.loft4j.nn.Weights;

/** Names, shapes and parts of GPT-Neo's blocks, and of what is around them. */
record GptNeoBlocks(GptNeoConfig config) implements FamilyBlocks {
    private static final DecoderFrame FRAME =
            new DecoderFrame("transformer.", "wte", "ln_f", true, "lm_head", false, "classifier", true, "h");
    private static final String POSITIONS = "wpe.weight";
    private static final PlainBlocks.Names NAMES = new PlainBlocks.Names(
            "attn.attention.", "attn.attention.out_proj", "mlp.c_fc", "mlp.c_proj", "ln_1", "ln_2");

    private PlainBlocks plain() {
        return new PlainBlocks(NAMES, config.sizes(), false, true, true, true, config.residualDropout());
    }

    @Override
    public DecoderFrame frame() {
        return FRAME;
    }

    @Override
    public List<ParameterSpec> around(String base) {
        return List.of(new ParameterSpec(
                base + POSITIONS,
                Initial.NORMAL,
                config.sizes().maxPositions(),
                config.sizes().hiddenSize()));
    }

    @Override
    public DecoderEdges edges(String base, Weights weights) {
        return new DecoderEdges(new PositionVectors.Table(weights.get(base + POSITIONS), 0), null, null, null);
    }

    @Override
    public List<ParameterSpec> parameters(int i, String path) {
        return plain().parameters(path);
    }

    @Override
    public DecoderBlock block(int i, String path, DecoderAttention.Shape shape, Weights weights) {
        return plain().block(i, path, shape, weights);
    }

    @Override
    public boolean futureBelowPadding() {
        return true;
    }

    /** The causal masks that old versions saved. */
    @Override
    public boolean isUnused(String name) {
        return name.endsWith(".attn.attention.bias") || name.endsWith(".attn.attention.masked_bias");
    }
}
