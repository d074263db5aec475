package org.loft4j.model.bart;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.TensorSource;
import org.loft4j.model.shared.Parameters;
import org.loft4j.nn.EncoderDecoder;
import org.loft4j.nn.EncoderDecoderBlock;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.Linear;
import org.loft4j.nn.ModelOptions;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.ParameterSpec.Role;
import org.loft4j.nn.PositionVectors;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.DeviceSpec;
import org.loft4j.tensor.Dtype;
import org.loft4j.tensor.NativeScope;

/**
 * Names, shapes and parts of the parameters of BART's kind.
 *
 * @param inFile which of the tensors that a file may lack it has
 */
record BartWeights(BartConfig config, Set<String> inFile) {
    static final String TOKENS = "model.shared.weight";

    private static final String MODEL = "model.";
    private static final String HEAD = "lm_head";

    /** A buffer {@code (1, vocabulary)} that is added to the logits; zeros where a file has none. */
    private static final String LOGIT_BIAS = "final_logits_bias";

    private static final String ENCODER = "model.encoder";
    private static final String DECODER = "model.decoder";
    private static final String POSITIONS = ".embed_positions.weight";
    private static final double EPS = 1e-5;

    /** Rows of a table of positions before the first position. */
    private static final long OFFSET = 2;

    /** What files hold of the vectors of tokens a second time, by the alphabet. */
    private static final List<String> COPIES =
            List.of("model.decoder.embed_tokens.weight", "model.encoder.embed_tokens.weight");

    static BartWeights of(BartConfig config, TensorSource source) {
        Set<String> canonical = new HashSet<>();
        source.names().forEach(name -> canonical.add(canonical(name)));
        return new BartWeights(config, canonical);
    }

    /** Of a model that is made anew. */
    static BartWeights anew(BartConfig config) {
        return new BartWeights(config, Set.of(LOGIT_BIAS));
    }

    /** A file of the class without a head leaves out the prefix of the model. */
    private static String canonical(String name) {
        boolean bare = name.startsWith("shared.") || name.startsWith("encoder.") || name.startsWith("decoder.");
        return bare ? MODEL + name : name;
    }

    /** The parameters of a checkpoint. */
    Weights read(TensorSource source, ModelOptions options) throws CheckpointException {
        ParameterReader reader = reader(source);
        if (!options.device().equals(DeviceSpec.META)) {
            for (String copy : copies()) {
                if (reader.has(copy) && reader.has(TOKENS)) {
                    reader.requireCopy(copy, TOKENS);
                }
            }
        }
        return parameters().read(reader, this::isHarmless, options);
    }

    private List<String> copies() {
        List<String> copies = new ArrayList<>(COPIES);
        if (config.tied()) {
            copies.add(HEAD + ".weight");
        }
        return copies;
    }

    /** A reader of a file that may have the vectors of tokens under the first of their names alone. */
    private ParameterReader reader(TensorSource source) {
        String alone = inFile.contains(TOKENS)
                ? null
                : copies().stream().filter(inFile::contains).findFirst().orElse(null);
        return new ParameterReader(source, name -> canonical(name).equals(alone) ? TOKENS : canonical(name));
    }

    private boolean isHarmless(String name) {
        return COPIES.contains(name)
                || name.equals(HEAD + ".weight")
                // sines and cosines, and numbers of versions, of the first files
                || name.endsWith(".embed_positions.weights")
                || name.endsWith(".embed_positions._float_tensor")
                || name.equals(ENCODER + ".version")
                || name.equals(DECODER + ".version");
    }

    /** As Transformers draws them. */
    Parameters parameters() {
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(ParameterSpec.tokens(TOKENS, config.vocabularySize(), config.hiddenSize()));
        stack(specs, ENCODER, config.encoder(), false);
        stack(specs, DECODER, config.decoder(), true);
        if (!config.tied()) {
            specs.add(ParameterSpec.tokens(HEAD + ".weight", config.vocabularySize(), config.hiddenSize()));
        }
        if (hasLogitBias()) {
            specs.add(new ParameterSpec(LOGIT_BIAS, Initial.ZEROS, Role.FIXED, 1, config.vocabularySize()));
        }
        return new Parameters(specs, List.of(), config.initialSpread());
    }

    private boolean hasLogitBias() {
        return config.family() != BartFamily.M2M_100 && inFile.contains(LOGIT_BIAS);
    }

    private void stack(List<ParameterSpec> specs, String stack, BartConfig.Side side, boolean writes) {
        long hidden = config.hiddenSize();
        if (config.family().places() == BartFamily.Places.LEARNT) {
            specs.add(new ParameterSpec(stack + POSITIONS, Initial.NORMAL, config.positions() + OFFSET, hidden));
        } else if (hasOwnSinusoids(stack)) {
            specs.add(new ParameterSpec(stack + POSITIONS, Initial.NORMAL, Role.FIXED, config.positions(), hidden));
        }
        if (config.family().normsVectors()) {
            specs.addAll(Parameters.layerNorm(stack + ".layernorm_embedding", hidden));
        }
        for (int i = 0; i < side.layers(); i++) {
            String block = block(stack, i);
            attention(specs, block + "self_attn");
            specs.addAll(Parameters.layerNorm(block + "self_attn_layer_norm", hidden));
            if (writes) {
                attention(specs, block + "encoder_attn");
                specs.addAll(Parameters.layerNorm(block + "encoder_attn_layer_norm", hidden));
            }
            specs.addAll(Parameters.linear(block + "fc1", side.inner(), hidden, true));
            specs.addAll(Parameters.linear(block + "fc2", hidden, side.inner(), true));
            specs.addAll(Parameters.layerNorm(block + "final_layer_norm", hidden));
        }
        if (config.family().normFirst()) {
            specs.addAll(Parameters.layerNorm(stack + ".layer_norm", hidden));
        }
    }

    /** Some files hold the sines and cosines, and Transformers takes them from there. */
    private boolean hasOwnSinusoids(String stack) {
        return config.family().places() == BartFamily.Places.FROM_ZERO && inFile.contains(stack + POSITIONS);
    }

    private void attention(List<ParameterSpec> specs, String path) {
        for (String layer : List.of("q_proj", "k_proj", "v_proj", "out_proj")) {
            specs.addAll(Parameters.linear(path + "." + layer, config.hiddenSize(), config.hiddenSize(), true));
        }
    }

    private static String block(String stack, int block) {
        return stack + ".layers." + block + ".";
    }

    /** The stack that reads. */
    EncoderDecoder.Stack encoder(Weights weights) {
        return stack(weights, ENCODER, config.encoder(), false);
    }

    /** The stack that writes. */
    EncoderDecoder.Stack decoder(Weights weights) {
        return stack(weights, DECODER, config.decoder(), true);
    }

    private EncoderDecoder.Stack stack(Weights weights, String stack, BartConfig.Side side, boolean writes) {
        List<EncoderDecoderBlock> blocks = new ArrayList<>();
        for (int i = 0; i < side.layers(); i++) {
            String block = block(stack, i);
            blocks.add(new EncoderDecoderBlock(
                    i,
                    part(weights, block + "self_attn", side),
                    toSource(weights, block, side, writes),
                    Parameters.layerNorm(weights, block + "final_layer_norm", EPS),
                    new FeedForward.Plain(
                            weights.linear(block + "fc1"), weights.linear(block + "fc2"), config.activation()),
                    config.family().normFirst(),
                    config.dropout()));
        }
        return new EncoderDecoder.Stack(
                blocks,
                null,
                places(weights, stack),
                config.family().normsVectors()
                        ? Parameters.layerNorm(weights, stack + ".layernorm_embedding", EPS)
                        : null,
                config.family().normFirst() ? Parameters.layerNorm(weights, stack + ".layer_norm", EPS) : null,
                0,
                side.skipped());
    }

    private PositionVectors places(Weights weights, String stack) {
        long half = config.hiddenSize() / 2;
        return switch (config.family().places()) {
            case LEARNT -> new PositionVectors.Table(weights.get(stack + POSITIONS), OFFSET);
            case BEHIND_PADDING -> new PositionVectors.Sinusoids(config.padId() + 1, half - 1, Dtype.F32);
            case FROM_ZERO ->
                hasOwnSinusoids(stack)
                        ? new PositionVectors.Table(weights.get(stack + POSITIONS), 0)
                        : new PositionVectors.Sinusoids(0, half, Dtype.F64);
        };
    }

    private EncoderDecoderBlock.@Nullable Part toSource(
            Weights weights, String block, BartConfig.Side side, boolean writes) {
        return writes ? part(weights, block + "encoder_attn", side) : null;
    }

    private EncoderDecoderBlock.Part part(Weights weights, String path, BartConfig.Side side) {
        int headDim = Math.toIntExact(config.hiddenSize() / side.heads());
        return new EncoderDecoderBlock.Part(
                Parameters.layerNorm(weights, path + "_layer_norm", EPS),
                weights.linear(path + ".q_proj"),
                weights.linear(path + ".k_proj"),
                weights.linear(path + ".v_proj"),
                weights.linear(path + ".out_proj"),
                headDim,
                1 / Math.sqrt(headDim));
    }

    /** The output embedding, whose bias belongs to the model. */
    Linear head(Weights weights) {
        Tensor bias = hasLogitBias() ? NativeScope.keep(weights.get(LOGIT_BIAS).view(-1)) : null;
        return new Linear(HEAD, weights.matrix(config.tied() ? TOKENS : HEAD + ".weight"), bias);
    }
}
