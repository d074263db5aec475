package org.loft4j.model.shared;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;
import org.loft4j.io.LayerNormNames;
import org.loft4j.io.ParameterReader;
import org.loft4j.io.TensorSource;
import org.loft4j.nn.EncoderLayer;
import org.loft4j.nn.FeedForward;
import org.loft4j.nn.HeadProjection;
import org.loft4j.nn.LayerNorm;
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
 * @param stack its layers
 * @param names the modules of a layer
 * @param embeddings the vectors of words, positions and types
 */
public record BertLayout(String prefix, EncoderConfig config, Stack stack, LayerNames names, Embeddings embeddings) {
    /**
     * The layers, of which a text may go through one more than once.
     *
     * @param paths of all layers, behind the prefix
     * @param order the layers that a text goes through, as indices into the paths
     * @param dropsOutput whether what the feed-forward block yields is dropped while training
     */
    public record Stack(List<String> paths, List<Integer> order, boolean dropsOutput) {
        public Stack {
            paths = List.copyOf(paths);
            order = List.copyOf(order);
        }

        /** One after the other, each once. */
        public static Stack plain(int layers) {
            List<Integer> order = IntStream.range(0, layers).boxed().toList();
            return new Stack(order.stream().map(i -> "encoder.layer." + i).toList(), order, true);
        }
    }

    /**
     * Paths in a layer.
     *
     * @param output over the concatenated heads
     * @param norm of its sum with what attention reads
     * @param up the first layer of the feed-forward block
     * @param down its last one
     * @param last the norm of its sum with what it reads
     */
    public record LayerNames(
            String query, String key, String value, String output, String norm, String up, String down, String last) {
        static final LayerNames BERT = ofAttention(
                "attention.self.query",
                "attention.self.key",
                "attention.self.value",
                "attention.output.dense",
                "attention.output.LayerNorm");

        /** With BERT's names of the feed-forward block. */
        public static LayerNames ofAttention(String query, String key, String value, String output, String norm) {
            return new LayerNames(
                    query, key, value, output, norm, "intermediate.dense", "output.dense", "output.LayerNorm");
        }
    }

    /**
     * The vectors of words, positions and types.
     *
     * @param size their width
     * @param projection the linear layer from there to the width of the states, behind the prefix; null for none
     */
    public record Embeddings(long size, @Nullable String projection) {}

    /** BERT's own names and widths. */
    public BertLayout(String prefix, EncoderConfig config) {
        this(prefix, config, LayerNames.BERT, config.hiddenSize());
    }

    /**
     * BERT's stack.
     *
     * @param embeddingSize width of the embeddings; where it is not that of the states, {@code embeddings_project} leads from the one to
     *     the other
     */
    public BertLayout(String prefix, EncoderConfig config, LayerNames names, long embeddingSize) {
        this(
                prefix,
                config,
                Stack.plain(config.layers()),
                names,
                new Embeddings(embeddingSize, embeddingSize == config.hiddenSize() ? null : "embeddings_project"));
    }

    /** BERT's own names. */
    public BertLayout(String prefix, EncoderConfig config, long embeddingSize) {
        this(prefix, config, LayerNames.BERT, embeddingSize);
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

    /** Path of the linear layer behind the embeddings; null for none. */
    private @Nullable String projection() {
        return embeddings.projection() == null ? null : prefix + "." + embeddings.projection();
    }

    /** Path of a module of one layer. */
    public String layer(int index, String module) {
        return prefix + "." + stack.paths().get(index) + "." + module;
    }

    /** Embeddings; token types only where the configuration has some. */
    public List<ParameterSpec> embeddingParameters(boolean positions) {
        long embeddingSize = embeddings.size();
        List<ParameterSpec> specs = new ArrayList<>();
        specs.add(ParameterSpec.tokens(words(), config.vocabularySize(), embeddingSize));
        if (positions) {
            specs.add(new ParameterSpec(positions(), Initial.NORMAL, config.maxPositions(), embeddingSize));
        }
        if (config.tokenTypes() > 0) {
            specs.add(new ParameterSpec(types(), Initial.NORMAL, config.tokenTypes(), embeddingSize));
        }
        specs.addAll(Parameters.layerNorm(embeddingNorm(), embeddingSize));
        String projection = projection();
        if (projection != null) {
            specs.addAll(Parameters.linear(projection, config.hiddenSize(), embeddingSize, true));
        }
        return specs;
    }

    /** Query, key and value of one layer. */
    public List<ParameterSpec> attentionParameters(int index) {
        List<ParameterSpec> specs = new ArrayList<>();
        for (String module : List.of(names.query(), names.key(), names.value())) {
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
        specs.addAll(Parameters.linear(layer(index, names.output()), hidden, hidden, true));
        specs.addAll(Parameters.layerNorm(layer(index, names.norm()), hidden));
        specs.addAll(Parameters.linear(layer(index, names.up()), wide, hidden, true));
        specs.addAll(Parameters.linear(layer(index, names.down()), hidden, wide, true));
        specs.addAll(Parameters.layerNorm(layer(index, names.last()), hidden));
        return specs;
    }

    /** All of an encoder whose layers are BERT's. */
    public List<ParameterSpec> parameters() {
        List<ParameterSpec> specs = new ArrayList<>(embeddingParameters(true));
        for (int i = 0; i < stack.paths().size(); i++) {
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
        String projection = projection();
        return new TokenEmbeddings(
                tables,
                norm(weights, embeddingNorm()),
                projection == null ? null : weights.linear(projection),
                settings);
    }

    /** What stands around the attention of one layer. */
    public EncoderLayer around(Weights weights, int index) {
        return new EncoderLayer(
                new EncoderLayer.Modules(
                        weights.linear(layer(index, names.output())),
                        norm(weights, layer(index, names.norm())),
                        new FeedForward.Plain(
                                weights.linear(layer(index, names.up())),
                                weights.linear(layer(index, names.down())),
                                config.activation()),
                        norm(weights, layer(index, names.last()))),
                new EncoderLayer.Settings(
                        config.hiddenDropout(), 0, stack.dropsOutput() ? config.hiddenDropout() : 0, false));
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
        for (int i = 0; i < stack.paths().size(); i++) {
            SelfAttention heads = new SelfAttention(
                    new HeadProjection.Separate(
                            weights.linear(layer(i, names.query())),
                            weights.linear(layer(i, names.key())),
                            weights.linear(layer(i, names.value()))),
                    config.heads(),
                    config.attentionDropout());
            layers.add(new TransformerEncoder.Layer(heads, around(weights, i), kind));
        }
        return new TransformerEncoder(
                embeddings,
                stack.order().stream().map(layers::get).toList(),
                null,
                longest,
                weights.matrix(words()).dtype());
    }

    private LayerNorm norm(Weights weights, String path) {
        return Parameters.layerNorm(weights, path, config.layerNormEps());
    }
}
