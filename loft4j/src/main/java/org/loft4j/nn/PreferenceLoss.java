package org.loft4j.nn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.bytedeco.pytorch.Tensor;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;

/**
 * What a model loses by a preferred answer w and another l to the same prompt:
 *
 * <pre>  ℓ(r(w) − r(l)) − weight·m(w)</pre>
 *
 * where each {@link Kind} has a reward r and a loss ℓ of the difference of two, and where log π is the log-probability of an answer's
 * tokens together, behind the prompt, and m = log π / |answer| the mean of a token. The second term is what supervised fine-tuning
 * on the preferred answer loses; it is a part of ORPO, and what makes of DPO the loss of Pang et al. 2024 (arXiv 2404.19733, equation
 * 1; {@code rpo_alpha} in older versions of TRL). Answers that are judged one by one have another, {@link #kto}.
 *
 * @param beta β, above 0: of a loss with a reference how near the model stays to what it was; what multiplies SimPO's means; the
 *     weight λ of ORPO's odds ratio
 * @param gamma γ, the margin that SimPO asks for, in rewards; 0 of the others
 * @param sftWeight weight of the preferred answer's own loss
 * @param desirableWeight λ_D of KTO, what a good answer weighs; 1 of the others
 * @param undesirableWeight λ_U of KTO, what a bad answer weighs; 1 of the others
 */
public record PreferenceLoss(
        Kind kind, double beta, double gamma, double sftWeight, double desirableWeight, double undesirableWeight) {
    /** Direct preference optimization as TRL has it where nothing else is asked for. */
    public static final PreferenceLoss DPO = of(Kind.SIGMOID);

    /** A mean nearer to 0 has lost its digits, in float32: log(1 − p) would be made of them. */
    private static final double LEAST = -0x1p-24;

    /** The losses by TRL's names ({@code loss_type}); π_ref is the model before training. */
    public enum Kind {
        /** r = β·(log π − log π_ref), ℓ = −log σ(h): DPO (Rafailov et al. 2023, arXiv 2305.18290, equation 7). */
        SIGMOID("direct preference optimization", true),

        /** r = β·(log π − log π_ref), ℓ = max(0, 1 − h): SLiC's hinge (Zhao et al. 2023, arXiv 2305.10425) on DPO's rewards. */
        HINGE("the hinge loss of SLiC", true),

        /**
         * r = β·(log π − log π_ref) / |answer|, ℓ = (h/β − 1/(2β))²: IPO (Azar et al. 2023, arXiv 2310.12036, equation 17, with β for its τ).
         * The equation has whole answers; the mean of a token is what its authors used, and what TRL takes.
         */
        IPO("IPO", true),

        /** r = β·m, ℓ = −log σ(h − γ): SimPO (Meng et al. 2024, arXiv 2405.14734, equation 6). */
        SIMPO("SimPO", false),

        /** r = log(p / (1 − p)) with p = exp(m), ℓ = −β·log σ(h): the odds ratio of ORPO (Hong et al. 2024, arXiv 2403.07691, equation 7). */
        ORPO("ORPO", false),

        /** Of answers that are judged one by one: {@link KtoLoss}. */
        KTO("Kahneman-Tversky optimization", true);

        /** The name as papers write it. */
        private final String title;

        private final boolean hasReference;

        Kind(String title, boolean hasReference) {
            this.title = title;
            this.hasReference = hasReference;
        }

        /** Whether answers are set against what the model held of them before training. */
        public boolean hasReference() {
            return hasReference;
        }

        /** Whether some of the preferences can be taken for turned round. */
        public boolean takesSmoothing() {
            return this == SIGMOID || this == SIMPO;
        }

        /** The word on the command line: {@code simpo}. */
        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }

        /** Reads the word of {@link #word}; what many call {@code dpo} is {@link #SIGMOID}. */
        public static Kind parse(String word) {
            if (word.equals("dpo")) {
                return SIGMOID;
            }
            for (Kind kind : values()) {
                if (kind.word().equals(word)) {
                    return kind;
                }
            }
            String known = Arrays.stream(values()).map(Kind::word).collect(Collectors.joining(", "));
            throw new ConfigException("loss_type must be one of " + known + ", got " + word);
        }
    }

    public PreferenceLoss {
        List<String> problems = new ArrayList<>();
        Checks.collect(problems, () -> Checks.positive("beta", beta));
        Checks.collect(problems, () -> Checks.notNegative("simpo_gamma", gamma));
        Checks.collect(problems, () -> Checks.notNegative("sft_weight", sftWeight));
        if (kind != Kind.SIMPO && gamma != 0) {
            problems.add("simpo_gamma is of loss_type simpo, and it is " + kind.word() + ": leave it out");
        }
        Checks.collect(problems, () -> Checks.positive("desirable_weight", desirableWeight));
        Checks.collect(problems, () -> Checks.positive("undesirable_weight", undesirableWeight));
        if (kind != Kind.KTO && (desirableWeight != 1 || undesirableWeight != 1)) {
            problems.add((desirableWeight != 1 ? "desirable_weight" : "undesirable_weight")
                    + " is of loss_type kto, and it is " + kind.word() + ": leave it out");
        }
        if (kind == Kind.KTO && sftWeight > 0) {
            problems.add(
                    "sft_weight is of losses of pairs, and loss_type is kto, whose answers are judged one by one: leave"
                            + " it out");
        }
        if (!problems.isEmpty()) {
            throw new ConfigException(String.join("\n", problems));
        }
    }

    /** Of pairs. */
    public PreferenceLoss(Kind kind, double beta, double gamma, double sftWeight) {
        this(kind, beta, gamma, sftWeight, 1, 1);
    }

    /** A loss with the numbers that TRL has where nothing else is asked for; SimPO's are those of its authors' code. */
    public static PreferenceLoss of(Kind kind) {
        return switch (kind) {
            case SIGMOID, HINGE, IPO, KTO -> new PreferenceLoss(kind, 0.1, 0, 0);
            case SIMPO -> new PreferenceLoss(kind, 2, 0.5, 0);
            case ORPO -> new PreferenceLoss(kind, 0.1, 0, 1);
        };
    }

    public PreferenceLoss withBeta(double value) {
        return new PreferenceLoss(kind, value, gamma, sftWeight, desirableWeight, undesirableWeight);
    }

    public PreferenceLoss withGamma(double value) {
        return new PreferenceLoss(kind, beta, value, sftWeight, desirableWeight, undesirableWeight);
    }

    public PreferenceLoss withSftWeight(double value) {
        return new PreferenceLoss(kind, beta, gamma, value, desirableWeight, undesirableWeight);
    }

    /**
     * Of KTO.
     *
     * @param desirable what a good answer weighs, above 0
     * @param undesirable what a bad one weighs, above 0
     */
    public PreferenceLoss withWeights(double desirable, double undesirable) {
        return new PreferenceLoss(kind, beta, gamma, sftWeight, desirable, undesirable);
    }

    /**
     * The loss of answers that are judged one by one.
     *
     * @throws ConfigException if this one is of pairs
     */
    public KtoLoss kto() {
        if (kind != Kind.KTO) {
            throw new ConfigException(
                    "loss_type " + kind.word() + " compares two answers to a prompt, and answers that are"
                            + " judged one by one are learnt by kto");
        }
        return new KtoLoss(beta, desirableWeight, undesirableWeight);
    }

    private static ConfigException noPairs() {
        return new ConfigException("loss_type kto learns answers that are judged one by one, and these are pairs:"
                + " JudgedAnswer.both makes two of each");
    }

    /** The settings by their names in TRL, for the record of a run. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("loss_type", kind.word());
        map.put("beta", beta);
        if (kind == Kind.SIMPO) {
            map.put("simpo_gamma", gamma);
        }
        if (kind == Kind.KTO) {
            map.put("desirable_weight", desirableWeight);
            map.put("undesirable_weight", undesirableWeight);
        } else {
            map.put("sft_weight", sftWeight);
        }
        return map;
    }

    /** For people: {@code SimPO, β = 2.0, γ = 0.5}. */
    public String described() {
        return kind.title
                + (kind == Kind.ORPO ? ", λ = " : ", β = ")
                + beta
                + (kind == Kind.SIMPO ? ", γ = " + gamma : "")
                + (kind == Kind.KTO ? ", λ = " + desirableWeight + " and " + undesirableWeight : "")
                + (sftWeight == of(kind).sftWeight ? "" : ", and " + sftWeight + " × the loss of the chosen answers");
    }

    /**
     * Adds {@code scale} times the gradient of the sum over all pairs to the gradients of all that asks for them.
     *
     * @param labels int64 {@code (batch, seq)}, not shifted; rows are a preferred answer and the other in turn
     * @param reference log-probabilities of the rows before training; not read of a loss without a reference
     * @param smoothing share ε of the preferences that is taken for turned round, in [0, 0.5): {@code (1 − ε)·ℓ(h) + ε·ℓ(−h)} of DPO
     *     (Mitchell 2023), and the same of SimPO
     * @return the sum
     */
    public double backward(
            Decoder model, ModelInput input, Tensor labels, double[] reference, double scale, double smoothing) {
        LanguageModelLoss.Rows now = new LanguageModelLoss(model).backward(input, labels, rows -> {
            double[] rewards = rewards(rows, reference);
            double[] slopes = new double[rewards.length];
            for (int chosen = 0; chosen < slopes.length; chosen += 2) {
                int rejected = chosen + 1;
                double slope = slope(rewards[chosen] - rewards[rejected], smoothing);
                slopes[chosen] = scale * rewardSlope(rows, chosen) * slope - scale * sftWeight / rows.tokens(chosen);
                slopes[rejected] = -(scale * rewardSlope(rows, rejected) * slope);
            }
            return slopes;
        });
        return sum(now, rewards(now, reference), smoothing);
    }

    /**
     * The reward of each row.
     *
     * @throws ConfigException if the loss has a reference and there is none
     * @throws ShapeException if there is not one for each row, or a row without another
     */
    public double[] rewards(LanguageModelLoss.Rows rows, double[] reference) {
        int count = rows.logProbabilities().length;
        if (kind.hasReference && reference.length == 0 && count > 0) {
            throw new ConfigException(
                    "loss_type " + kind.word() + " sets answers against what the model held of them before"
                            + " training, and the preferences do not bring it: PreferenceDataset.withReference comes first, or a"
                            + " loss_type without a reference");
        }
        if (count % 2 != 0 || (kind.hasReference && reference.length != count)) {
            throw new ShapeException("preferences are two rows each, and have a reference for each: got " + count
                    + " rows and " + reference.length + " references");
        }
        double[] rewards = new double[count];
        for (int row = 0; row < count; row++) {
            double logProbability = rows.logProbabilities()[row];
            rewards[row] = switch (kind) {
                case SIGMOID, HINGE -> beta * (logProbability - reference[row]);
                case IPO -> beta * (logProbability - reference[row]) / rows.tokens(row);
                case SIMPO -> beta * mean(rows, row);
                case ORPO -> mean(rows, row) - Math.log(doubt(mean(rows, row)));
                case KTO -> throw noPairs();
            };
        }
        return rewards;
    }

    /** The derivative of a row's reward by its log-probability. */
    private double rewardSlope(LanguageModelLoss.Rows rows, int row) {
        return switch (kind) {
            case SIGMOID, HINGE -> beta;
            case IPO, SIMPO -> beta / rows.tokens(row);
            case ORPO -> 1 / (doubt(mean(rows, row)) * rows.tokens(row));
            case KTO -> throw noPairs();
        };
    }

    /** m. */
    private static double mean(LanguageModelLoss.Rows rows, int row) {
        return rows.logProbabilities()[row] / rows.tokens(row);
    }

    /** 1 − p. */
    private static double doubt(double mean) {
        return -Math.expm1(Math.min(LEAST, mean));
    }

    /** The loss of all pairs together, by {@link #rewards}. */
    public double sum(LanguageModelLoss.Rows rows, double[] rewards, double smoothing) {
        double sum = 0;
        for (int chosen = 0; chosen < rewards.length; chosen += 2) {
            sum += loss(rewards[chosen] - rewards[chosen + 1], smoothing);
            if (sftWeight > 0) {
                sum -= sftWeight * mean(rows, chosen);
            }
        }
        return sum;
    }

    /** ℓ. */
    private double loss(double h, double smoothing) {
        return switch (kind) {
            case SIGMOID, SIMPO -> (1 - smoothing) * softplus(gamma - h) + smoothing * softplus(h - gamma);
            case HINGE -> Math.max(0, 1 - h);
            case IPO -> (h / beta - 1 / (2 * beta)) * (h / beta - 1 / (2 * beta));
            case ORPO -> beta * softplus(-h);
            case KTO -> throw noPairs();
        };
    }

    /** Its derivative. */
    private double slope(double h, double smoothing) {
        return switch (kind) {
            case SIGMOID, SIMPO -> sigmoid(h - gamma) - 1 + smoothing;
            case HINGE -> h < 1 ? -1 : 0;
            case IPO -> 2 * (h / beta - 1 / (2 * beta)) / beta;
            case ORPO -> beta * (sigmoid(h) - 1);
            case KTO -> throw noPairs();
        };
    }

    static double sigmoid(double x) {
        return 1 / (1 + Math.exp(-x));
    }

    /** {@code log(1 + eˣ)}, which is −log σ(−x). */
    private static double softplus(double x) {
        return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
    }
}
