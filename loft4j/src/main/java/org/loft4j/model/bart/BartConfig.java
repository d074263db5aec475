package org.loft4j.model.bart;

import java.util.Set;
import org.loft4j.CheckpointException;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.io.JsonObject;
import org.loft4j.model.shared.ConfigKeys;
import org.loft4j.model.shared.ModelLimits;
import org.loft4j.nn.Activation;
import org.loft4j.nn.EncoderDecoderBlock.Shares;

/**
 * The shape of a model of BART's kind, as its config.json states it.
 *
 * @param family what the {@code model_type} tells
 * @param vocabularySize {@code vocab_size}
 * @param positions {@code max_position_embeddings}
 * @param hiddenSize {@code d_model}
 * @param encoder the stack that reads
 * @param decoder the stack that writes
 * @param dropout {@code dropout}, {@code activation_dropout} and {@code attention_dropout}, while training
 * @param activation {@code activation_function}
 * @param scaled {@code scale_embedding}: whether vectors of tokens are multiplied by the root of their width
 * @param tied whether the output embedding is the input's
 * @param padId {@code pad_token_id}
 * @param startId {@code decoder_start_token_id}
 * @param initialSpread {@code init_std} of new weights
 */
public record BartConfig(
        BartFamily family,
        long vocabularySize,
        long positions,
        long hiddenSize,
        Side encoder,
        Side decoder,
        Shares dropout,
        Activation activation,
        boolean scaled,
        boolean tied,
        long padId,
        long startId,
        double initialSpread) {
    static final String POSITIONS = "max_position_embeddings";

    private static final String ACTIVATION = "activation_function";

    private static final Set<String> HONOURED = Set.of(
            ConfigKeys.ENCODER_DECODER,
            ConfigKeys.TIED,
            POSITIONS,
            ACTIVATION,
            "vocab_size",
            "d_model",
            "encoder_layers",
            "encoder_attention_heads",
            "encoder_ffn_dim",
            "encoder_layerdrop",
            "decoder_layers",
            "decoder_attention_heads",
            "decoder_ffn_dim",
            "decoder_layerdrop",
            // that of the encoder once more
            "num_hidden_layers",
            "hidden_size",
            "num_attention_heads",
            "dropout",
            "attention_dropout",
            "activation_dropout",
            "scale_embedding",
            "init_std",
            "is_decoder",
            "normalize_before",
            "normalize_embedding",
            "add_final_layer_norm",
            "add_bias_logits",
            "static_position_embeddings",
            // of the head of classes, which is not read
            "classifier_dropout",
            "classif_dropout",
            // words of the trainings that files come from
            "extra_pos_embeddings",
            "force_bos_token_to_be_generated",
            "student_decoder_layers",
            "student_encoder_layers",
            "replacing_rate",
            "save_step",
            "output_past",
            "max_source_positions",
            "max_target_positions");

    /**
     * One of the two stacks.
     *
     * @param layers how many blocks
     * @param heads of attention in each
     * @param inner width of the feed-forward part
     * @param skipped share of the steps at which a block is passed over, while training
     */
    public record Side(int layers, int heads, long inner, double skipped) {
        private static Side of(JsonObject json, String name, double skipped) throws CheckpointException {
            Side side = new Side(
                    json.intOr(name + "_layers", 12, 1),
                    json.intOr(name + "_attention_heads", 16, 1),
                    json.longOr(name + "_ffn_dim", 4096),
                    json.doubleOr(name + "_layerdrop", skipped));
            Checks.within(name + "_layers", side.layers, 1, ModelLimits.MOST_LAYERS);
            Checks.atLeast(name + "_ffn_dim", side.inner, 1);
            Checks.fraction(name + "_layerdrop", side.skipped);
            return side;
        }
    }

    public BartConfig {
        Checks.atLeast("vocab_size", vocabularySize, 1);
        Checks.atLeast(POSITIONS, positions, 1);
        Checks.atLeast("d_model", hiddenSize, 4);
        for (Side side : new Side[] {encoder, decoder}) {
            if (hiddenSize % side.heads != 0) {
                throw new ConfigException("d_model must be a multiple of encoder_attention_heads and"
                        + " decoder_attention_heads, got " + hiddenSize + " for " + side.heads);
            }
        }
        if (family.places() != BartFamily.Places.LEARNT && hiddenSize % 2 != 0) {
            throw new ConfigException("d_model must be even where positions are sines and cosines, got " + hiddenSize);
        }
        Checks.fraction("dropout", dropout.added());
        Checks.fraction("activation_dropout", dropout.inside());
        Checks.fraction("attention_dropout", dropout.probabilities());
        Checks.within("pad_token_id", padId, 0, vocabularySize - 1);
        Checks.within("decoder_start_token_id", startId, 0, vocabularySize - 1);
        Checks.notNegative("init_std", initialSpread);
    }

    /**
     * Reads config.json.
     *
     * @throws ConfigException for a value that this model cannot honour
     * @throws CheckpointException for a value that is missing or of the wrong type
     */
    public static BartConfig from(JsonObject json) throws CheckpointException {
        BartFamily family = BartFamily.of(json.requireString("model_type"));
        ConfigKeys.check(json, HONOURED);
        ConfigKeys.require(json, ConfigKeys.ENCODER_DECODER, "true");
        ConfigKeys.require(json, "is_decoder", "false");
        requireWriter(json);
        requireShape(json, family);
        boolean translates = family == BartFamily.M2M_100;
        double skipped = translates ? 0.05 : 0;
        long padId = json.longOr("pad_token_id", family == BartFamily.PEGASUS ? 0 : 1);
        return new BartConfig(
                family,
                json.requireLong("vocab_size"),
                json.longOr(POSITIONS, 1024),
                json.requireLong("d_model"),
                Side.of(json, "encoder", skipped),
                Side.of(json, "decoder", skipped),
                new Shares(
                        json.doubleOr("dropout", 0.1),
                        json.doubleOr("activation_dropout", 0),
                        json.doubleOr("attention_dropout", translates ? 0.1 : 0)),
                Activation.parse(ACTIVATION, json.stringOr(ACTIVATION, translates ? "relu" : "gelu")),
                json.booleanOr("scale_embedding", translates),
                json.booleanOr(ConfigKeys.TIED, true),
                padId,
                json.longOr("decoder_start_token_id", startOf(json, family)),
                json.doubleOr("init_std", 0.02));
    }

    private static long startOf(JsonObject json, BartFamily family) throws CheckpointException {
        return switch (family) {
            case BART, M2M_100 -> 2;
            // whose beginning is the code of a language, if it has one
            case MBART -> json.longOr("bos_token_id", 0);
            case PEGASUS -> 0;
        };
    }

    /** Refuses files of heads that are not read, whose bodies would be taken for writers. */
    private static void requireWriter(JsonObject json) throws CheckpointException {
        for (String name : json.strings("architectures")) {
            if (name.contains("For") && !name.endsWith("ForConditionalGeneration")) {
                throw json.fault(
                        "architectures",
                        "must be a class that reads texts and writes others, such as BartForConditionalGeneration, found "
                                + name + ", whose head is not read");
            }
        }
    }

    /** Words of the first files for what the classes of Transformers now take from the {@code model_type}. */
    private static void requireShape(JsonObject json, BartFamily family) {
        String first = Boolean.toString(family.normFirst());
        ConfigKeys.require(json, "normalize_before", first);
        ConfigKeys.require(json, "add_final_layer_norm", first);
        ConfigKeys.require(json, "normalize_embedding", Boolean.toString(family.normsVectors()));
        ConfigKeys.require(
                json, "static_position_embeddings", Boolean.toString(family.places() != BartFamily.Places.LEARNT));
        ConfigKeys.require(json, "add_bias_logits", "false");
    }

    /** The longest text that is read or written, in tokens. */
    public static long maxPositions(JsonObject json) throws CheckpointException {
        return from(json).positions();
    }
}
