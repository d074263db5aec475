package org.loft4j.model.shared;

import java.util.ArrayList;
import java.util.List;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.EncoderLayer;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.LayerNorm;
import org.loft4j.nn.Linear;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.SelfAttention;
import org.loft4j.nn.TokenEmbeddings;
import org.loft4j.nn.TransformerEncoder;
import org.loft4j.nn.Weights;

/**
 * The names that BERT gave to the parameters of an encoder, and that others took over behind a prefix of their own. A
 * checkpoint may be of the base model, without the prefix; very old ones call a norm's weight and bias gamma and beta.
 *
 * @param prefix such as {@code bert}
 */
public record BertLayout(String prefix, EncoderConfig config) {
    /** {@code (vocabulary, hidden)}. */
    public String words() {
        return prefix + ".embeddings.word_embeddings.weight";
    }

    private String positions() {
        return prefix + ".embeddings.position_embeddings.weight";
    }

    private String types() {
        return prefix + ".embeddings.token_type_embeddings.weight";
    }

    private String embeddingNorm() {
        return prefix + ".embeddings.LayerNorm";
    }

    /** Path of a module of one layer. */
    public String layer(int index, String module) {
        return prefix + ".encoder.layer." + index + "." + module;
    }

    /** Embeddings; token types only where the configuration has some. */
    public List<ParameterSpec> embeddingParameters(boolean positions) {
        long hidden = config.hiddenSize();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(ParameterSpec.tokens(words(), config.vocabularySize(), hidden));
        if (positions) {
            specs.add(new ParameterSpec(positions(), Initial.NORMAL, config.maxPositions(), hidden));
        }
        if (config.tokenTypes() > 0) {
            specs.add(new ParameterSpec(types(), Initial.NORMAL, config.tokenTypes(), hidden));
        }
        specs.addAll(Parameters.layerNorm(embeddingNorm(), hidden));
        return specs;
    }

    /** Query, key and value of one layer, by BERT's names. */
    public List<ParameterSpec> attentionParameters(int index) {
        List<ParameterSpec> specs = new ArrayList<>();
        for (String module : List.of("query", "key", "value")) {
            long hidden = config.hiddenSize();
            specs.addAll(Parameters.linear(layer(index, "attention.self." + module), hidden, hidden, true));
        }
        return specs;
    }

    /** The rest of one layer. */
    public List<ParameterSpec> layerParameters(int index) {
        long hidden = config.hiddenSize();
        long wide = config.intermediateSize();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.addAll(Parameters.linear(layer(index, "attention.output.dense"), hidden, hidden, true));
        specs.addAll(Parameters.layerNorm(layer(index, "attention.output.LayerNorm"), hidden));
        specs.addAll(Parameters.linear(layer(index, "intermediate.dense"), wide, hidden, true));
        specs.addAll(Parameters.linear(layer(index, "output.dense"), hidden, wide, true));
        specs.addAll(Parameters.layerNorm(layer(index, "output.LayerNorm"), hidden));
        return specs;
    }

    /** All of an encoder with BERT's attention. */
    public List<ParameterSpec> parameters() {
        List<ParameterSpec> specs = new ArrayList<>(embeddingParameters(true));
        for (int i = 0; i < config.layers(); i++) {
            specs.addAll(attentionParameters(i));
            specs.addAll(layerParameters(i));
        }
        return specs;
    }

    /** The parameters of a file by these names. */
    public ParameterReader reader(TensorSource source) {
        boolean bare = source.names().stream().noneMatch(name -> name.startsWith(prefix + "."));
        return new ParameterReader(source, name -> {
            String prefixed = bare && isOfTheBase(name) ? prefix + "." + name : name;
            return prefixed.replaceFirst("LayerNorm\\.gamma$", "LayerNorm.weight")
                    .replaceFirst("LayerNorm\\.beta$", "LayerNorm.bias");
        });
    }

    private static boolean isOfTheBase(String name) {
        return name.startsWith("embeddings.") || name.startsWith("encoder.") || name.startsWith("pooler.");
    }

    public TokenEmbeddings embeddings(Weights weights, TokenEmbeddings.Settings settings) {
        TokenEmbeddings.Tables tables =
                new TokenEmbeddings.Tables(weights.matrix(words()), weights.find(positions()), weights.find(types()));
        return new TokenEmbeddings(tables, norm(weights, embeddingNorm()), settings);
    }

    /** What stands around the attention of one layer. */
    public EncoderLayer around(Weights weights, int index) {
        return new EncoderLayer(
                new EncoderLayer.Modules(
                        weights.linear(layer(index, "attention.output.dense")),
                        norm(weights, layer(index, "attention.output.LayerNorm")),
                        new FeedForward.Plain(
                                weights.linear(layer(index, "intermediate.dense")),
                                weights.linear(layer(index, "output.dense")),
                                config.activation()),
                        norm(weights, layer(index, "output.LayerNorm"))),
                new EncoderLayer.Settings(config.hiddenDropout(), 0, config.hiddenDropout(), false));
    }

    /**
     * An encoder with BERT's attention.
     *
     * @param longest the greatest number of tokens
     */
    public TransformerEncoder encoder(Weights weights, TokenEmbeddings embeddings, long longest) {
        List<TransformerEncoder.Layer> layers = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            SelfAttention attention = new SelfAttention(
                    new HeadProjection.Separate(
                            attention(weights, i, "query"),
                            attention(weights, i, "key"),
                            attention(weights, i, "value")),
                    config.heads(),
                    config.attentionDropout());
            layers.add(TransformerEncoder.Layer.seeingAll(attention, around(weights, i)));
        }
        return new TransformerEncoder(
                embeddings, layers, null, longest, weights.matrix(words()).dtype());
    }

    private Linear attention(Weights weights, int index, String module) {
        return weights.linear(layer(index, "attention.self." + module));
    }

    private LayerNorm norm(Weights weights, String path) {
        return Parameters.layerNorm(weights, path, config.layerNormEps());
    }
}
