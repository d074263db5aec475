package org.loft4j.model.t5;

import java.util.ArrayList;
import java.util.List;
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
import org.loft4j.nn.RelativeBias;
import org.loft4j.nn.RmsNorm;
import org.loft4j.nn.Weights;
import org.loft4j.tensor.DeviceSpec;

/** Names, shapes and parts of T5's parameters. */
record T5Weights(T5Config config) {
    static final String TOKENS = "shared.weight";

    private static final String HEAD = "lm_head";
    private static final String ENCODER = "encoder";
    private static final String DECODER = "decoder";

    /** What files hold of the vectors of tokens a second time, by the alphabet. */
    private static final List<String> COPIES = List.of("decoder.embed_tokens.weight", "encoder.embed_tokens.weight");

    /** The first files have it, and nothing reads it. */
    private static final String UNUSED = "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight";

    static T5Weights of(T5Config config, TensorSource source) {
        return new T5Weights(config.of(source.names().contains(HEAD + ".weight")));
    }

    /** The parameters of a checkpoint. */
    Weights read(TensorSource source, ModelOptions options) throws CheckpointException {
        ParameterReader reader = reader(source);
        if (!options.device().equals(DeviceSpec.META)) {
            for (String copy : config.hasOwnHead() ? COPIES : List.of(COPIES.get(0), COPIES.get(1), HEAD + ".weight")) {
                if (reader.has(copy) && reader.has(TOKENS)) {
                    reader.requireCopy(copy, TOKENS);
                }
            }
        }
        return parameters().read(reader, T5Weights::isHarmless, options);
    }

    /** A reader of a file that may have the vectors of tokens under the first of their names alone. */
    private ParameterReader reader(TensorSource source) {
        String alone = null;
        if (!source.names().contains(TOKENS)) {
            List<String> others = new ArrayList<>(COPIES);
            if (!config.hasOwnHead()) {
                others.add(HEAD + ".weight");
            }
            alone = others.stream().filter(source.names()::contains).findFirst().orElse(null);
        }
        String found = alone;
        return new ParameterReader(source, name -> name.equals(found) ? TOKENS : name);
    }

    private static boolean isHarmless(String name) {
        return COPIES.contains(name) || name.equals(HEAD + ".weight") || name.equals(UNUSED);
    }

    /** Spread as Transformers draws them, with {@code initializer_factor} the standard deviation of the tokens' vectors. */
    Parameters parameters() {
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(ParameterSpec.tokens(TOKENS, config.vocabularySize(), config.hiddenSize()));
        stack(specs, ENCODER, config.layers(), false);
        stack(specs, DECODER, config.decoderLayers(), true);
        if (config.hasOwnHead()) {
            specs.add(ParameterSpec.tokens(HEAD + ".weight", config.vocabularySize(), config.hiddenSize()));
        }
        return new Parameters(specs, List.of(), config.initializerFactor());
    }

    private void stack(List<ParameterSpec> specs, String stack, int layers, boolean writes) {
        long hidden = config.hiddenSize();
        for (int i = 0; i < layers; i++) {
            attention(specs, own(stack, i));
            if (i == 0) {
                specs.add(new ParameterSpec(
                        distances(stack), Initial.NORMAL, root(hidden), Role.OTHER, config.buckets(), config.heads()));
            }
            specs.add(norm(layer(stack, i, 0)));
            if (writes) {
                attention(specs, toSource(stack, i));
                specs.add(norm(layer(stack, i, 1)));
            }
            String feedForward = layer(stack, i, writes ? 2 : 1);
            for (String widening : config.gated() ? List.of("wi_0", "wi_1") : List.of("wi")) {
                specs.add(linear(feedForward + "DenseReluDense." + widening, config.intermediateSize(), hidden));
            }
            specs.add(linear(feedForward + "DenseReluDense.wo", hidden, config.intermediateSize()));
            specs.add(norm(feedForward));
        }
        specs.add(new ParameterSpec(stack + ".final_layer_norm.weight", Initial.ONES, hidden));
    }

    private void attention(List<ParameterSpec> specs, String path) {
        long hidden = config.hiddenSize();
        long width = (long) config.heads() * config.headDim();
        specs.add(linear(path + "q", width, hidden, root(hidden * config.headDim())));
        specs.add(linear(path + "k", width, hidden));
        specs.add(linear(path + "v", width, hidden));
        specs.add(linear(path + "o", hidden, width));
    }

    private static ParameterSpec linear(String path, long out, long in) {
        return linear(path, out, in, root(in));
    }

    private static ParameterSpec linear(String path, long out, long in, double spread) {
        return new ParameterSpec(path + ".weight", Initial.NORMAL, spread, Role.LINEAR, out, in);
    }

    private static double root(long size) {
        return 1 / Math.sqrt(size);
    }

    private ParameterSpec norm(String layer) {
        return new ParameterSpec(layer + "layer_norm.weight", Initial.ONES, config.hiddenSize());
    }

    private static String layer(String stack, int block, int number) {
        return stack + ".block." + block + ".layer." + number + ".";
    }

    private static String own(String stack, int block) {
        return layer(stack, block, 0) + "SelfAttention.";
    }

    private static String toSource(String stack, int block) {
        return layer(stack, block, 1) + "EncDecAttention.";
    }

    private static String distances(String stack) {
        return own(stack, 0) + "relative_attention_bias.weight";
    }

    /** The stack that reads. */
    EncoderDecoder.Stack encoder(Weights weights) {
        return stack(weights, ENCODER, config.layers(), false);
    }

    /** The stack that writes. */
    EncoderDecoder.Stack decoder(Weights weights) {
        return stack(weights, DECODER, config.decoderLayers(), true);
    }

    private EncoderDecoder.Stack stack(Weights weights, String stack, int layers, boolean writes) {
        List<EncoderDecoderBlock> blocks = new ArrayList<>();
        for (int i = 0; i < layers; i++) {
            String feedForward = layer(stack, i, writes ? 2 : 1);
            blocks.add(new EncoderDecoderBlock(
                    i,
                    part(weights, layer(stack, i, 0), own(stack, i)),
                    toSource(weights, stack, i, writes),
                    norm(weights, feedForward + "layer_norm.weight"),
                    feedForward(weights, feedForward + "DenseReluDense."),
                    true,
                    EncoderDecoderBlock.Shares.of(config.dropout())));
        }
        return new EncoderDecoder.Stack(
                blocks,
                new RelativeBias(weights.get(distances(stack)), config.farthest(), !writes),
                null,
                null,
                norm(weights, stack + ".final_layer_norm.weight"),
                config.dropout(),
                0);
    }

    private EncoderDecoderBlock.@Nullable Part toSource(Weights weights, String stack, int i, boolean writes) {
        return writes ? part(weights, layer(stack, i, 1), toSource(stack, i)) : null;
    }

    private EncoderDecoderBlock.Part part(Weights weights, String layer, String attention) {
        return new EncoderDecoderBlock.Part(
                norm(weights, layer + "layer_norm.weight"),
                weights.linear(attention + "q"),
                weights.linear(attention + "k"),
                weights.linear(attention + "v"),
                weights.linear(attention + "o"),
                config.headDim(),
                1);
    }

    private FeedForward.Dense feedForward(Weights weights, String path) {
        return config.gated()
                ? new FeedForward.Gated(
                        weights.linear(path + "wi_0"),
                        weights.linear(path + "wi_1"),
                        weights.linear(path + "wo"),
                        config.activation())
                : new FeedForward.Plain(weights.linear(path + "wi"), weights.linear(path + "wo"), config.activation());
    }

    private RmsNorm norm(Weights weights, String name) {
        return new RmsNorm(name, weights.get(name), config.eps());
    }

    /** The output embedding. */
    Linear head(Weights weights) {
        return new Linear(HEAD, weights.matrix(config.hasOwnHead() ? HEAD + ".weight" : TOKENS), null);
    }
}
