package org.loft4j.nn;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.ShapeException;

/**
 * What a model loses by answers o_1 … o_G that it has drawn itself to each prompt, and that rewards R have judged (GRPO: Shao et al.
 * 2024, arXiv 2402.03300, equations 3 and 4):
 *
 * <pre>  A_i = (R_i − mean R) / (std R + 1e-4)           over the G answers to a prompt
 *   Σ_i 1/N_i · Σ_t (−A_i·ρ_t + β·k_t)              over the answers of a step, and their tokens
 *   k = exp(log π_ref − log π) − (log π_ref − log π) − 1   ≥ 0, of each token: its mean is KL(π ‖ π_ref)</pre>
 *
 * <p>ρ = π / π_drawn is the ratio of the model that learns to the one that has drawn. Each answer is learnt from once, by the model that
 * has drawn it: so ρ is 1, its gradient is that of log π, and there is nothing to clip. What N is, each {@link Kind} says. π and π_ref are
 * {@code softmax(z / T)}, T being the temperature at which answers are drawn; of what else bounds a draw the loss knows nothing, as in TRL.
 *
 * @param beta β, at least 0: how dearly the model pays for leaving what it was before training; 0 for not at all
 * @param generations G, the answers to a prompt, at least 2
 * @param maxCompletionLength tokens of an answer at most
 * @param scale what the rewards of a group are divided by
 * @param draw how the tokens of answers are drawn, at a temperature of 0.001 at least
 */
public record GrpoLoss(Kind kind, double beta, int generations, int maxCompletionLength, Scale scale, TokenDraw draw) {
    /** As TRL has it where nothing else is asked for, but for the length of an answer, which is 512 there. */
    public static final GrpoLoss USUAL = new GrpoLoss(Kind.DAPO, 0, 8, 256, Scale.GROUP, TokenDraw.PLAIN);

    /** Beside the deviation, as in TRL. */
    private static final double LEAST = 1e-4;

    /**
     * Below it the likeliest token is drawn unless others are likely to its last digits, and logits over T, and gradients of them, come
     * to numbers that are not finite.
     */
    private static final double LEAST_TEMPERATURE = 1e-3;

    /** What the sum over an answer's tokens is divided by, by TRL's names ({@code loss_type} of its trainer for GRPO). */
    public enum Kind {
        /** N_i = answers of the step · tokens of the answer: each answer counts alike (Shao et al. 2024). */
        GRPO,

        /** N = answers of the step · the greatest length: a constant (Dr. GRPO; Liu et al. 2025, arXiv 2503.20783). */
        DR_GRPO,

        /** N = tokens of all answers of the step: each token counts alike (DAPO; Yu et al. 2025, arXiv 2503.14476, section 3.3). */
        DAPO;

        /** The word in settings: {@code dr_grpo}. */
        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }

        /** @throws ConfigException if the word is unknown */
        public static Kind parse(String word) {
            return named("grpo_loss", word, values());
        }
    }

    /** What the advantages of the answers are divided by, by TRL's names ({@code scale_rewards}). */
    public enum Scale {
        /** The deviation of the rewards of a prompt's answers (Shao et al. 2024). */
        GROUP,

        /** The deviation of all rewards of the step. */
        BATCH,

        /** Nothing (Liu et al. 2025): prompts whose answers differ little count little. */
        NONE;

        /** The word in settings: {@code group}. */
        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }

        /** @throws ConfigException if the word is unknown */
        public static Scale parse(String word) {
            return named("scale_rewards", word, values());
        }
    }

    private static <E extends Enum<E>> E named(String setting, String word, E[] values) {
        for (E value : values) {
            if (value.name().toLowerCase(Locale.ROOT).equals(word)) {
                return value;
            }
        }
        throw new ConfigException(setting + " must be one of "
                + Stream.of(values)
                        .map(value -> value.name().toLowerCase(Locale.ROOT))
                        .collect(Collectors.joining(", "))
                + ", got " + word);
    }

    public GrpoLoss {
        List<String> problems = new ArrayList<>();
        Checks.collect(problems, () -> Checks.notNegative("kl_beta", beta));
        Checks.collect(problems, () -> Checks.atLeast("num_generations", generations, 2));
        Checks.collect(problems, () -> Checks.atLeast("max_completion_length", maxCompletionLength, 1));
        if (draw.temperature() == 0) {
            problems.add("temperature must be above 0 where a model learns by its own answers, which would all be the"
                    + " likeliest one, got 0.0");
        } else if (draw.temperature() < LEAST_TEMPERATURE) {
            problems.add("temperature must be at least " + LEAST_TEMPERATURE
                    + " where a model learns by its own answers, which would all but be the likeliest one, got "
                    + draw.temperature());
        }
        if (!problems.isEmpty()) {
            throw new ConfigException(String.join("\n", problems));
        }
    }

    public GrpoLoss withKind(Kind other) {
        return new GrpoLoss(other, beta, generations, maxCompletionLength, scale, draw);
    }

    public GrpoLoss withBeta(double other) {
        return new GrpoLoss(kind, other, generations, maxCompletionLength, scale, draw);
    }

    public GrpoLoss withGenerations(int other) {
        return new GrpoLoss(kind, beta, other, maxCompletionLength, scale, draw);
    }

    public GrpoLoss withMaxCompletionLength(int other) {
        return new GrpoLoss(kind, beta, generations, other, scale, draw);
    }

    public GrpoLoss withScale(Scale other) {
        return new GrpoLoss(kind, beta, generations, maxCompletionLength, other, draw);
    }

    public GrpoLoss withDraw(TokenDraw other) {
        return new GrpoLoss(kind, beta, generations, maxCompletionLength, scale, other);
    }

    /** The settings by name, for the record of a run. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("grpo_loss", kind.word());
        map.put("kl_beta", beta);
        map.put("num_generations", generations);
        map.put("max_completion_length", maxCompletionLength);
        map.put("scale_rewards", scale.word());
        map.putAll(draw.toMap());
        return map;
    }

    /** For people: {@code GRPO (dapo), 8 answers a prompt, β = 0.0}, and how they are drawn where it is otherwise than usual. */
    public String described() {
        Map<String, Object> usual = TokenDraw.PLAIN.toMap();
        return "GRPO (" + kind.word() + "), " + generations + " answers a prompt, β = " + beta
                + draw.toMap().entrySet().stream()
                        .filter(setting -> !setting.getValue().equals(usual.get(setting.getKey())))
                        .map(setting -> ", " + setting.getKey() + " " + setting.getValue())
                        .collect(Collectors.joining());
    }

    /**
     * A of each answer.
     *
     * @param rewards of all answers of a step, those to a prompt together
     */
    public double[] advantages(double[] rewards) {
        if (rewards.length % generations != 0) {
            throw new ShapeException(
                    "each prompt has " + generations + " rewards, got " + rewards.length + " rewards in all");
        }
        double[] advantages = new double[rewards.length];
        double ofAll = deviation(rewards);
        for (int first = 0; first < rewards.length; first += generations) {
            double[] group = Arrays.copyOfRange(rewards, first, first + generations);
            double mean = Arrays.stream(group).sum() / generations;
            double deviation = deviation(group);
            double by = switch (scale) {
                case GROUP -> deviation + LEAST;
                case BATCH -> ofAll + LEAST;
                case NONE -> 1;
            };
            for (int i = 0; i < generations; i++) {
                // of equal rewards the mean may differ by its last digit
                advantages[first + i] = deviation == 0 ? 0 : (group[i] - mean) / by;
            }
        }
        return advantages;
    }

    /** The deviation of a sample, with n − 1; 0 where all are equal, or there is one. */
    public static double deviation(double[] values) {
        if (Arrays.stream(values).allMatch(value -> value == values[0])) {
            return 0;
        }
        double mean = Arrays.stream(values).sum() / values.length;
        double squares = Arrays.stream(values)
                .map(value -> (value - mean) * (value - mean))
                .sum();
        return Math.sqrt(squares / (values.length - 1));
    }

    /**
     * What the sums of the answers, each of which is divided by its {@link #share}, are divided by in all.
     *
     * @param answers of the step
     * @param tokens of these answers
     */
    public double total(long answers, long tokens) {
        return switch (kind) {
            case GRPO -> answers;
            case DR_GRPO -> (double) answers * maxCompletionLength;
            case DAPO -> tokens;
        };
    }

    /**
     * What a step loses beside the divergence, ρ being 1.
     *
     * @param tokens of each answer
     */
    public double policyLoss(double[] advantages, int[] tokens) {
        return sum(advantages, tokens)
                / total(tokens.length, Arrays.stream(tokens).asLongStream().sum());
    }

    /** Over answers, before it is divided by {@link #total}. */
    private double sum(double[] advantages, int[] tokens) {
        double sum = 0;
        for (int i = 0; i < tokens.length; i++) {
            sum -= share(tokens[i]) * advantages[i] * tokens[i];
        }
        return sum;
    }

    private double share(int tokens) {
        return kind == Kind.GRPO ? 1.0 / tokens : 1;
    }

    /**
     * log π of the tokens of answers, row by row, without gradients.
     *
     * @param labels as {@link #backward} takes them
     */
    public double[] logProbabilities(Decoder model, ModelInput input, Tensor labels) {
        return new LanguageModelLoss(model)
                .at(draw.temperature())
                .judgeTokens(input, labels)
                .logProbabilities();
    }

    /**
     * Adds {@code scale} times the gradient of the sum over the answers, before it is divided by {@link #total}, to the gradients of all
     * that asks for them.
     *
     * @param labels int64 {@code (batch, seq)}, not shifted; the tokens of the answers, their end among them
     * @param advantages of the rows
     * @param reference log π_ref of each row's tokens; null where β is 0
     * @param factor which multiplies the gradient
     * @return the sum, ρ being 1
     */
    public double backward(
            Decoder model,
            ModelInput input,
            Tensor labels,
            double[] advantages,
            double @Nullable [][] reference,
            double factor) {
        if (beta > 0 && reference == null) {
            throw new ConfigException("kl_beta is " + beta
                    + ", and the answers do not bring what the model held of their tokens before training");
        }
        int[] tokens = Targets.counts(labels);
        if (tokens.length != advantages.length) {
            throw new ShapeException("answers have an advantage each, got " + tokens.length + " answers and "
                    + advantages.length + " advantages");
        }
        double sum = sum(advantages, tokens);
        double[] weights = new double[tokens.length];
        for (int row = 0; row < tokens.length; row++) {
            weights[row] = factor * share(tokens[row]) * advantages[row];
        }
        LanguageModelLoss loss = new LanguageModelLoss(model).at(draw.temperature());
        if (beta == 0 || reference == null) {
            loss.backward(input, labels, weights);
            return sum;
        }
        double[] before =
                Arrays.stream(reference).flatMapToDouble(Arrays::stream).toArray();
        double[] divergence = new double[1];
        loss.backwardTokens(input, labels, now -> {
            double[] slopes = now.logProbabilities().clone();
            if (slopes.length != before.length) {
                throw new ShapeException("each of the " + slopes.length
                        + " tokens of the answers needs a reference, got " + before.length);
            }
            for (int i = 0; i < slopes.length; i++) {
                int row = now.rows()[i];
                double less = before[i] - slopes[i];
                divergence[0] += share(tokens[row]) * (Math.exp(less) - less - 1);
                slopes[i] = -weights[row] + factor * share(tokens[row]) * beta * (1 - Math.exp(less));
            }
            return slopes;
        });
        return sum + beta * divergence[0];
    }
}
