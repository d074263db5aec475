package org.loft4j.model.shared;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.LayerNormNames;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.EncoderLayer;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.LayerNorm;
import org.loft4j.nn.Linear;
import org.loft4j.nn.ParameterSpec;
import org.loft4j.nn.ParameterSpec.Initial;
import org.loft4j.nn.RelativeBias;
import org.loft4j.nn.SelfAttention;
import org.loft4j.nn.TokenEmbeddings;
import org.loft4j.nn.TransformerEncoder;
import org.loft4j.nn.TransformerEncoder.LayerKind;
import org.loft4j.nn.Weights;

/**
 * The names that BERT gave to the parameters of an encoder, and that others took over behind a prefix of their own. A
 * checkpoint may be of the base model, without the prefix; very old ones call a norm's weight and bias gamma and beta.
 *
 * @param prefix such as {@code bert}
 * @param attention the modules of a layer's attention
 * @param embeddingSize width of the vectors of words, positions and types; where it is not that of the states,
 *     {@code embeddings_project} leads from the one to the other
 */
public record BertLayout(String prefix, EncoderConfig config, AttentionNames attention, long embeddingSize) {
    /**
     * Paths in a layer.
     *
     * @param output over the concatenated heads
     * @param norm of its sum with what attention reads
     */
    public record AttentionNames(String query, String key, String value, String output, String norm) {
        static final AttentionNames BERT = new AttentionNames(
                "attention.self.query",
                "attention.self.key",
                "attention.self.value",
                "attention.output.dense",
                "attention.output.LayerNorm");
    }

    /** BERT's own names and widths. */
    public BertLayout(String prefix, EncoderConfig config) {
        this(prefix, config, config.hiddenSize());
    }

    /** BERT's own names. */
    public BertLayout(String prefix, EncoderConfig config, long embeddingSize) {
        this(prefix, config, AttentionNames.BERT, embeddingSize);
    }

    /** {@code (vocabulary, embeddingSize)}. */
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

    private String projection() {
        return prefix + ".embeddings_project";
    }

    private boolean hasProjection() {
        return embeddingSize != config.hiddenSize();
    }

    /** Path of a module of one layer. */
    public String layer(int index, String module) {
        return prefix + ".encoder.layer." + index + "." + module;
    }

    /** Embeddings; token types only where the configuration has some. */
    public List<ParameterSpec> embeddingParameters(boolean positions) {
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(ParameterSpec.tokens(words(), config.vocabularySize(), embeddingSize));
        if (positions) {
            specs.add(new ParameterSpec(positions(), Initial.NORMAL, config.maxPositions(), embeddingSize));
        }
        if (config.tokenTypes() > 0) {
            specs.add(new ParameterSpec(types(), Initial.NORMAL, config.tokenTypes(), embeddingSize));
        }
        specs.addAll(Parameters.layerNorm(embeddingNorm(), embeddingSize));
        if (hasProjection()) {
            specs.addAll(Parameters.linear(projection(), config.hiddenSize(), embeddingSize, true));
        }
        return specs;
    }

    /** Query, key and value of one layer. */
    public List<ParameterSpec> attentionParameters(int index) {
        List<ParameterSpec> specs = new ArrayList<>();
        for (String module : List.of(attention.query(), attention.key(), attention.value())) {
            long hidden = config.hiddenSize();
            specs.addAll(Parameters.linear(layer(index, module), hidden, hidden, true));
        }
        return specs;
    }

    /** The rest of one layer. */
    public List<ParameterSpec> layerParameters(int index) {
        long hidden = config.hiddenSize();
        long wide = config.intermediateSize();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.addAll(Parameters.linear(layer(index, attention.output()), hidden, hidden, true));
        specs.addAll(Parameters.layerNorm(layer(index, attention.norm()), hidden));
        specs.addAll(Parameters.linear(layer(index, "intermediate.dense"), wide, hidden, true));
        specs.addAll(Parameters.linear(layer(index, "output.dense"), hidden, wide, true));
        specs.addAll(Parameters.layerNorm(layer(index, "output.LayerNorm"), hidden));
        return specs;
    }

    /** All of an encoder whose layers are BERT's. */
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
            return LayerNormNames.usual(prefixed);
        });
    }

    private static boolean isOfTheBase(String name) {
        return name.startsWith("embeddings.")
                || name.startsWith("embeddings_project.")
                || name.startsWith("encoder.")
                || name.startsWith("pooler.");
    }

    public TokenEmbeddings embeddings(Weights weights, TokenEmbeddings.Settings settings) {
        TokenEmbeddings.Tables tables =
                new TokenEmbeddings.Tables(weights.matrix(words()), weights.find(positions()), weights.find(types()));
        Linear projection = hasProjection() ? weights.linear(projection()) : null;
        return new TokenEmbeddings(tables, norm(weights, embeddingNorm()), projection, settings);
    }

    /** What stands around the attention of one layer. */
    public EncoderLayer around(Weights weights, int index) {
        return new EncoderLayer(
                new EncoderLayer.Modules(
                        weights.linear(layer(index, attention.output())),
                        norm(weights, layer(index, attention.norm())),
                        new FeedForward.Plain(
                                weights.linear(layer(index, "intermediate.dense")),
                                weights.linear(layer(index, "output.dense")),
                                config.activation()),
                        norm(weights, layer(index, "output.LayerNorm"))),
                new EncoderLayer.Settings(config.hiddenDropout(), 0, config.hiddenDropout(), false));
    }

    /**
     * An encoder whose layers are BERT's.
     *
     * @param longest the greatest number of tokens
     */
    public TransformerEncoder encoder(Weights weights, TokenEmbeddings embeddings, long longest) {
        return encoder(weights, embeddings, null, longest);
    }

    /**
     * The same with a bias of distances in each layer.
     *
     * @param relative null for none
     */
    public TransformerEncoder encoder(
            Weights weights, TokenEmbeddings embeddings, @Nullable RelativeBias relative, long longest) {
        LayerKind kind = new LayerKind(null, LayerKind.ALL, relative);
        List<TransformerEncoder.Layer> layers = new ArrayList<>();
        for (int i = 0; i < config.layers(); i++) {
            SelfAttention heads = new SelfAttention(
                    new HeadProjection.Separate(
                            weights.linear(layer(i, attention.query())),
                            weights.linear(layer(i, attention.key())),
                            weights.linear(layer(i, attention.value()))),
                    config.heads(),
                    config.attentionDropout());
            layers.add(new TransformerEncoder.Layer(heads, around(weights, i), kind));
        }
        return new TransformerEncoder(
                embeddings, layers, null, longest, weights.matrix(words()).dtype());
    }

    private LayerNorm norm(Weights weights, String path) {
        return Parameters.layerNorm(weights, path, config.layerNormEps());
    }
}
