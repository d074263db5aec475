package org.loft4j.export;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.loft4j.CheckpointException;
import org.loft4j.io.GgufMetadata;
import org.loft4j.io.JsonObject;
import org.loft4j.io.RopeKeys;

/**
 * How the rotary embedding is stretched beyond the length of pre-training: llama.cpp takes it partly from keys, partly from
 * tensors of divisors of the frequencies. What it cannot compute as Transformers does is refused.
 */
final class RopeScaling {
    private final TextConfig config;
    private final JsonObject json;
    private final @Nullable JsonObject rope;

    RopeScaling(TextConfig config) throws CheckpointException {
        this.config = config;
        this.json = config.json();
        this.rope = config.rope();
    }

    private double base() throws CheckpointException {
        if (config.architecture() == GgufArchitecture.GEMMA4) {
            return rope == null ? 1_000_000 : rope.requireDouble("rope_theta");
        }
        return RopeKeys.theta(
                json,
                rope,
                switch (config.architecture()) {
                    case GEMMA3, GEMMA_EMBEDDING -> 1_000_000;
                    case SMOLLM3 -> 2_000_000;
                    case GPT_OSS -> 150_000;
                    case LFM2, MISTRAL3 -> 1_000_000;
                    case COMMAND_R, ERNIE4_5 -> 500_000;
                    default -> config.isMixtral() ? 1_000_000 : 10_000;
                });
    }

    /** The base of Gemma 3's layers with a window. */
    private double localBase() throws CheckpointException {
        return RopeKeys.slidingTheta(json, RopeKeys.ofSlidingAttention(json), 10_000);
    }

    private String type() throws CheckpointException {
        return RopeKeys.type(rope);
    }

    void put(GgufMetadata metadata) throws CheckpointException {
        String key = config.architecture().key() + ".rope.";
        if (config.architecture() == GgufArchitecture.GEMMA4) {
            gemma4(metadata, key);
            return;
        }
        metadata.count(key + "dimension_count", config.rotaryDim());
        metadata.number(key + "freq_base", base());
        if (config.architecture().isQwen35()) {
            metadata.wholes(key + "dimension_sections", axes());
        }
        if (config.architecture().isGemma3()) {
            metadata.number(key + "freq_base_swa", localBase());
        }
        if (config.isOlmo3()) {
            requirePlainWindows();
        }
        if (config.architecture() == GgufArchitecture.MISTRAL3) {
            ministral3(metadata, key + "scaling.");
            return;
        }
        if (rope == null) {
            return;
        }
        switch (type()) {
            case "default" -> {}
            case "linear" -> {
                metadata.text(key + "scaling.type", "linear");
                metadata.number(key + "scaling.factor", rope.requireDouble("factor"));
            }
            case "llama3" ->
                only(
                        GgufArchitecture.LLAMA,
                        GgufArchitecture.GRANITE,
                        GgufArchitecture.GRANITEMOE,
                        GgufArchitecture.GRANITEHYBRID,
                        GgufArchitecture.EXAONE4);
            case "yarn" -> {
                if (config.architecture() == GgufArchitecture.DEEPSEEK2) {
                    latentYarn(metadata, key + "scaling.", rope);
                } else {
                    yarn(metadata, key + "scaling.");
                }
            }
            case "longrope", "su" -> {
                only(GgufArchitecture.PHI3);
                metadata.text(key + "scaling.type", "longrope");
                metadata.number(key + "scaling.attn_factor", attentionFactor());
            }
            case "dynamic" ->
                throw refused(
                        "llama.cpp has no dynamic scaling; in a copy of the model without rope_scaling all texts up to"
                                + " max_position_embeddings give the same numbers");
            default -> throw refused("it is not known");
        }
        if (config.architecture() == GgufArchitecture.PHI3) {
            metadata.count(key + "scaling.original_context_length", original());
        }
    }

    /**
     * How the pairs of a head are shared among the axes of an image, in turn. A text has one position on all of them, but for a
     * fourth that llama.cpp has and sets to 0: no pair may fall to it.
     */
    private int[] axes() throws CheckpointException {
        int[] axes = {11, 11, 10, 0};
        JsonNode sections = rope == null ? null : rope.node("mrope_section");
        if (sections == null) {
            return axes;
        }
        int pairs = 0;
        for (int i = 0; i < 3; i++) {
            axes[i] = sections.path(i).asInt(-1);
            pairs += axes[i];
        }
        boolean rotated = sections.size() == 3;
        for (int i = 0; i < Math.min(pairs, config.rotaryDim() / 2); i++) {
            rotated &= i < 3 * axes[i % 3];
        }
        if (!rotated || pairs < 1) {
            throw rope().fault(
                            "mrope_section",
                            "is " + sections
                                    + ": llama.cpp takes pairs for three axes in turn, so that the three must be"
                                    + " equal, or the first ones one larger");
        }
        return axes;
    }

    /** Those without a window go by the divisors, which leave alone what is not rotated; the others have no scaling. */
    private void gemma4(GgufMetadata metadata, String key) throws CheckpointException {
        JsonObject windowed = RopeKeys.ofSlidingAttention(json);
        if (!RopeKeys.type(windowed).equals("default") || RopeKeys.share(json, windowed) != 1) {
            throw json.fault(
                    "rope_parameters",
                    "has another rotation for sliding_attention than the plain one of whole heads that llama.cpp"
                            + " computes");
        }
        if (rope != null && !type().equals("default") && !type().equals("proportional")) {
            throw json.fault("rope_parameters", "has the type " + type() + " for full_attention: it is not known");
        }
        metadata.count(key + "dimension_count", config.headDim());
        metadata.count(key + "dimension_count_swa", config.gemma4Layers().headDim(true));
        metadata.number(key + "freq_base", base());
        metadata.number(key + "freq_base_swa", windowed == null ? 10_000 : windowed.requireDouble("rope_theta"));
    }

    /** Pairs behind the rotated part of a head turn by nothing that counts. */
    private float[] proportional() throws CheckpointException {
        boolean whole = rope != null && !type().equals("proportional");
        double share = whole ? 1 : rope == null ? 0.25 : RopeKeys.share(json, rope);
        double factor = whole || rope == null ? 1 : rope.doubleOr("factor", 1);
        float[] divisors = new float[config.headDim() / 2];
        int rotated = (int) (share * config.headDim() / 2);
        for (int i = 0; i < divisors.length; i++) {
            divisors[i] = i < rotated ? (float) factor : 1e30f;
        }
        return divisors;
    }

    /** llama.cpp rotates the layers with a window without scaling, by the base of the others. */
    private void requirePlainWindows() throws CheckpointException {
        JsonObject windowed = RopeKeys.ofSlidingAttention(json);
        if (!RopeKeys.type(windowed).equals("default")
                || RopeKeys.statedTheta(json, windowed) != RopeKeys.statedTheta(json, rope)) {
            throw json.fault(
                    "rope_parameters",
                    "has another rotation for sliding_attention than the plain one by the rope_theta of full_attention"
                            + " that llama.cpp computes");
        }
    }

    /** To llama.cpp there is yarn without a factor of its own, as of equal values of {@code mscale} and {@code mscale_all_dim}. */
    private void ministral3(GgufMetadata metadata, String key) throws CheckpointException {
        if (rope == null || !type().equals("yarn")) {
            throw json.fault("rope_parameters", "must be of the type yarn for llama.cpp's mistral3");
        }
        if (hasBrokenLimits()) {
            throw refused("llama.cpp computes yarn with whole limits alone");
        }
        for (String scale : List.of("mscale", "mscale_all_dim", "attention_factor")) {
            boolean silent = scale.equals("attention_factor") && !rope.has(scale);
            if (!silent && rope.doubleOr(scale, 0) != 1) {
                throw rope.fault(
                        scale,
                        "must be 1 for llama.cpp, found " + (rope.has(scale) ? rope.requireDouble(scale) : "none"));
            }
        }
        putYarn(metadata, key, rope);
        metadata.number(key + "yarn_log_multiplier", 1);
    }

    private void yarn(GgufMetadata metadata, String key) throws CheckpointException {
        if (config.architecture().isGemma() || config.architecture() == GgufArchitecture.PHI3) {
            throw refused(
                    "llama.cpp does not compute it for " + config.architecture().key());
        }
        JsonObject yarn = rope();
        double factor = yarn.requireDouble("factor");
        double usual = 0.1 * Math.log(factor) + 1;
        boolean other = Math.abs(yarn.doubleOr("attention_factor", usual) - usual) > 1e-6;
        if (other
                || yarn.has("mscale")
                || yarn.has("mscale_all_dim")
                || (hasBrokenLimits() && config.architecture() != GgufArchitecture.GPT_OSS)) {
            throw refused(
                    "llama.cpp computes yarn with an attention factor of 0.1·ln(factor) + 1 and whole limits alone");
        }
        putYarn(metadata, key, yarn);
    }

    /** To llama.cpp what yarn makes of the scores is in both of its factors, and the rotation has none. */
    private void latentYarn(GgufMetadata metadata, String key, JsonObject yarn) throws CheckpointException {
        double all = yarn.doubleOr("mscale_all_dim", 0);
        if (!(all > 0)
                || yarn.doubleOr("mscale", 0) != all
                || yarn.doubleOr("attention_factor", 1) != 1
                || hasBrokenLimits()) {
            throw refused(
                    "llama.cpp computes yarn in latent attention with an mscale that is mscale_all_dim and above 0, without"
                            + " an attention_factor, and with whole limits alone");
        }
        putYarn(metadata, key, yarn);
        metadata.number(key + "yarn_log_multiplier", 0.1 * all);
    }

    private void putYarn(GgufMetadata metadata, String key, JsonObject yarn) throws CheckpointException {
        metadata.text(key + "type", "yarn");
        metadata.number(key + "factor", yarn.requireDouble("factor"));
        metadata.count(key + "original_context_length", original());
        metadata.number(key + "yarn_beta_fast", yarn.doubleOr("beta_fast", 32));
        metadata.number(key + "yarn_beta_slow", yarn.doubleOr("beta_slow", 1));
    }

    /** Whether the limits of yarn are no whole pairs, to which llama.cpp rounds them. */
    boolean hasBrokenLimits() throws CheckpointException {
        return rope != null && type().equals("yarn") && !rope.booleanOr("truncate", true);
    }

    /** The tensors of divisors by name, one number for each pair of dimensions; empty where there are none. */
    Map<String, float[]> divisors() throws CheckpointException {
        Map<String, float[]> divisors = new LinkedHashMap<>();
        if (config.architecture() == GgufArchitecture.GEMMA4) {
            divisors.put("rope_freqs.weight", proportional());
        } else if (rope != null && type().equals("llama3")) {
            divisors.put("rope_freqs.weight", llama3());
        } else if (rope != null && (type().equals("longrope") || type().equals("su"))) {
            divisors.put("rope_factors_long.weight", factors("long_factor"));
            divisors.put("rope_factors_short.weight", factors("short_factor"));
        }
        return divisors;
    }

    /** Llama 3.1's: wavelengths beyond the old context are stretched in full, short ones not, those between smoothly. */
    private float[] llama3() throws CheckpointException {
        double factor = rope().requireDouble("factor");
        double low = rope().requireDouble("low_freq_factor");
        double high = rope().requireDouble("high_freq_factor");
        double context = original();
        float[] divisors = new float[config.rotaryDim() / 2];
        for (int i = 0; i < divisors.length; i++) {
            double wavelength = 2 * Math.PI * Math.pow(base(), 2.0 * i / config.rotaryDim());
            double smooth = (context / wavelength - low) / (high - low);
            double between = 1 / ((1 - smooth) / factor + smooth);
            divisors[i] = (float) (wavelength < context / high ? 1 : wavelength > context / low ? factor : between);
        }
        return divisors;
    }

    private float[] factors(String key) throws CheckpointException {
        JsonNode list = rope().node(key);
        int count = config.rotaryDim() / 2;
        if (list == null || !list.isArray() || list.size() != count) {
            throw rope().fault(key, "must be an array of " + count + " numbers");
        }
        float[] factors = new float[count];
        for (int i = 0; i < count; i++) {
            factors[i] = (float) list.get(i).asDouble();
        }
        return factors;
    }

    /** Of longrope: √(1 + ln(s) / ln(L)), where the context has grown from L to s·L. */
    private double attentionFactor() throws CheckpointException {
        double growth = (double) config.maxPositions() / original();
        double usual = growth <= 1 ? 1 : Math.sqrt(1 + Math.log(growth) / Math.log(original()));
        return rope().doubleOr("attention_factor", usual);
    }

    private int original() throws CheckpointException {
        String key = "original_max_position_embeddings";
        return json.intOr(key, rope == null ? config.maxPositions() : rope.intOr(key, config.maxPositions(), 1), 1);
    }

    private JsonObject rope() {
        if (rope == null) {
            throw new IllegalStateException("there is no scaling");
        }
        return rope;
    }

    private void only(GgufArchitecture... architectures) throws CheckpointException {
        List<GgufArchitecture> possible = List.of(architectures);
        if (!possible.contains(config.architecture())) {
            String names = possible.stream().map(GgufArchitecture::key).collect(Collectors.joining(" and "));
            throw refused("llama.cpp computes it for " + names + " alone, not for "
                    + config.architecture().key());
        }
    }

    private CheckpointException refused(String reason) throws CheckpointException {
        return json.fault("rope_scaling", "is of type " + type() + ": " + reason);
    }
}
