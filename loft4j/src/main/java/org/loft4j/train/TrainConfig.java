package org.loft4j.train;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.loft4j.Checks;
import org.loft4j.ConfigException;
import org.loft4j.nn.Model;
import org.loft4j.optim.LoftConfig;
import org.loft4j.optim.Schedule;

/**
 * The settings of a run. Messages name them in Hugging Face's spelling; all that are wrong are reported at once.
 *
 * @param method what is trained, and by which optimizer
 * @param epochs passes over the data, the last of which may be a part of one; does not count where {@code maxSteps} is given
 * @param maxSteps optimizer steps of the run; 0 for as many as the epochs make
 * @param batchSize rows of a micro-batch
 * @param evalBatchSize rows of a batch of the evaluation
 * @param gradientAccumulationSteps micro-batches that make one optimizer step
 * @param learningRate peak learning rate of the factors (or of all parameters, for {@link Method#FULL})
 * @param headLearningRate peak learning rate of a classifier's head, of {@link Method#FULL} too, and of modules that the model's
 *     files lacked; pretrained modules that are trained in full beside an adapter have the lower one of the two rates
 * @param schedule course of the learning rate after the warm-up
 * @param minLrRatio share of the peak at which the course of the learning rate ends, in [0, 1)
 * @param warmupRatio share of the steps over which the learning rate rises, in [0, 1); 0 where {@code warmupSteps} says it
 * @param warmupSteps steps over which it rises, however many the run has; 0 for the share
 * @param weightDecay decoupled weight decay; biases and norms have none
 * @param maxGradNorm largest norm of all gradients together; 0 for no clipping
 * @param loss what the steps make smaller
 * @param beta1 decay rate of the first moment; momentum of LoFT-SGD and LoFT-Muon
 * @param beta2 decay rate of the second moment; Lion's second rate of the first
 * @param eps added to the root of the second moment
 * @param seed of the order of the data, dropout and new weights
 * @param loggingSteps steps between two lines of the metrics
 * @param diagnosticsSteps steps between two looks at the layers of an adapter; 0 for as many as give some 500 in the run, at
 *     steps that are logged
 * @param evalSteps steps between two evaluations; 0 for one at the end of each epoch
 * @param saveSteps steps between two checkpoints; 0 for one at each evaluation and, where they are far apart, a
 *     quarter of an hour after the last; {@link Long#MAX_VALUE} for none but that of a stop
 * @param saveTotalLimit checkpoints that are kept, the best, the last, and until the run ends one to go back to always among them; 0 for all
 * @param earlyStoppingPatience evaluations without an improvement after which the run ends; 0 for never
 * @param metricForBest one of {@link Evaluation#METRICS}, or the name of a {@link Metric} of the data
 * @param loadBestAtEnd whether the run ends with the weights of the best evaluation instead of the last weights
 * @param groupByLength whether rows of similar length share a batch, for less padding
 * @param gradientCheckpointing whether each layer but the last is computed once more in the backward pass, to save memory
 * @param divergenceFactor multiple of its best level above which the smoothed loss must not stay, above 1; 0 to let it run away
 * @param saveInBackground whether training goes on while a checkpoint is written, from a copy of all that it holds
 * @param loft what is changed about LoFT, for its methods
 * @param peers what is changed about the methods beside it
 */
public record TrainConfig(
        Method method,
        double epochs,
        long maxSteps,
        int batchSize,
        int evalBatchSize,
        int gradientAccumulationSteps,
        double learningRate,
        double headLearningRate,
        Schedule.Kind schedule,
        double minLrRatio,
        double warmupRatio,
        long warmupSteps,
        double weightDecay,
        double maxGradNorm,
        LossSettings loss,
        double beta1,
        double beta2,
        double eps,
        long seed,
        int loggingSteps,
        long diagnosticsSteps,
        long evalSteps,
        long saveSteps,
        int saveTotalLimit,
        int earlyStoppingPatience,
        String metricForBest,
        boolean loadBestAtEnd,
        boolean groupByLength,
        boolean gradientCheckpointing,
        double divergenceFactor,
        boolean saveInBackground,
        LoftSettings loft,
        PeerSettings peers) {
    /** The share of the steps over which the learning rate rises, where nothing else is asked for. */
    public static final double WARMUP_RATIO = 0.06;

    public TrainConfig {
        List<String> problems = new ArrayList<>();
        Checks.collect(problems, () -> Checks.positive("num_train_epochs", epochs));
        Checks.collect(problems, () -> Checks.atLeast("max_steps", maxSteps, 0));
        Checks.collect(problems, () -> Checks.atLeast("per_device_train_batch_size", batchSize, 1));
        Checks.collect(problems, () -> Checks.atLeast("per_device_eval_batch_size", evalBatchSize, 1));
        Checks.collect(problems, () -> Checks.atLeast("gradient_accumulation_steps", gradientAccumulationSteps, 1));
        Checks.collect(problems, () -> Checks.positive("learning_rate", learningRate));
        Checks.collect(problems, () -> Checks.positive("head_learning_rate", headLearningRate));
        Checks.collect(problems, () -> Checks.fraction("min_lr_ratio", minLrRatio));
        if (schedule == Schedule.Kind.CONSTANT && minLrRatio > 0) {
            problems.add("min_lr_ratio is of courses that fall, and lr_scheduler_type is constant: leave it out");
        }
        if (schedule == Schedule.Kind.COSINE_WITH_MIN_LR && minLrRatio == 0) {
            problems.add("lr_scheduler_type cosine_with_min_lr needs a min_lr_ratio above 0: set it, or take cosine");
        }
        Checks.collect(problems, () -> Checks.fraction("warmup_ratio", warmupRatio));
        Checks.collect(problems, () -> Checks.atLeast("warmup_steps", warmupSteps, 0));
        if (warmupSteps > 0 && warmupRatio > 0) {
            problems.add(
                    "warmup_steps and warmup_ratio exclude each other, got " + warmupSteps + " and " + warmupRatio);
        }
        Checks.collect(problems, () -> Checks.notNegative("weight_decay", weightDecay));
        Checks.collect(problems, () -> Checks.notNegative("max_grad_norm", maxGradNorm));
        Checks.collect(problems, () -> Checks.fraction("adam_beta1", beta1));
        Checks.collect(problems, () -> Checks.fraction("adam_beta2", beta2));
        Checks.collect(problems, () -> Checks.positive("adam_epsilon", eps));
        Checks.collect(problems, () -> Checks.atLeast("logging_steps", loggingSteps, 1));
        Checks.collect(problems, () -> Checks.atLeast("diagnostics_steps", diagnosticsSteps, 0));
        Checks.collect(problems, () -> Checks.atLeast("eval_steps", evalSteps, 0));
        Checks.collect(problems, () -> Checks.atLeast("save_steps", saveSteps, 0));
        Checks.collect(problems, () -> Checks.atLeast("save_total_limit", saveTotalLimit, 0));
        Checks.collect(problems, () -> Checks.atLeast("early_stopping_patience", earlyStoppingPatience, 0));
        if (divergenceFactor != 0 && !(divergenceFactor > 1 && divergenceFactor < Double.POSITIVE_INFINITY)) {
            problems.add("divergence_factor must be greater than 1, or 0 to go on whatever the loss does, got "
                    + divergenceFactor);
        }
        problems.addAll(loft.problems(method));
        problems.addAll(peers.problems(method));
        // the data may bring scores of its own: RunCheck knows them
        if (!metricForBest.matches("[a-z][a-z0-9_]*")) {
            problems.add("metric_for_best_model must be the name of a score, such as "
                    + String.join(", ", Evaluation.METRICS) + ", got " + metricForBest);
        }
        if (!problems.isEmpty()) {
            throw new ConfigException(String.join("\n", problems));
        }
    }

    /** The defaults of a method, to be changed; the learning rate is that of hidden size 384: {@link Method#learningRate(long)}. */
    public static Builder builder(Method method) {
        return new Builder(method);
    }

    /** The defaults of a method for a model, whose width the learning rate goes with. */
    public static Builder builder(Method method, Model model) {
        return builder(method)
                .learningRate(method.learningRate(model.description().hiddenSize()));
    }

    /** The settings by their Hugging Face names, for the record of the run. */
    public Map<String, Object> toMap() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("method", method.word());
        // whole numbers as they have always been written
        map.put("num_train_epochs", epochs == Math.rint(epochs) ? (Object) (long) epochs : (Object) epochs);
        map.put("max_steps", maxSteps);
        map.put("per_device_train_batch_size", batchSize);
        map.put("per_device_eval_batch_size", evalBatchSize);
        map.put("gradient_accumulation_steps", gradientAccumulationSteps);
        map.put("learning_rate", learningRate);
        map.put("head_learning_rate", headLearningRate);
        map.put("lr_scheduler_type", schedule.name().toLowerCase(Locale.ROOT));
        map.put("min_lr_ratio", minLrRatio);
        map.put("warmup_ratio", warmupRatio);
        map.put("warmup_steps", warmupSteps);
        map.put("weight_decay", weightDecay);
        map.put("max_grad_norm", maxGradNorm);
        map.putAll(loss.toMap());
        map.put("adam_beta1", beta1);
        map.put("adam_beta2", beta2);
        map.put("adam_epsilon", eps);
        map.put("seed", seed);
        map.put("logging_steps", loggingSteps);
        map.put("diagnostics_steps", diagnosticsSteps);
        map.put("eval_steps", evalSteps);
        map.put("save_steps", saveSteps);
        map.put("save_total_limit", saveTotalLimit);
        map.put("early_stopping_patience", earlyStoppingPatience);
        map.put("metric_for_best_model", metricForBest);
        map.put("load_best_model_at_end", loadBestAtEnd);
        map.put("group_by_length", groupByLength);
        map.put("gradient_checkpointing", gradientCheckpointing);
        map.put("divergence_factor", divergenceFactor);
        map.put("save_in_background", saveInBackground);
        map.putAll(loft.toMap(method));
        map.putAll(peers.toMap());
        return map;
    }

    /** Collects settings; {@link #build} checks them. */
    public static final class Builder {
        private final Method method;
        private double epochs = 1;
        private long maxSteps;
        private int batchSize = 8;
        private int evalBatchSize = 32;
        private int gradientAccumulationSteps = 1;
        private double learningRate;
        private double headLearningRate = Method.HEAD_LEARNING_RATE;
        private Schedule.Kind schedule = Schedule.Kind.LINEAR;
        private double minLrRatio;
        private @Nullable Double warmupRatio;
        private long warmupSteps;
        private double weightDecay;
        private double maxGradNorm = 1;
        private final List<UnaryOperator<LossSettings>> loss = new ArrayList<>();
        private double beta1;
        private double beta2;
        private @Nullable Double eps;
        private long seed;
        private int loggingSteps = 10;
        private long diagnosticsSteps;
        private long evalSteps;
        private long saveSteps;
        private int saveTotalLimit = 2;
        private int earlyStoppingPatience;
        private String metricForBest = "loss";
        private boolean loadBestAtEnd = true;
        private boolean groupByLength = true;
        private boolean gradientCheckpointing;
        private double divergenceFactor = 2;
        private boolean saveInBackground = true;
        private final List<UnaryOperator<LoftSettings>> loft = new ArrayList<>();
        private final List<UnaryOperator<PeerSettings>> peers = new ArrayList<>();

        private Builder(Method method) {
            this.method = method;
            this.learningRate = method.learningRate();
            this.beta1 = method.beta1();
            this.beta2 = method.beta2();
        }

        public Builder epochs(double value) {
            epochs = value;
            return this;
        }

        public Builder maxSteps(long value) {
            maxSteps = value;
            return this;
        }

        public Builder batchSize(int value) {
            batchSize = value;
            return this;
        }

        public Builder evalBatchSize(int value) {
            evalBatchSize = value;
            return this;
        }

        public Builder gradientAccumulationSteps(int value) {
            gradientAccumulationSteps = value;
            return this;
        }

        public Builder learningRate(double value) {
            learningRate = value;
            return this;
        }

        public Builder headLearningRate(double value) {
            headLearningRate = value;
            return this;
        }

        public Builder schedule(Schedule.Kind value) {
            schedule = Objects.requireNonNull(value);
            return this;
        }

        public Builder minLrRatio(double value) {
            minLrRatio = value;
            return this;
        }

        /** 0.06 unless set, or 0 with {@link #warmupSteps}. */
        public Builder warmupRatio(double value) {
            warmupRatio = value;
            return this;
        }

        public Builder warmupSteps(long value) {
            warmupSteps = value;
            return this;
        }

        public Builder weightDecay(double value) {
            weightDecay = value;
            return this;
        }

        public Builder maxGradNorm(double value) {
            maxGradNorm = value;
            return this;
        }

        /** Changes some of the loss. */
        public Builder loss(UnaryOperator<LossSettings> change) {
            loss.add(change);
            return this;
        }

        public Builder betas(double first, double second) {
            return beta1(first).beta2(second);
        }

        public Builder beta1(double value) {
            beta1 = value;
            return this;
        }

        public Builder beta2(double value) {
            beta2 = value;
            return this;
        }

        /** {@link Method#eps} unless set; 1e-4 with {@link LoftSettings#reference}. */
        public Builder eps(double value) {
            eps = value;
            return this;
        }

        public Builder seed(long value) {
            seed = value;
            return this;
        }

        public Builder loggingSteps(int value) {
            loggingSteps = value;
            return this;
        }

        public Builder diagnosticsSteps(long value) {
            diagnosticsSteps = value;
            return this;
        }

        public Builder evalSteps(long value) {
            evalSteps = value;
            return this;
        }

        public Builder saveSteps(long value) {
            saveSteps = value;
            return this;
        }

        public Builder saveTotalLimit(int value) {
            saveTotalLimit = value;
            return this;
        }

        public Builder earlyStoppingPatience(int value) {
            earlyStoppingPatience = value;
            return this;
        }

        public Builder metricForBest(String value) {
            metricForBest = value;
            return this;
        }

        public Builder loadBestAtEnd(boolean value) {
            loadBestAtEnd = value;
            return this;
        }

        public Builder groupByLength(boolean value) {
            groupByLength = value;
            return this;
        }

        public Builder gradientCheckpointing(boolean value) {
            gradientCheckpointing = value;
            return this;
        }

        public Builder divergenceFactor(double value) {
            divergenceFactor = value;
            return this;
        }

        public Builder saveInBackground(boolean value) {
            saveInBackground = value;
            return this;
        }

        public Builder loft(LoftSettings value) {
            return loft(before -> value);
        }

        /** Changes some of what is changed about LoFT. */
        public Builder loft(UnaryOperator<LoftSettings> change) {
            loft.add(change);
            return this;
        }

        /** Changes some of what is changed about the methods beside LoFT. */
        public Builder peers(UnaryOperator<PeerSettings> change) {
            peers.add(change);
            return this;
        }

        /** @throws ConfigException that names every setting that is wrong, those that a change refused among them */
        public TrainConfig build() {
            List<String> problems = new ArrayList<>();
            LossSettings ofLoss = changed(LossSettings.defaults(), loss, problems);
            LoftSettings ofLoft = changed(LoftSettings.defaults(), loft, problems);
            PeerSettings ofPeers = changed(PeerSettings.defaults(), peers, problems);
            TrainConfig built = Checks.collect(problems, () -> build(ofLoss, ofLoft, ofPeers));
            if (built == null || !problems.isEmpty()) {
                throw new ConfigException(String.join("\n", problems));
            }
            return built;
        }

        private static <T> T changed(T start, List<UnaryOperator<T>> changes, List<String> problems) {
            T settings = start;
            for (UnaryOperator<T> change : changes) {
                T before = settings;
                T after = Checks.collect(problems, () -> Objects.requireNonNull(change.apply(before)));
                settings = after == null ? before : after;
            }
            return settings;
        }

        private TrainConfig build(LossSettings ofLoss, LoftSettings ofLoft, PeerSettings ofPeers) {
            return new TrainConfig(
                    method,
                    epochs,
                    maxSteps,
                    batchSize,
                    evalBatchSize,
                    gradientAccumulationSteps,
                    learningRate,
                    headLearningRate,
                    schedule,
                    minLrRatio,
                    warmupRatio == null ? (warmupSteps > 0 ? 0 : WARMUP_RATIO) : warmupRatio,
                    warmupSteps,
                    weightDecay,
                    maxGradNorm,
                    ofLoss,
                    beta1,
                    beta2,
                    eps == null
                            ? (ofLoft.reference() ? LoftConfig.publishedCode().eps() : method.eps())
                            : eps,
                    seed,
                    loggingSteps,
                    diagnosticsSteps,
                    evalSteps,
                    saveSteps,
                    saveTotalLimit,
                    earlyStoppingPatience,
                    metricForBest,
                    loadBestAtEnd,
                    groupByLength,
                    gradientCheckpointing,
                    divergenceFactor,
                    saveInBackground,
                    ofLoft,
                    ofPeers);
        }
    }
}
