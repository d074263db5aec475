package org.loft4j.cli;

import org.jspecify.annotations.Nullable;
import org.loft4j.optim.LoftBlock;
import org.loft4j.optim.LoraPlus;
import org.loft4j.optim.RefLora;
import org.loft4j.optim.Schedule;
import org.loft4j.tensor.Dtype;
import org.loft4j.train.LoftSettings;
import org.loft4j.train.PeerSettings;
import org.loft4j.train.TrainConfig;
import picocli.CommandLine.Option;

/** How the parameters move. */
final class OptimizerFlags {
    @Option(
            names = "--learning-rate",
            paramLabel = "RATE",
            description =
                    "Peak learning rate. Default: the method's own, such as 1e-3 for lora, and for loft 3e-4 at hidden size 384,"
                            + " less for wider models, and a twentieth of it for preferences and rewards, of orpo a quarter; docs/methods.md lists them.")
    @Nullable
    Double learningRate;

    @Option(
            names = "--head-learning-rate",
            paramLabel = "RATE",
            description =
                    "Peak learning rate of a classifier's head, of --method full too, and of modules that the model lacked. Pretrained"
                            + " modules of --modules-to-save have the lower of this and the learning rate. Default: ${DEFAULT-VALUE}.")
    double headLearningRate = 1e-3;

    @Option(
            names = "--schedule",
            paramLabel = "COURSE",
            converter = Words.OfSchedule.class,
            completionCandidates = WordLists.Schedules.class,
            description =
                    "Course of the learning rate after the warm-up: linear or cosine, to 0 or --min-lr-ratio, or constant (also"
                            + " constant_with_warmup); cosine_with_min_lr is cosine with that ratio. Default: linear.")
    Schedule.Kind schedule = Schedule.Kind.LINEAR;

    @Option(
            names = "--min-lr-ratio",
            paramLabel = "SHARE",
            description = "Share of the peak at which the course of the learning rate ends. Default: ${DEFAULT-VALUE}.")
    double minLrRatio;

    @Option(
            names = "--warmup-ratio",
            paramLabel = "SHARE",
            description = "Share of the steps over which the learning rate rises. Default: 0.06.")
    @Nullable
    Double warmupRatio;

    @Option(
            names = "--warmup-steps",
            paramLabel = "N",
            description =
                    "Steps over which the learning rate rises, in place of a share of them; 0 for the share. Default:"
                            + " ${DEFAULT-VALUE}.")
    long warmupSteps = 0;

    @Option(
            names = "--weight-decay",
            paramLabel = "DECAY",
            description = "Decoupled weight decay. Default: ${DEFAULT-VALUE}.")
    double weightDecay = 0;

    @Option(
            names = "--max-grad-norm",
            paramLabel = "NORM",
            description = "Largest norm of all gradients together; 0 for no clipping. Default: ${DEFAULT-VALUE}.")
    double maxGradNorm = 1;

    @Option(
            names = "--beta1",
            paramLabel = "BETA",
            description = "Decay rate of the first moment, or momentum. Default: 0.9; 0.95 for loft-muon.")
    @Nullable
    Double beta1;

    @Option(
            names = "--beta2",
            paramLabel = "BETA",
            description =
                    "Decay rate of the second moment; of the momentum after the step for loft-lion. Default: 0.999; 0.99 for loft-lion.")
    @Nullable
    Double beta2;

    @Option(
            names = "--eps",
            paramLabel = "EPS",
            description = "Added to the root of the second moment. Default: 1e-8; 1e-6 for lora-rite, 1e-4 with"
                    + " --loft-reference.")
    @Nullable
    Double eps;

    @Option(
            names = "--loft-without",
            paramLabel = "BLOCKS",
            description =
                    "Blocks of LoFT to leave out, with commas between them: alternation, gradient-scaling, first-moment,"
                            + " second-moment, projected-update, clipping. Default: none.")
    String loftWithout = "";

    @Option(
            names = "--loft-max-step",
            paramLabel = "RATIO",
            description =
                    "Guard of LoFT: the largest step of A relative to A, as W sees it; 0 for none. Default: ${DEFAULT-VALUE}.")
    double loftMaxStep;

    @Option(
            names = "--loft-reference",
            description = "Do what LoFT's published code does, its errors included, to compare with published curves.")
    boolean loftReference;

    @Option(
            names = "--match-rate",
            negatable = true,
            description =
                    "Raise the learning rate of each layer by what its factors do not capture of the full gradient. Default: with"
                            + " loft-tangent only.")
    @Nullable
    Boolean matchRate;

    @Option(
            names = "--loft-cross-terms",
            paramLabel = "TERMS",
            description =
                    "What LoFT's second moment is kept in: float32, or bfloat16 for half of its memory. Default: ${DEFAULT-VALUE}.")
    String loftCrossTerms = "float32";

    @Option(
            names = "--lora-plus-ratio",
            paramLabel = "RATIO",
            description = "Of lora-plus: the learning rate of B, as a multiple of A's. Default: ${DEFAULT-VALUE}.")
    double loraPlusRatio = LoraPlus.RATIO;

    @Option(
            names = "--reflora-warmup",
            paramLabel = "STEPS",
            description = "Of reflora: steps of LoRA before its own, at least 1. Default: ${DEFAULT-VALUE}.")
    int refloraWarmup = RefLora.WARMUP_STEPS;

    void apply(TrainConfig.Builder config) {
        if (learningRate != null) {
            config.learningRate(learningRate);
        }
        config.headLearningRate(headLearningRate)
                .schedule(schedule)
                .minLrRatio(minLrRatio)
                .warmupSteps(warmupSteps)
                .weightDecay(weightDecay)
                .maxGradNorm(maxGradNorm)
                .loft(loft -> new LoftSettings(
                        LoftBlock.parseAll(loftWithout), loftMaxStep, loftReference, matchRate, loft.crossTerms()))
                .loft(loft -> loft.withCrossTerms(Dtype.parse("loft_cross_terms", loftCrossTerms)))
                .peers(peers -> new PeerSettings(loraPlusRatio, refloraWarmup));
        if (warmupRatio != null) {
            config.warmupRatio(warmupRatio);
        }
        if (beta1 != null) {
            config.beta1(beta1);
        }
        if (beta2 != null) {
            config.beta2(beta2);
        }
        if (eps != null) {
            config.eps(eps);
        }
    }
}
