package org.loft4j.train;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import org.loft4j.ConfigException;
import org.loft4j.nn.PreferenceLoss;
import org.loft4j.optim.AdamWConfig;
import org.loft4j.optim.LoftBlock;
import org.loft4j.optim.LoraRite;

/**
 * What is trained, and by which optimizer. The default learning rates of {@link #LOFT}, {@link #LOFT_TANGENT}, {@link #LORA} and
 * {@link #FULL} come from measurements on a small pretrained encoder and several tasks (docs/results.md). Three times as much
 * takes LoFT to the majority class on CoLA at ranks 2, 4 and 16.
 *
 * <p>The rates of the rivals, from {@link #RSLORA} to {@link #REFLORA}, and from {@link #LOFT_SIMPLE} to {@link #LOFT_MUON} are
 * starting points for small models: the best in short runs of a small encoder were a third to ten times as high (docs/results.md).
 */
public enum Method {
    /** Low-rank factors by LoFT-AdamW. */
    LOFT("LoFT", 3e-4),
    /** Low-rank factors by LoFT in the tangent space, at a learning rate matched to what they capture. */
    LOFT_TANGENT("LoFT-tangent", 1e-4),
    /** Low-rank factors by LoFT with a second moment in factor space: less memory, less exact. */
    LOFT_SIMPLE("LoFT-simple", 3e-3),
    /** Low-rank factors by LoFT with momentum's gradient descent instead of AdamW. */
    LOFT_SGD("LoFT-SGD", 1e-1),
    /** Low-rank factors by LoFT with Lion instead of AdamW. */
    LOFT_LION("LoFT-Lion", 5e-5),
    /** Low-rank factors by LoFT with Muon instead of AdamW. */
    LOFT_MUON("LoFT-Muon", 1e-3),
    /** Low-rank factors by AdamW (Hu et al. 2021, arXiv 2106.09685). */
    LORA("LoRA", 1e-3),
    /** Low-rank factors and the length of each row of the weight by AdamW (Liu et al. 2024, arXiv 2402.09353). */
    DORA("DoRA", 1e-3),
    /** LoRA with the scale alpha / √rank (Kalajdzievski 2023, arXiv 2312.03732), whatever the adapter's configuration says. */
    RSLORA("rsLoRA", 5e-4),
    /** LoRA with a learning rate for B that is a multiple of A's, which is the one given: {@link org.loft4j.optim.LoraPlus}. */
    LORA_PLUS("LoRA+", 2e-4),
    /** B alone, its gradient projected by a frozen A: {@link org.loft4j.optim.LoraFa}. */
    LORA_FA("LoRA-FA", 1e-3),
    /** Gradients preconditioned by the other factor's Gram matrix: {@link org.loft4j.optim.ScaledGd}. */
    SCALED_GD("scaled GD", 1e-3),
    /** Gradients adjusted to the moments of the full matrix: {@link org.loft4j.optim.LoraPro}. */
    LORA_PRO("LoRA-Pro", 1e-4),
    /** A, then B, by projected gradients with momentum alone: {@link org.loft4j.optim.AltLora}. */
    ALTLORA("AltLoRA", 1e-1),
    /** The same with a second moment: {@link org.loft4j.optim.AltLora}. */
    ALTLORA_PLUS("AltLoRA+", 1e-3),
    /** Matrix moments in orthonormal bases: {@link org.loft4j.optim.LoraRite}. */
    LORA_RITE("LoRA-RITE", 1e-3),
    /** Gradients preconditioned as if the factors were balanced: {@link org.loft4j.optim.RefLora}. */
    REFLORA("RefLoRA", 1e-3),
    /** Every parameter of the model by AdamW; no adapter. */
    FULL("full fine-tuning", 1e-4);

    /** The default learning rate of a new classification head, whatever trains the rest. */
    public static final double HEAD_LEARNING_RATE = 1e-3;

    /** Hidden size of the models on which the default rates were chosen. */
    private static final double WIDTH = 384;

    /** Of a method's learning rate, where answers are set against each other. */
    private static final double PREFERENCE_SHARE = 0.05;

    /** The same where the preferred one is learnt too. */
    private static final double ORPO_SHARE = 0.25;

    private final String title;
    private final double learningRate;

    Method(String title, double learningRate) {
        this.title = title;
        this.learningRate = learningRate;
    }

    /** The name as papers write it. */
    public String title() {
        return title;
    }

    /** The default learning rate, for a model of hidden size 384. */
    public double learningRate() {
        return learningRate;
    }

    /**
     * The default learning rate for a model. Where a step moves each entry of W by about the rate, as AdamW on W does, a layer's
     * output moves by as many of them as the layer has inputs, and the rate goes with {@code 1/hiddenSize} (Yang et al. 2022,
     * arXiv 2203.03466, table 3, Adam's rate of hidden weights). The other methods have one for all.
     */
    public double learningRate(long hiddenSize) {
        return scalesWithWidth() ? rounded(learningRate * WIDTH / hiddenSize) : learningRate;
    }

    /**
     * The default learning rate of preferences. TRL's defaults of the two, 1e-6 and 2e-5, stand so to each other; ORPO, which learns to
     * answer too, has the 5e-6 of its paper.
     */
    public double preferenceLearningRate(long hiddenSize, PreferenceLoss.Kind loss) {
        double share = loss == PreferenceLoss.Kind.ORPO ? ORPO_SHARE : PREFERENCE_SHARE;
        return rounded(share * learningRate(hiddenSize));
    }

    /** The default learning rate of rewards: in TRL that of preferences. */
    public double rewardLearningRate(long hiddenSize) {
        return rounded(PREFERENCE_SHARE * learningRate(hiddenSize));
    }

    private static double rounded(double rate) {
        return BigDecimal.valueOf(rate).round(new MathContext(2)).doubleValue();
    }

    /** Whether the default learning rate depends on the hidden size. */
    public boolean scalesWithWidth() {
        return switch (this) {
            case FULL, LOFT, LOFT_TANGENT, LOFT_LION, LORA_PRO -> true;
            default -> false;
        };
    }

    /** The default of what is added to the root of the second moment: AdamW's 1e-8, but LoRA-RITE's own for its matrix root. */
    public double eps() {
        return this == LORA_RITE ? LoraRite.EPS : AdamWConfig.defaults().eps();
    }

    /** Whether the base model stays frozen and low-rank factors are trained. */
    public boolean usesAdapter() {
        return this != FULL;
    }

    /** The blocks of LoFT that the method has; none if it is not LoFT. */
    public Set<LoftBlock> loftBlocks() {
        return switch (this) {
            case LOFT -> EnumSet.allOf(LoftBlock.class);
            case LOFT_TANGENT -> EnumSet.complementOf(EnumSet.of(LoftBlock.ALTERNATION));
            case LOFT_SIMPLE -> EnumSet.complementOf(EnumSet.of(LoftBlock.SECOND_MOMENT, LoftBlock.PROJECTED_UPDATE));
            case LOFT_SGD, LOFT_LION, LOFT_MUON ->
                EnumSet.of(
                        LoftBlock.ALTERNATION, LoftBlock.GRADIENT_SCALING, LoftBlock.FIRST_MOMENT, LoftBlock.CLIPPING);
            default -> Set.of();
        };
    }

    /** The default decay rate of the first moment: Muon's own where there is Muon, else AdamW's. */
    public double beta1() {
        return this == LOFT_MUON ? 0.95 : 0.9;
    }

    /** The default decay rate of the second moment; for Lion, which has none, its second rate of the first. */
    public double beta2() {
        return this == LOFT_LION ? 0.99 : 0.999;
    }

    /**
     * Floats of the optimizer for one m×n matrix at rank r, as docs/methods.md lists them; r×r matrices and counters are left out.
     */
    double stateFloats(long m, long n, long r) {
        double factors = (double) (m + n) * r;
        return switch (this) {
            case FULL, LORA_PRO -> 2.0 * m * n;
            case LOFT -> factors + crossTerms(m, n, r) + 2.0 * (m + n);
            case LOFT_TANGENT -> factors + crossTerms(m, n, r);
            case LOFT_SGD, LOFT_LION, LOFT_MUON, ALTLORA, LORA_RITE -> factors;
            case LORA_FA -> 2.0 * m * r;
            case DORA -> 2 * factors + 2.0 * m;
            case LOFT_SIMPLE, LORA, RSLORA, LORA_PLUS, SCALED_GD, ALTLORA_PLUS, REFLORA -> 2 * factors;
        };
    }

    /** Those of LoFT's cross terms among them. */
    static double crossTerms(long m, long n, long r) {
        return (m + n) * (r * (r + 1) / 2.0);
    }

    /** The word on the command line: {@code loft-simple}. */
    public String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** Reads the word of {@link #word}. */
    public static Method parse(String word) {
        for (Method method : values()) {
            if (method.word().equals(word)) {
                return method;
            }
        }
        String known = Arrays.stream(values()).map(Method::word).collect(Collectors.joining(", "));
        throw new ConfigException("method must be one of " + known + ", got " + word);
    }
}
