package org.loft4j.cli.compare;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.BiConsumer;
import org.loft4j.ConfigException;
import org.loft4j.adapter.LoraConfig;
import org.loft4j.optim.LoftBlock;
import org.loft4j.optim.Schedule;
import org.loft4j.tensor.Dtype;
import org.loft4j.train.TrainConfig;

/** A setting that one contender may have for itself: named as on the command line of {@code loft train}. */
enum ContenderOption {
    /** The adapter is scaled by alpha / rank. */
    ALPHA {
        @Override
        LoraConfig adapt(LoraConfig common, String value) {
            return with(common, number(value), common.dropout());
        }
    },
    /** Dropout of the adapter's input. */
    DROPOUT {
        @Override
        LoraConfig adapt(LoraConfig common, String value) {
            return with(common, common.alpha(), number(value));
        }
    },
    /** Scaling by alpha / √rank: a {@link Contender} asks for such an adapter, since alpha's default goes with it. */
    RSLORA,
    HEAD_LEARNING_RATE((config, value) -> config.headLearningRate(Double.parseDouble(value))),
    SCHEDULE((config, value) -> config.schedule(Schedule.Kind.parse(value))),
    MIN_LR_RATIO((config, value) -> config.minLrRatio(Double.parseDouble(value))),
    WARMUP_RATIO((config, value) -> config.warmupSteps(0).warmupRatio(Double.parseDouble(value))),
    WEIGHT_DECAY((config, value) -> config.weightDecay(Double.parseDouble(value))),
    MAX_GRAD_NORM((config, value) -> config.maxGradNorm(Double.parseDouble(value))),
    BETA1((config, value) -> config.beta1(Double.parseDouble(value))),
    BETA2((config, value) -> config.beta2(Double.parseDouble(value))),
    EPS((config, value) -> config.eps(Double.parseDouble(value))),
    /** Blocks of LoFT that are left out, with + between them. */
    WITHOUT((config, value) -> config.loft(loft -> loft.withoutBlocks(LoftBlock.parseAll(value.replace('+', ','))))),
    /** Guard of LoFT's A: largest step relative to A; 0 for none. */
    MAX_STEP((config, value) -> {
        double bound = Double.parseDouble(value);
        config.loft(loft -> loft.withMaxStep(bound));
    }),
    /** Whether the learning rate is raised by what the factors do not capture. */
    MATCH_RATE((config, value) -> config.loft(loft -> loft.withMatchRate(isOn(value)))),
    /** Whether LoFT does what the authors' published code does. */
    REFERENCE((config, value) -> config.loft(loft -> loft.withReference(isOn(value)))),
    /** What LoFT's second moment is kept in. */
    CROSS_TERMS((config, value) -> {
        Dtype dtype = Dtype.parse("methods: cross-terms", value);
        config.loft(loft -> loft.withCrossTerms(dtype));
    }),
    /** LoRA+'s learning rate of B, as a multiple of A's. */
    LORA_PLUS_RATIO((config, value) -> {
        double ratio = Double.parseDouble(value);
        config.peers(peers -> peers.withLoraPlusRatio(ratio));
    }),
    /** Steps of LoRA before RefLoRA's own. */
    REFLORA_WARMUP((config, value) -> {
        int steps = Integer.parseInt(value);
        config.peers(peers -> peers.withRefLoraWarmup(steps));
    });

    private final BiConsumer<TrainConfig.Builder, String> training;

    ContenderOption() {
        this((config, value) -> {});
    }

    ContenderOption(BiConsumer<TrainConfig.Builder, String> training) {
        this.training = training;
    }

    static List<String> names() {
        return Arrays.stream(values()).map(ContenderOption::word).toList();
    }

    static ContenderOption named(String word) {
        return valueOf(word.toUpperCase(Locale.ROOT).replace('-', '_'));
    }

    String word() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    void train(TrainConfig.Builder config, String value) {
        try {
            training.accept(config, value);
        } catch (NumberFormatException e) {
            throw notANumber(value);
        }
    }

    LoraConfig adapt(LoraConfig common, String value) {
        return common;
    }

    double number(String value) {
        try {
            return Double.parseDouble(value);
        } catch (NumberFormatException e) {
            throw notANumber(value);
        }
    }

    /** Reads the value of an option that is on or off. */
    static boolean isOn(String value) {
        return switch (value) {
            case "true" -> true;
            case "false" -> false;
            default ->
                throw new ConfigException("methods: an option that is on or off must be true or false, got " + value);
        };
    }

    /** Whether it is of the adapter, and means nothing without one. */
    boolean isOfAdapter() {
        return this == ALPHA || this == DROPOUT || this == RSLORA;
    }

    private ConfigException notANumber(String value) {
        String kind = this == REFLORA_WARMUP ? "whole number" : "number";
        return new ConfigException("methods: " + word() + " must be a " + kind + ", got " + value);
    }

    private static LoraConfig with(LoraConfig common, double alpha, double dropout) {
        return new LoraConfig(
                common.rank(),
                alpha,
                dropout,
                common.targetModules(),
                common.excludeModules(),
                common.useRslora(),
                common.useDora(),
                common.modulesToSave(),
                common.rankPattern(),
                common.alphaPattern(),
                common.targetParameters());
    }
}
